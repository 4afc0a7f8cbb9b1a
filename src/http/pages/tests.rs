//! The pages over known snapshots, through HTTP.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::super::server::Limits;
use super::super::testing::{self, NOW, Running, TOKEN};
use crate::daemon::{Board, IncidentView, OltReport};
use crate::incident::{Alternative, Incident, IncidentId, Kind, Member, NamedElement, Place, Port, Severity, State};
use crate::model::{ClientId, Dbm, Decibels, ElementId, Metres, OltId, OnuKey, PonId, Reading};
use crate::ozmap::PlantSnapshot;
use crate::plant::{Coords, HeadEnd, Hop, HopKind, Named, Parent, ParentKind, Plant, PlantBuilder, Route};

fn id(number: u32) -> ElementId {
    let mut octets = [0; 12];
    octets[8..].copy_from_slice(&number.to_be_bytes());
    ElementId::from_octets(octets)
}

/// The client of an ONU of `testing::town`, as `testing::push` knows it.
fn client(onu: u32) -> ClientId {
    format!("65a0{onu:020}").parse().unwrap()
}

fn hop(kind: HopKind, number: u32, parent: (ParentKind, u32, &str), metres: f64) -> Hop {
    let (kind_of, holder, name) = parent;
    Hop {
        kind,
        element: Named::new(id(number), ""),
        port: (kind == HopKind::Splitter).then_some(1),
        parent: Some(Parent { kind: kind_of, named: Named::new(id(holder), name), length: None }),
        loss: Some(Decibels::new(1.0).unwrap()),
        distance: Metres::new(metres).unwrap(),
    }
}

/// A feeder to CEO 07, and from there a cable to CTO 12 (ONUs 3 and 4) and one to CTO <13> (nobody that is monitored).
fn plant() -> Plant {
    let mut builder = PlantBuilder::new();
    let boxes = [(600, "CEO 07", -48.50), (712, "CTO 12", -48.51), (713, "CTO <13>", -48.49)];
    for (number, name, lng) in boxes {
        let coords = Coords::new(lng, -27.5).ok();
        builder.place(&crate::plant::Place { id: id(number), name: Some(Arc::from(name)), coords });
    }
    let mut add = |who: ClientId, cto: usize, drop: u32| {
        let (number, name, _) = boxes[cto];
        let cable = format!("CABO {number}");
        let route = Route {
            head_end: Some(HeadEnd {
                olt: Named::new(id(1), "OLT"),
                slot: Named::new(id(2), "1"),
                pon: Named::new(id(20), "PON 1"),
            }),
            pon_reached: true,
            launch: Some(Dbm::new(4.0).unwrap()),
            loss: Some(Decibels::new(24.0).unwrap()),
            hops: vec![
                hop(HopKind::Fiber, 100, (ParentKind::Cable, 500, "CABO 01"), 1000.0),
                hop(HopKind::Splitter, 200, (ParentKind::Place, 600, "CEO 07"), 1000.0),
                hop(HopKind::Fiber, 300 + number, (ParentKind::Cable, 5000 + number, &cable), 1600.0),
                hop(HopKind::Splitter, 1400 + number, (ParentKind::Place, number, name), 1600.0),
                hop(HopKind::Fiber, 50_000 + drop, (ParentKind::Drop, 60_000 + drop, ""), 1640.0),
            ],
        };
        builder.client(who, Some(id(number)));
        builder.route(who, &route);
    };
    add(client(3), 1, 3);
    add(client(4), 1, 4);
    add(client(900), 2, 900);
    builder.build()
}

fn member(onu: u32, is_up: bool) -> Member {
    Member {
        olt: OltId::new("olt-centro"),
        pon: PonId::new(&[0, 1, (onu - 1) / 3]).ok(),
        onu: Some(onu),
        key: OnuKey::new(&[4_194_304, onu]),
        serial: format!("HWTC{onu:08X}").parse().ok(),
        client_id: Some(client(onu)),
        code: Some((10_000 + onu).to_string().into()),
        place: Some("CTO 12".into()),
        is_up,
    }
}

fn element(kind: &'static str, number: u32, name: &str) -> NamedElement {
    NamedElement { kind, id: Some(id(number)), name: Some(name.to_owned()) }
}

