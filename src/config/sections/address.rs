//! Addresses as operators write them: OLTs, listeners, web services.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use reqwest::Url;

/// An OLT's address with its port, 161 unless given: `host:port` or `[ipv6]:port`.
///
/// # Errors
/// What is wrong with it, as a hint for a message.
pub(super) fn agent(text: &str) -> Result<String, String> {
    const SNMP: u16 = 161;
    if let Some((scheme, rest)) = text.split_once("://") {
        return Err(
            format!("; without {:?}", format!("{scheme}://")) + if rest.is_empty() { ", and with a host" } else { "" }
        );
    }
    // `fe80::1%2` needs the brackets to be parsed with its scope.
    let bare_v6 = text.parse::<Ipv6Addr>().is_ok() || format!("[{text}]:1").parse::<SocketAddrV6>().is_ok();
    if bare_v6 {
        return Ok(format!("[{text}]:{SNMP}"));
    }
    if text.starts_with('[') {
        let with_port = if text.ends_with(']') { format!("{text}:{SNMP}") } else { text.to_owned() };
        let address: SocketAddrV6 = with_port
            .parse()
            .map_err(|_| "; an IPv6 address stands in brackets, such as [2001:db8::1]:161".to_owned())?;
        return if address.port() == 0 { Err(NO_PORT.to_owned()) } else { Ok(with_port) };
    }
    let (host, port) = match text.split_once(':') {
        None => (text, SNMP),
        Some((_, rest)) if rest.contains(':') => {
            return Err("; neither an IPv6 address nor host:port".to_owned());
        }
        Some((host, port)) => (host, port_of(port)?),
    };
    host_name(host)?;
    Ok(format!("{host}:{port}"))
}

const NO_PORT: &str = "; a port is a number from 1 to 65535";

fn port_of(text: &str) -> Result<u16, String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port > 0).ok_or_else(|| NO_PORT.to_owned())
}

/// Accepts IPv4 addresses and names of hosts (RFC 1123, and underscores, which many networks use).
fn host_name(host: &str) -> Result<(), String> {
    if host.parse::<Ipv4Addr>().is_ok() {
        return Ok(());
    }
    let labels: Vec<&str> = host.strip_suffix('.').unwrap_or(host).split('.').collect();
    let good = |label: &&str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if host.len() > 253 || !labels.iter().all(good) {
        return Err("; that is no name of a host".to_owned());
    }
    let numeric = labels.last().is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit()));
    if numeric {
        return Err("; an IPv4 address has four numbers up to 255".to_owned());
    }
    Ok(())
}

/// A listener's address.
///
/// # Errors
/// What is wrong with it, as a hint for a message.
pub(super) fn listener(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let port = text.rsplit_once(':').map(|(_, port)| port).unwrap_or(text);
    let near = if port.parse::<u16>().is_err() {
        return Err("; the port is missing or no number up to 65535".to_owned());
    } else if text.starts_with("localhost:") {
        format!("127.0.0.1:{port}")
    } else if text.len() == port.len() || text.starts_with(':') || text.starts_with("*:") {
        format!("0.0.0.0:{port}")
    } else {
        return Err("; a name of a host cannot be listened on".to_owned());
    };
    Err(format!("; did you mean {near:?}?"))
}

