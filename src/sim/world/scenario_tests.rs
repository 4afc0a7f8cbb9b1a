use std::time::Duration;

use super::*;

fn mistakes(text: &str) -> Vec<String> {
    Scenario::parse(text, "s.toml").unwrap_err().to_string().lines().map(str::to_owned).collect()
}

fn with_fault(fault: &str) -> String {
    format!("[plant]\nclients = 400\npons_per_olt = 4\npons_per_slot = 2\n\n[[fault]]\nat = \"1m\"\n{fault}")
}

#[test]
fn every_kind_of_fault_can_be_written_with_nothing_but_its_time() {
    let kinds = [
        "cut",
        "bend",
        "drop",
        "power",
        "olt_power",
        "card",
        "sfp",
        "unreachable",
        "reboot",
        "flapping",
        "rogue",
        "maintenance",
    ];
    for kind in kinds {
        let scenario = Scenario::parse(&with_fault(&format!("kind = \"{kind}\"\nfor = \"5m\"")), "s.toml").unwrap();
        let fault = scenario.faults.first().unwrap();
        assert_eq!(fault.at, scenario.options.start + Duration::from_secs(60), "{kind}");
        assert_eq!(fault.until, Some(scenario.options.start + Duration::from_secs(360)));
        assert_eq!(scenario.world().truths().len(), 1, "{kind}");
    }
    for place in ["feeder", "distribution", "chain"] {
        let text = with_fault(&format!("kind = \"cut\"\nwhere = \"{place}\""));
        let scenario = Scenario::parse(&text, "s.toml").unwrap();
        let Action::Cut { cable, .. } = scenario.faults.first().unwrap().action else { panic!() };
        assert_eq!(is_chain(&scenario.ground, cable), place == "chain");
    }
}

#[test]
fn a_whole_scenario_is_read() {
    let text = r#"
name = "Two cuts and an outage"
seed = 4
start = "2026-01-01T00:00:00Z"
length = "2h"

[plant]
clients = 500
seed = 9
fill = 0.5
splits = [[4, 8], [8, 8]]
chains = 0.5
chain = [6, 8]
families = ["zte-c300", "huawei-smartax"]
documentation = { wrong_box = 0.1, missing_route = 0.05 }

[life]
missing = 0.05
batteries = 0.2
unplugged_a_day = 1

[[fault]]
kind = "cut"
cable = "CABO 02"
metre = 7
at = "10m"
for = "30m"
pieces = 2
piece_every = "5m"

[[fault]]
kind = "power"
centre = "CTO 03"
radius = 400
share = 0.5
at = "10m"
"#;
    let scenario = Scenario::parse(text, "s.toml").unwrap();
    assert_eq!((scenario.name.as_str(), scenario.length), ("Two cuts and an outage", Duration::from_secs(7200)));
    assert_eq!(scenario.families, ["zte-c300", "huawei-smartax"]);
    assert_eq!((scenario.options.missing, scenario.options.seed), (0.05, 4));
    let Fault { action: Action::Cut { cable, metre, pieces }, .. } = scenario.faults[0] else { panic!() };
    assert_eq!(&*scenario.ground.plant().cables.get(cable).unwrap().name, "CABO 02");
    assert_eq!((metre, pieces), (7.0, Pieces { count: 2, every: Duration::from_secs(300) }));
    let Action::Power { centre, .. } = scenario.faults[1].action else { panic!() };
    let place = scenario.ground.plant().places.rows().find(|place| &*place.name == "CTO 03").unwrap();
    assert_eq!(centre, place.at);
}

#[test]
fn mistakes_are_told_with_their_place_all_at_once() {
    let text = with_fault(
        "kind = \"cut\"\ncable = \"CABO 9999\"\nradius = 5\n\n[[fault]]\nkind = \"cutt\"\nat = \"soon\"\n\n[[fault]]\nkind = \"power\"\nat = \"1m\"\nshare = 2\n",
    );
    let told = mistakes(&text);
    for (start, part) in [
        ("s.toml:10:10:", "cut takes no radius; it takes cable"),
        ("s.toml:9:9:", "the plant has no cable \"CABO 9999\"; there is \"CABO 01\", for example"),
        ("s.toml:13:8:", "kind: expected one of cut, bend"),
        ("s.toml:19:9:", "expected a number from 0 to 1, found 2"),
    ] {
        assert!(told.iter().any(|line| line.starts_with(start) && line.contains(part)), "{part}: {told:#?}");
    }
}

#[test]
fn hostile_files_are_refused_without_work() {
    for (text, part) in [
        ("", "missing field `plant`"),
        ("[plant]\nclients = 1\nclientes = 2", "s.toml:3:1: unknown field `clientes`"),
        ("[plant]\nclients = 99999999999", "plant.clients"),
        ("[plant]\nclients = -1", "s.toml:2:11"),
        ("[plant]\nclients = 10\nfill = nan", "s.toml:1:1: plant.fill"),
        ("length = \"300y\"\n[plant]\nclients = 10", "s.toml:1:10: expected a duration"),
        ("start = \"yesterday\"\n[plant]\nclients = 10", "s.toml:1:9: start: expected a time"),
        ("[plant]\nclients = 10\n[life]\nmissing = 1.5", "s.toml:4:11: expected a number from 0 to 1"),
        (
            "[plant]\nclients = 10\n[[fault]]\nkind = \"sfp\"\nat = \"1m\"\nport = 77",
            "s.toml:6:8: the plant has no port",
        ),
        ("[plant]\nclients = 10\n[[fault]]\nkind = \"rescale\"\nat = \"1m\"", "rescale needs a factor or an offset"),
        (
            "[plant]\nclients = 10\n[[fault]]\nkind = \"drop\"\nat = \"1m\"\nclient = 3",
            "s.toml:6:10: the plant has no client \"3\"",
        ),
        ("[plant\n", "s.toml:1:7"),
    ] {
        let told = mistakes(text).join("\n");
        assert!(told.contains(part), "{part:?} in {told:?}");
    }
    let many = format!("[plant]\nclients = 10\n{}", "[[fault]]\nkind = \"drop\"\nat = \"1m\"\n".repeat(1001));
    assert!(mistakes(&many).join("").contains("1001 faults"));
    assert!(Scenario::parse(&"#".repeat(LONGEST_SCENARIO + 1), "s.toml").unwrap_err().to_string().contains("octets"));
}