fn incident(number: u64, state: State) -> Incident {
    let place = Place {
        element: element("cable", 5712, "CABO 712"),
        from: Some(element("box", 600, "CEO 07")),
        to: Some(element("box", 712, "CTO 12")),
        metres_from_olt: Some([1000, 1600]),
        coords: Coords::new(-48.505, -27.5).ok(),
    };
    let other =
        Place { element: element("box", 712, "CTO 12"), from: None, to: None, metres_from_olt: None, coords: None };
    Incident {
        id: IncidentId::new(NOW, number),
        kind: Kind::Cut,
        state,
        opened_at: NOW,
        cleared_at: (state == State::Cleared).then_some(NOW + Duration::from_secs(600)),
        severity: Severity::Major,
        olts: vec![OltId::new("olt-centro")],
        pons: vec![Port { olt: OltId::new("olt-centro"), pon: PonId::new(&[0, 1, 1]).ok() }],
        place: Some(place),
        confidence: 0.97,
        alternatives: vec![Alternative { kind: Kind::Power, place: Some(other), odds: 0.02 }],
        monitored: 2,
        lost: 2,
        recovered: u32::from(state != State::Open),
        parent: None,
        evidence: "2 of 2 clients behind CTO 12 lost light, none gasped".to_owned(),
        closing: None,
        onus: vec![member(3, state != State::Open), member(4, state == State::Cleared)],
    }
}

/// The town with an open incident and one that is over, and its plant.
async fn town(token: Option<&str>) -> Running {
    let (board, reports) =
        Board::still(NOW, vec![testing::town(), testing::silent("olt norte/2")], Some(testing::push()));
    let view = IncidentView {
        open: vec![Arc::new(incident(1, State::Open))],
        cleared: VecDeque::from([Arc::new(incident(2, State::Cleared))]),
        opened: 2,
    };
    let plant = PlantSnapshot { plant: Arc::new(plant()), ..PlantSnapshot::empty(NOW) };
    testing::start_board(board.surveyed(testing::survey()).explained(view, plant), reports, token, Limits::USUAL).await
}

/// A page as a browser gets it: its status and its text.
async fn browse(server: &Running, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let mut request = server.client.get(format!("{}{path}", server.url)).header("accept", "text/html");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

async fn page(server: &Running, path: &str) -> String {
    let (status, page) = browse(server, path, &[]).await;
    assert_eq!(status, 200, "{path}: {page}");
    page
}

/// The values of an attribute in a page.
fn attributes<'p>(page: &'p str, name: &str) -> Vec<&'p str> {
    page.split(&format!(" {name}=\"")).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

const PAGES: [&str; 10] = [
    "/",
    "/incidents",
    "/olts",
    "/onus",
    "/onus?q=maria&state=down",
    "/olts/olt-centro",
    "/olts/olt%20norte/2",
    "/pons/olt-centro/0/1/1",
    "/onus/olt-centro/4194304.4",
    "/about",
];

#[tokio::test]
async fn every_link_of_every_page_leads_to_a_page() {
    let server = town(None).await;
    let (mut seen, mut todo) = (BTreeSet::new(), VecDeque::from(["/".to_owned()]));
    while let Some(path) = todo.pop_front() {
        if !seen.insert(path.clone()) || path.starts_with("/preferences") {
            continue;
        }
        let (status, text) = browse(&server, &path, &[]).await;
        assert_eq!(status, 200, "{path}");
        let ours = attributes(&text, "href").into_iter().filter(|link| link.starts_with('/'));
        todo.extend(ours.map(|link| link.replace("&amp;", "&")));
    }
    for path in ["/olts/olt%20norte/2", "/onus/olt-centro/4194304.3", "/pons/olt-centro/0/1/1", "/readyz"] {
        assert!(seen.contains(path), "{path} is linked nowhere: {seen:#?}");
    }
    assert!(seen.iter().any(|path| path.ends_with("/clients.csv")));
}

