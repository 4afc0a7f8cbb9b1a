//! What people read, in every language. Read the snapshots by eye when they change.

use insta::assert_snapshot;

use super::*;
use crate::config::alert::AlertTemplate;

fn writer(language: Language) -> Writer {
    Writer::new(&Alert { language, utc_offset: -180, ..chat() }).unwrap()
}

/// A cut as OZmap's plant and the OLT show one.
fn whole() -> Notice {
    Notice {
        id: "01KB4Z9P1R0000000000000007".into(),
        olts: vec!["olt-centro".to_owned()],
        pons: (0..6).map(|pon| format!("olt-centro 0/1/{pon}")).collect(),
        place: Some(Spot {
            kind: "cable".to_owned(),
            name: "CABO 01".to_owned(),
            id: Some("65a0000000000000000000d5".to_owned()),
            from: Some("CEO 07".to_owned()),
            to: Some("CEO 08".to_owned()),
            metres_from_olt: Some([1204, 1851]),
            coords: Some([-48.5273, -27.5786]),
        }),
        alternatives: vec![Other { kind: AlertOn::Power, place: Some("CABO 02".to_owned()), odds: 0.02 }],
        monitored: 50,
        lost: 48,
        evidence: "48 of 50 clients behind CEO 08 lost light within 8 s, none gasped".to_owned(),
        boxes: ["CTO 12", "CTO 13", "CTO 14", "CTO 15", "CTO 16"].map(|name| (name.to_owned(), 8)).to_vec(),
        severity: AlertSeverity::Critical,
        ..cut(1, 48)
    }
}

/// Every step of its life, one below the other.
fn life(language: Language) -> String {
    let writer = writer(language);
    let open = whole();
    let back = Notice { recovered: 31, stage: Stage::Recovering, ..open.clone() };
    let seen = Notice { ack: Some(Ack { by: "Ana".to_owned(), at: at(300) }), ..back.clone() };
    let over = Notice { recovered: 48, ..cleared(&open, at(7500)) };
    let single = Notice {
        kind: AlertOn::Drop,
        severity: AlertSeverity::Minor,
        pons: vec!["olt-centro 0/1/0".to_owned()],
        boxes: vec![("CTO 12".to_owned(), 1)],
        alternatives: Vec::new(),
        ..Notice {
            place: whole().place.map(|place| Spot {
                kind: "box".to_owned(),
                name: "CTO 12".to_owned(),
                from: None,
                to: None,
                metres_from_olt: None,
                ..place
            }),
            ..cut(2, 1)
        }
    };
    let silent = Notice {
        confidence: None,
        place: None,
        pons: Vec::new(),
        olts: vec!["olt-norte".to_owned()],
        evidence: "olt-norte has not answered since 2026-11-23T02:31:07Z; nothing is known of its ONUs".to_owned(),
        ..Notice::new("id-3", AlertOn::OltUnreachable, AlertSeverity::Critical, START)
    };
    let steps = [
        (Step::Open, open.clone(), 5),
        (Step::Update, back, 700),
        (Step::Acknowledge, seen, 700),
        (Step::Resolve, over.clone(), 7500),
        (Step::Open, single, 59),
        (Step::Open, silent, 200_000),
        (Step::Resolve, Notice { untraced: true, recovered: 0, parent: Some("id-9".into()), ..over }, 7500),
    ];
    let texts = steps.map(|(step, notice, second)| {
        let part = Part { step, notice: notice.into(), handle: None, flapping: step == Step::Open && second == 59 };
        writer.one(&part, at(second)).whole
    });
    let parts = [(1, Step::Open), (2, Step::Resolve)].map(|(number, step)| {
        let notice = if step == Step::Resolve { cleared(&cut(number, 9), at(9)) } else { cut(number, 9) };
        Part { step, notice: notice.into(), handle: None, flapping: false }
    });
    let digest = writer.write(&Delivery { id: "d".to_owned(), parts: parts.to_vec() }, at(1)).whole;
    format!("{}\n\n{digest}", texts.join("\n\n"))
}

#[test]
fn english() {
    assert_snapshot!(life(Language::English));
}

#[test]
fn portuguese() {
    assert_snapshot!(life(Language::Portuguese));
}

#[test]
fn spanish() {
    assert_snapshot!(life(Language::Spanish));
}

#[test]
fn a_template_of_ones_own_is_used_and_one_that_is_wrong_says_where() {
    let with = |text: &str| Alert { template: Some(AlertTemplate::new(text.to_owned())), ..chat() };
    let writer = Writer::new(&with("{{ what }} in {{ notice.place.name }}\n{{ notice.lost }}")).unwrap();
    let part = Part { step: Step::Open, notice: whole().into(), handle: None, flapping: false };
    let text = writer.one(&part, at(0));
    assert_eq!((text.title.as_str(), text.whole.as_str()), ("Fibre cut in CABO 01", "Fibre cut in CABO 01\n48"));
    for (template, why) in [
        ("a\n{{ titel }}", "in line 2"),
        ("{% if %}", "syntax error"),
        ("{{ notice.plaze.name }}", "undefined value"),
        ("{{ title | nothing }}", "nothing"),
    ] {
        let error = Writer::new(&with(template)).unwrap_err();
        assert!(error.contains(why), "{template}: {error}");
    }
}

#[test]
fn a_text_has_a_bound() {
    let long = Notice { evidence: "é".repeat(10_000), ..whole() };
    let part = Part { step: Step::Open, notice: long.into(), handle: None, flapping: false };
    assert_eq!(writer(Language::English).one(&part, at(0)).whole.chars().count(), 3900);
}
