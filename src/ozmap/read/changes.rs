//! Reads what changed since a time, which costs two requests where nothing did. An optimisation: what it misses, the next
//! whole read brings (`ozmap-api.md` 2.2: a house that lost its client and a client that is gone do not show).

use std::time::SystemTime;

use serde_json::{Value, json};

use super::{Pages, Seen};
use crate::model::Timestamp;
use crate::ozmap::directory::Changes;
use crate::ozmap::error::OzmapError;
use crate::ozmap::http::Client;
use crate::ozmap::lenient::Object;
use crate::ozmap::rows::{Page, RawClient, RawProperty, Row};

/// More pages than these are no small change: the whole is read instead.
const MOST_PAGES: usize = 20;

/// Rows in a page.
const PAGE_SIZE: usize = 500;

/// What became of a read of changes.
#[derive(Debug)]
pub enum Heard {
    /// What changed.
    Changes(Changes),
    /// More than this is for.
    TooMuch,
    /// Rows came that did not change since, or that do not say when they did: OZmap does not know this filter.
    FilterIgnored,
}

impl Client {
    /// Reads houses, and then clients, that changed since this time by OZmap's clock.
    ///
    /// # Errors
    /// The first page that cannot be had ends it.
    pub async fn read_changes(&self, since: Timestamp) -> Result<Heard, OzmapError> {
        let read_at = Some(Timestamp::from(SystemTime::now()));
        let filter = changed_since(since);
        let mut changes = Changes { read_at, ..Changes::default() };

        let mut pages = Pages::<RawProperty>::new(self, "properties", filter.clone(), PAGE_SIZE);
        let mut count = 0;
        while let Some(page) = pages.next().await? {
            count += 1;
            let before = changes.properties.len();
            let (seen, ignored) = (Seen::of(&page), is_older(&page, since, RawProperty::changed_at));
            // A house without a client, and a row that cannot be read, wait for the whole read.
            changes.properties.extend(page.rows.0.into_iter().filter_map(|row| match row.row() {
                Row::Served(row) => Some(*row),
                Row::Empty | Row::Unreadable => None,
            }));
            match () {
                () if ignored => return Ok(Heard::FilterIgnored),
                () if count > MOST_PAGES => return Ok(Heard::TooMuch),
                () => pages.after(&seen, changes.properties.len() > before),
            }
        }

        let mut pages = Pages::<RawClient>::new(self, "ftth-clients", filter, PAGE_SIZE);
        let mut count = 0;
        while let Some(page) = pages.next().await? {
            count += 1;
            let before = changes.clients.len();
            let (seen, ignored) = (Seen::of(&page), is_older(&page, since, RawClient::changed_at));
            changes.clients.extend(page.rows.0.into_iter().filter_map(Object::known).filter_map(RawClient::row));
            match () {
                () if ignored => return Ok(Heard::FilterIgnored),
                () if count > MOST_PAGES => return Ok(Heard::TooMuch),
                () => pages.after(&seen, changes.clients.len() > before),
            }
        }
        Ok(Heard::Changes(changes))
    }
}

fn changed_since(since: Timestamp) -> Value {
    let since = std::time::UNIX_EPOCH + std::time::Duration::from_millis(since.millis());
    let text = humantime::format_rfc3339_millis(since).to_string();
    json!([{"property": "updatedAt", "operator": ">=", "value": text}])
}

/// Whether a row is not of those that were asked for.
fn is_older<T>(page: &Page<T>, since: Timestamp, changed_at: impl Fn(&T) -> Option<Timestamp>) -> bool {
    page.rows.0.iter().any(|row| match row {
        Object::Known(row) => changed_at(row).is_none_or(|time| time < since),
        Object::Absent | Object::Bare(_) => false,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::Value;

    use super::*;
    use crate::ozmap::fake::{Fake, client_id, house, quick};

    const BEGIN: &str = "2026-03-21T14:00:00.000Z";

    fn at(seconds: u64) -> Timestamp {
        let begin = humantime::parse_rfc3339(BEGIN).unwrap();
        Timestamp::from(begin + Duration::from_secs(seconds))
    }

    /// A house whose client, and which itself, changed at these times.
    fn changed(n: usize, property: u64, client: u64) -> Value {
        let text = |seconds: u64| {
            let time = std::time::UNIX_EPOCH + Duration::from_millis(at(seconds).millis());
            humantime::format_rfc3339_millis(time).to_string()
        };
        let mut row = house(n);
        row["updatedAt"] = text(property).into();
        row["client"]["updatedAt"] = text(client).into();
        row
    }

    fn client(fake: &Fake) -> Client {
        Client::with_timing(&fake.config(), quick()).unwrap()
    }

    #[tokio::test]
    async fn only_what_changed_comes_and_costs_two_requests() {
        let rows = (0..1000).map(|n| changed(n, if n == 7 { 60 } else { 0 }, if n == 9 { 90 } else { 0 })).collect();
        let fake = Fake::start(rows).await;
        let Heard::Changes(changes) = client(&fake).read_changes(at(30)).await.unwrap() else { panic!() };
        let houses: Vec<String> = changes.properties.iter().map(|row| row.client.id.to_string()).collect();
        let clients: Vec<String> = changes.clients.iter().map(|row| row.id.to_string()).collect();
        assert_eq!((houses, clients), (vec![client_id(7)], vec![client_id(9)]));
        let log = fake.world(|world| world.log.clone());
        let lines: Vec<&str> = log.iter().map(|seen| seen.line.as_str()).collect();
        assert_eq!(lines, ["GET /properties", "GET /ftth-clients"]);
        assert_eq!(
            log[0].query["filter"],
            r#"[{"operator":">=","property":"updatedAt","value":"2026-03-21T14:00:30.000Z"}]"#
        );
    }

    #[tokio::test]
    async fn a_server_that_knows_no_such_filter_is_noticed_at_the_first_page() {
        for rows in [(0..1200).map(|n| changed(n, 0, 0)).collect(), (0..1200).map(house).collect::<Vec<_>>()] {
            let fake = Fake::start(rows).await;
            fake.world(|world| world.filter_ignored = true);
            assert!(matches!(client(&fake).read_changes(at(30)).await.unwrap(), Heard::FilterIgnored));
            assert!(fake.world(|world| world.log.len()) <= 1);
        }
    }

    #[tokio::test]
    async fn a_flood_of_changes_is_left_to_the_whole_read() {
        let fake = Fake::start((0..300).map(|n| changed(n, 60, 60)).collect()).await;
        fake.world(|world| world.page_cap = Some(10));
        assert!(matches!(client(&fake).read_changes(at(30)).await.unwrap(), Heard::TooMuch));
    }
}