#[tokio::test]
async fn pages_hold_nothing_inline_and_each_id_once_and_speak_the_language_that_is_asked_for() {
    let server = town(None).await;
    let incident = format!("/incidents/{}", IncidentId::new(NOW, 1));
    for path in PAGES.into_iter().filter(|path| *path != "/about").chain([incident.as_str(), "/nowhere"]) {
        for (accepted, code, word) in
            [("pt-BR", "pt", "Incidentes"), ("es-MX,en;q=0.5", "es", "Ahora"), ("fr", "en", "Now")]
        {
            let (_, text) = browse(&server, path, &[("accept-language", accepted)]).await;
            assert!(text.contains(&format!("<html lang=\"{code}\"")), "{path} {accepted}");
            assert!(text.contains(word) || path == "/nowhere", "{path} {accepted}");
            for inline in [" style=\"", "<style", "<script>", " onclick=", "javascript:"] {
                assert!(!text.contains(inline), "{path}: {inline}");
            }
            let ids = attributes(&text, "id");
            let distinct: BTreeSet<&&str> = ids.iter().collect();
            assert_eq!(distinct.len(), ids.len(), "{path}: {ids:?}");
            for label in attributes(&text, "aria-labelledby").into_iter().chain(attributes(&text, "aria-describedby")) {
                assert!(ids.contains(&label), "{path}: {label}");
            }
        }
    }
}

#[tokio::test]
async fn now_shows_the_incident_the_silent_olt_and_what_is_wrong_with_us() {
    let server = town(None).await;
    let now = page(&server, "/").await;
    for said in [
        "CABO 712",
        "between CEO 07 and CTO 12",
        "2 of 2 down",
        "97 % sure",
        "none gasped",
        "olt norte/2",
        "does not answer",
        "nothing is written to OZmap: the token was refused",
        "isp.ozmap.example:9994",
    ] {
        assert!(now.contains(said), "{said}: {now}");
    }
    let empty = page(&testing::serve(vec![testing::town()]).await, "/").await;
    assert!(empty.contains("No open incident") && empty.contains("OZmap is not configured"));
}

#[tokio::test]
async fn an_incident_shows_the_dead_branch_below_the_suspected_cable_and_not_more() {
    let server = town(None).await;
    let text = page(&server, &format!("/incidents/{}", IncidentId::new(NOW, 1))).await;
    let tree = text.split("<ul class=\"tree\">").nth(1).unwrap().split("</section>").next().unwrap();
    let line = |name: &str| {
        let lines: Vec<&str> = tree
            .split("<div class=\"branch ")
            .skip(1)
            .filter(|line| line.contains(&format!("<strong>{name}</strong>")))
            .collect();
        assert_eq!(lines.len(), 1, "{name}: {tree}");
        lines[0].to_owned()
    };
    assert!(line("CABO 712").starts_with("dead suspected\""), "{}", line("CABO 712"));
    assert!(line("CABO 712").contains("all 2 down"));
    assert!(line("CTO 12").starts_with("dead\""));
    // The other branch has one client, of whom nothing is known.
    assert!(line("CABO 713").starts_with("unknown\""));
    assert!(line("CTO &lt;13&gt;").starts_with("unknown\""));
    assert!(line("CABO 01").starts_with("dead\""), "all of whom something is known are lost");
    assert_eq!(tree.matches(" suspected\"").count(), 1);
    let map = text.split("<figure class=\"map\">").nth(1).unwrap().split("</figure>").next().unwrap();
    assert_eq!(map.matches("class=\"cable dead suspected\"").count(), 1, "{map}");
    assert!(map.contains("class=\"fault\"") && map.contains("CEO 07"));
    assert!(
        text.contains("https://isp.ozmap.example/")
            && text.contains("https://www.openstreetmap.org/?mlat=-27.5&amp;mlon=-48.505")
    );
    assert!(text.contains("Power outage: box CTO 12"), "the alternative");
}

#[tokio::test]
async fn customers_of_an_incident_come_as_a_table() {
    let server = town(None).await;
    let response = server.get(&format!("/incidents/{}/clients.csv", IncidentId::new(NOW, 1))).await;
    assert_eq!(response.headers()["content-type"], "text/csv; charset=utf-8");
    assert!(
        response.headers()["content-disposition"].to_str().unwrap().starts_with("attachment; filename=\"incident-")
    );
    let text = response.text().await.unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(
        lines[2].starts_with(
            "olt-centro,0/1/1,4,HWTC00000004,65a000000000000000000004,10004,,CTO 12,down,2026-11-23T02:31:07Z,false"
        ),
        "{text}"
    );
}

