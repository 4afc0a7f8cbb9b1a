//! Why no traps can be received.

use std::io;
use std::net::SocketAddr;

/// The port cannot be listened on: the operator's to mend.
#[derive(Debug, thiserror::Error)]
#[error("trap.listen: cannot listen for traps on UDP {address}: {why}{}", remedy(.why, *.address))]
pub struct BindError {
    /// Where.
    pub address: SocketAddr,
    /// What the system said.
    pub why: io::Error,
}

/// What to do about it, as far as the error tells.
fn remedy(why: &io::Error, address: SocketAddr) -> String {
    match why.kind() {
        io::ErrorKind::PermissionDenied => format!(
            ". Ports below 1024 need the capability CAP_NET_BIND_SERVICE (in a systemd unit: \
             AmbientCapabilities=CAP_NET_BIND_SERVICE) or root; or listen on a higher port, such as \"{}\", and send the \
             OLTs' traps there",
            SocketAddr::new(address.ip(), 1162)
        ),
        io::ErrorKind::AddrInUse => format!(
            ". Another program has the port, often snmptrapd; `ss -lunp 'sport = :{}'` shows which",
            address.port()
        ),
        io::ErrorKind::AddrNotAvailable => {
            ". This machine has no such address; 0.0.0.0 listens on all it has".to_owned()
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_to_do() {
        let address = "0.0.0.0:162".parse().unwrap();
        let text = |kind: io::ErrorKind| BindError { address, why: kind.into() }.to_string();
        for (kind, advice) in [
            (io::ErrorKind::PermissionDenied, "CAP_NET_BIND_SERVICE"),
            (io::ErrorKind::PermissionDenied, "\"0.0.0.0:1162\""),
            (io::ErrorKind::AddrInUse, "ss -lunp 'sport = :162'"),
            (io::ErrorKind::AddrNotAvailable, "0.0.0.0 listens on all"),
            (io::ErrorKind::OutOfMemory, "trap.listen: cannot listen for traps on UDP 0.0.0.0:162"),
        ] {
            assert!(text(kind).contains(advice), "{}", text(kind));
        }
    }
}