/// A web address without user, query and fragment.
///
/// # Errors
/// What is wrong with it, as a hint for a message; never a part of the address after the scheme.
pub(super) fn web(text: &str) -> Result<Url, String> {
    let lower = text.to_ascii_lowercase();
    if !lower.starts_with("http://") && !lower.starts_with("https://") {
        return Err("; it must begin with https:// or http://".to_owned());
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\') {
        return Err("; it holds spaces or other characters that no address has".to_owned());
    }
    let url = Url::parse(text).map_err(|error| format!("; {error}"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("; a user or password in the address is not supported".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("; without anything after ? or #".to_owned());
    }
    if url.port() == Some(0) {
        return Err(NO_PORT.to_owned());
    }
    Ok(url)
}

/// OZmap's address, normalised to end in `/api/v2`.
///
/// # Errors
/// What is wrong with it, as a hint for a message.
pub(super) fn ozmap(text: &str) -> Result<Url, String> {
    let mut url = web(text)?;
    let path = url.path().trim_end_matches('/').to_owned();
    let prefix = path.strip_suffix("/api/v2").unwrap_or(&path).trim_end_matches('/').to_owned();
    let version = prefix.rsplit_once("/api/v").map(|(_, version)| version);
    if version.is_some_and(|version| !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit())) {
        return Err("; only version 2 of OZmap's API is spoken, /api/v2".to_owned());
    }
    url.set_path(&format!("{prefix}/api/v2"));
    Ok(url)
}

/// Whether a web address stays on this machine.
pub(super) fn is_local(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agents_address_gets_its_port() {
        for (text, full) in [
            ("192.0.2.10", "192.0.2.10:161"),
            ("192.0.2.10:1161", "192.0.2.10:1161"),
            ("olt_1.example.net", "olt_1.example.net:161"),
            ("olt.example.:162", "olt.example.:162"),
            ("2001:db8::1", "[2001:db8::1]:161"),
            ("[2001:db8::1]", "[2001:db8::1]:161"),
            ("[2001:db8::1]:1161", "[2001:db8::1]:1161"),
            ("::1", "[::1]:161"),
            ("fe80::1%2", "[fe80::1%2]:161"),
        ] {
            assert_eq!(agent(text).as_deref(), Ok(full), "{text}");
        }
    }

    #[test]
    fn what_is_no_agents_address_is_refused() {
        let long = "a".repeat(64);
        for text in [
            "",
            ":",
            ":161",
            "host:",
            "host:0",
            "host:65536",
            "host:+1",
            "192.0.2",
            "192.0.2.256",
            "1.2.3.4.5",
            "udp://192.0.2.1",
            "[::1",
            "[::1]:0",
            "[::1]:",
            "[host]:1",
            "1:2:3",
            "a b",
            "host/161",
            "public@192.0.2.1",
            "-a",
            "a..b",
            &long,
        ] {
            assert!(agent(text).is_err(), "{text}");
        }
    }

    #[test]
    fn ozmaps_address_ends_in_its_api() {
        for (text, full) in [
            ("https://isp.ozmap.com.br:9994", "https://isp.ozmap.com.br:9994/api/v2"),
            ("https://isp.ozmap.com.br:9994/", "https://isp.ozmap.com.br:9994/api/v2"),
            ("https://isp.ozmap.com.br:9994/api/v2", "https://isp.ozmap.com.br:9994/api/v2"),
            ("https://isp.ozmap.com.br:9994/api/v2//", "https://isp.ozmap.com.br:9994/api/v2"),
            ("HTTP://127.0.0.1:1/oz/", "http://127.0.0.1:1/oz/api/v2"),
            ("http://[::1]:1", "http://[::1]:1/api/v2"),
        ] {
            assert_eq!(ozmap(text).unwrap().as_str(), full, "{text}");
        }
        for text in [
            "isp.ozmap.com.br:9994",
            "ftp://x",
            "https://",
            "https://u:p@x",
            "https://x?token=1",
            "https://x/#a",
            "https://x y",
            "https://x/api/v1",
            "https://x:0",
            "https://x:99999",
            "https:x",
        ] {
            assert!(ozmap(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_loopback_is_local() {
        for (text, local) in [
            ("http://127.0.0.1:1", true),
            ("http://localhost", true),
            ("http://[::1]:9", true),
            ("http://192.0.2.1", false),
            ("http://localhost.example", false),
        ] {
            assert_eq!(is_local(&web(text).unwrap()), local, "{text}");
        }
    }

    #[test]
    fn a_listener_is_an_ip_address_and_a_port() {
        assert!(listener("127.0.0.1:0").is_ok());
        assert!(listener("[::]:9161").is_ok());
        for (text, hint) in [
            ("localhost:9161", "127.0.0.1:9161"),
            (":9161", "0.0.0.0:9161"),
            ("*:9161", "0.0.0.0:9161"),
            ("9161", "0.0.0.0:9161"),
            ("127.0.0.1", "port is missing"),
            ("olt.example:80", "name of a host"),
        ] {
            assert!(listener(text).unwrap_err().contains(hint), "{text}");
        }
    }
}