#[tokio::test]
async fn names_of_others_never_become_part_of_a_page() {
    let hostile = "\"><script>alert(1)</script>";
    let onu = Reading { name: Ok(hostile.into()), ..testing::up(1, -20.0) };
    let mut report = testing::olt("olt\"><b>", &[onu]);
    report.error = Some(hostile.to_owned());
    let server = testing::serve(vec![report]).await;
    for path in [
        "/",
        "/olts/olt%22%3E%3Cb%3E",
        "/pons/olt%22%3E%3Cb%3E/0/1/0",
        "/onus?q=%22%3E%3Cscript%3E",
        "/onus/olt%22%3E%3Cb%3E/4194304.1",
    ] {
        let text = page(&server, path).await;
        assert!(!text.contains("<script>alert") && !text.contains("\"><b>"), "{path}: {text}");
        assert!(text.contains("&lt;b&gt;") || text.contains("&lt;script&gt;"), "{path}: {text}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_a_page_for_people_and_a_problem_for_programs() {
    let server = town(None).await;
    for path in [
        "/olts/none",
        "/pons/olt-centro/x",
        "/onus/olt-centro/9.9",
        "/onus/olt-centro/x",
        "/incidents/none",
        "/nowhere",
        "/onus?olt=none",
    ] {
        let (status, text) = browse(&server, path, &[]).await;
        assert_eq!(status, 404, "{path}");
        assert!(text.contains("There is no such page") && text.contains("Back to Now"), "{path}: {text}");
    }
    let (status, text) = browse(&server, "/onus?level=bad", &[]).await;
    assert_eq!(status, 400);
    assert!(text.contains("unknown word"), "{text}");
    let problem = server.json("/nowhere", 404).await;
    assert_eq!(problem["status"], 404);
}

/// A client that keeps no cookies and follows nothing.
fn plain() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

async fn log_in(server: &Running, token: &str, back: &str) -> reqwest::Response {
    let form = format!("token={token}&back={back}");
    let request =
        plain().post(format!("{}/login", server.url)).header("content-type", "application/x-www-form-urlencoded");
    request.header("accept", "text/html").body(form).send().await.unwrap()
}

#[tokio::test]
async fn people_log_in_once_and_come_to_where_they_wanted() {
    let server = town(Some(TOKEN)).await;
    let get = |path: &str, cookie: &str| {
        plain().get(format!("{}{path}", server.url)).header("accept", "text/html").header("cookie", cookie).send()
    };
    let refused = get("/olts/olt-centro?", "").await.unwrap();
    assert_eq!(refused.status().as_u16(), 303);
    assert_eq!(refused.headers()["location"], "/login?back=/olts/olt-centro%3F");
    let form = get("/login?back=/olts", "").await.unwrap().text().await.unwrap();
    assert!(form.contains("name=\"token\"") && form.contains("value=\"/olts\"") && !form.contains("olt-centro"));
    let style = attributes(&form, "href").into_iter().find(|path| path.ends_with("style.css")).unwrap();
    let style = get(style, "").await.unwrap();
    assert_eq!(
        (style.status().as_u16(), &style.headers()["content-type"]),
        (200, &"text/css; charset=utf-8".parse().unwrap())
    );
    assert_eq!(style.headers()["cache-control"], "public, max-age=31536000, immutable");

    let entered = log_in(&server, TOKEN, "%2Folts%2Folt-centro").await;
    assert_eq!(
        (entered.status().as_u16(), &entered.headers()["location"]),
        (303, &"/olts/olt-centro".parse().unwrap())
    );
    let cookie = entered.headers()["set-cookie"].to_str().unwrap().to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=604800"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains(TOKEN));
    let session = cookie.split(';').next().unwrap();
    let inside = get("/olts/olt-centro", session).await.unwrap();
    assert_eq!((inside.status().as_u16(), inside.text().await.unwrap().contains("/logout")), (200, true));
    assert_eq!(
        get("/metrics", session).await.unwrap().status().as_u16(),
        200,
        "programs' pages are open to people, too"
    );
    assert_eq!(get("/", &format!("{session}0")).await.unwrap().status().as_u16(), 303);

    let left = plain().post(format!("{}/logout", server.url)).send().await.unwrap();
    assert!(left.headers()["set-cookie"].to_str().unwrap().contains("oltwatch_session=; Path=/; Max-Age=0"));
}

#[tokio::test]
async fn a_wrong_token_is_refused_and_after_some_of_them_the_right_one_is_too_for_a_while() {
    let server = town(Some(TOKEN)).await;
    let away = log_in(&server, TOKEN, "https://evil.example/").await;
    assert_eq!(away.headers()["location"], "/");
    for wrong in ["", "wrong", &TOKEN[1..], "s3cret-t0ken0", "%00"] {
        let refused = log_in(&server, wrong, "/").await;
        assert_eq!(refused.status().as_u16(), 401, "{wrong}");
        assert!(refused.headers().get("set-cookie").is_none());
        assert!(refused.text().await.unwrap().contains("That is not the token."));
    }
    let locked = log_in(&server, TOKEN, "/").await;
    assert_eq!(locked.status().as_u16(), 429);
    assert!(locked.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() <= 13);
    let program = server.client.get(format!("{}/api/v1/olts", server.url)).bearer_auth(TOKEN).send().await.unwrap();
    assert_eq!(program.status().as_u16(), 200, "programs are not hit");
    let fresh = town(Some(TOKEN)).await;
    let long = format!("token={}", "x".repeat(5000));
    for (kind, body) in [("text/plain", "token=x"), ("application/x-www-form-urlencoded", long.as_str())] {
        let request = plain().post(format!("{}/login", fresh.url)).header("content-type", kind).body(body.to_owned());
        assert_eq!(request.send().await.unwrap().status().as_u16(), 400, "{kind}");
    }
}

#[tokio::test]
async fn a_switch_is_remembered_and_leads_back() {
    let server = town(None).await;
    let answer = plain().get(format!("{}/preferences?lang=es&back=/olts", server.url)).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["location"]), (303, &"/olts".parse().unwrap()));
    assert!(answer.headers()["set-cookie"].to_str().unwrap().starts_with("lang=es; Path=/"));
    let (_, text) = browse(&server, "/", &[("cookie", "lang=es; theme=dark"), ("accept-language", "en")]).await;
    assert!(text.contains("<html lang=\"es\" data-theme=\"dark\">"), "{text}");
}

