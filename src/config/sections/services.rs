//! `[store]`, `[http]`, `[trap]`, `[incident]` and `[mibs]`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::address;
use crate::config::model::{Http, Incident, Keep, Store, Trap};
use crate::config::reader::{At, Section};
use crate::config::schema::{HTTP, INCIDENT, MIBS, STORE, TRAP};
use crate::config::secret::Wanted;

const TOKEN: Wanted =
    Wanted { stem: "token", inline: true, what: "the token that opens the pages", least: 1, header: true };

/// Where HTTP listens unless told otherwise.
const HTTP_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9161);

pub(super) fn path(section: &Section<'_>, key: &str, expected: &str) -> Option<PathBuf> {
    let path = section.text(key, expected, |text| {
        if text.is_empty() || text.contains('\0') { Err(String::new()) } else { Ok(text) }
    })?;
    Some(section.reader.base_dir.join(path.value))
}

/// `[store]`, if it is there.
pub(in crate::config) fn store(root: &Section<'_>) -> Option<Store> {
    let section = root.section("store", &STORE)?;
    let path = path(&section, "path", "the path of the database");
    let usual = Keep::default();
    let raw = section.duration("keep").unwrap_or(usual.raw);
    // What is thinned is never gone before what it was thinned from.
    let hourly = section.duration("keep_hourly").unwrap_or(usual.hourly).max(raw);
    let daily = section.duration("keep_daily").unwrap_or(usual.daily).max(hourly);
    Some(Store {
        path: path.unwrap_or_else(|| section.reader.base_dir.join("oltwatch.db")),
        keep: Keep { raw, hourly, daily },
    })
}

fn listen(section: &Section<'_>) -> Option<At<SocketAddr>> {
    section.text("listen", "an IP address and a port, such as \"127.0.0.1:9161\"", address::listener)
}

/// `[http]`, if it is there.
pub(in crate::config) fn http(root: &Section<'_>) -> Option<Http> {
    let section = root.section("http", &HTTP)?;
    let listen = listen(&section);
    let token = section.secret(&TOKEN);
    let no_token = ["token", "token_file", "token_env"].iter().all(|key| section.at(key).is_none());
    if let Some(listen) = listen.as_ref().filter(|listen| no_token && !listen.value.ip().to_canonical().is_loopback()) {
        let message = format!(
            "http.listen: {} can be reached from other machines, so a token is needed: expected exactly one of \
             \"token_file\", \"token_env\", \"token\"",
            listen.value
        );
        section.reader.problem(&listen.span, message);
    }
    Some(Http { listen: listen.map_or(HTTP_LISTEN, |at| at.value), token })
}

/// `[trap]`, if it is there.
pub(in crate::config) fn trap(root: &Section<'_>) -> Option<Trap> {
    let section = root.section("trap", &TRAP)?;
    Some(Trap { listen: listen(&section).map(|at| at.value) })
}

/// `[incident]`, or its defaults.
pub(in crate::config) fn incident(root: &Section<'_>) -> Incident {
    let section = root.section("incident", &INCIDENT);
    let settle = section.and_then(|section| section.duration_or_zero("settle"));
    Incident { settle: settle.unwrap_or(Duration::from_secs(10)) }
}

/// The folder of `[mibs]`.
pub(in crate::config) fn mibs(root: &Section<'_>) -> Option<PathBuf> {
    path(&root.section("mibs", &MIBS)?, "path", "the path of a folder with profiles")
}