/// An OLT with so many ONUs on PONs of 128.
fn large(name: &str, onus: u32) -> OltReport {
    let onu = |number: u32| {
        let pon = PonId::new(&[0, number / 2048, number / 128 % 16]).unwrap();
        let key = OnuKey::new(&[4_194_304, number]);
        Reading {
            key,
            pon: Some(pon),
            distance: Ok(Metres::new(f64::from(number % 9000)).unwrap()),
            olt_rx: Ok(Dbm::new(-22.3).unwrap()),
            ..testing::up(1, -21.37)
        }
    };
    testing::olt(name, &(0..onus).map(onu).collect::<Vec<_>>())
}

#[tokio::test]
async fn no_page_grows_beyond_its_bound_with_the_network() {
    const MOST: usize = 300 * 1024;
    let reports: Vec<OltReport> = (0..250)
        .map(|number| large(&format!("olt-of-a-large-town-{number}"), if number < 3 { 4096 } else { 16 }))
        .collect();
    let (board, ends) = Board::still(NOW, reports, Some(testing::push()));
    let mut many = incident(1, State::Open);
    many.onus = (0..5000).map(|number| member(number % 6 + 1, false)).collect();
    let open: Vec<Arc<Incident>> = (0..400)
        .map(|number| Arc::new(Incident { id: IncidentId::new(NOW, number), ..incident(1, State::Open) }))
        .collect();
    let view = IncidentView {
        open: open.into_iter().chain([Arc::new(Incident { id: IncidentId::new(NOW, 999), ..many })]).collect(),
        ..IncidentView::default()
    };
    let plant = PlantSnapshot { plant: Arc::new(plant()), ..PlantSnapshot::empty(NOW) };
    let server =
        testing::start_board(board.surveyed(testing::survey()).explained(view, plant), ends, None, Limits::USUAL).await;
    let incident = format!("/incidents/{}", IncidentId::new(NOW, 999));
    for path in [
        "/",
        "/incidents",
        "/olts",
        "/onus",
        "/olts/olt-of-a-large-town-0",
        "/pons/olt-of-a-large-town-0/0/0/3",
        "/onus/olt-of-a-large-town-0/4194304.77",
        &incident,
    ] {
        let text = page(&server, path).await;
        assert!(text.len() < MOST, "{path}: {} octets", text.len());
        println!("{path}: {} octets", text.len());
    }
}
