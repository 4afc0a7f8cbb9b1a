//! `[[alert]]`: what each kind needs, and every mistake at its place.

use std::time::Duration;

use super::{parse, problems, with};
use crate::config::alert::{AlertChannel, AlertOn, AlertSeverity, Language, MailSecurity};

const HOOK: &str = "[[alert]]\nkind = 'webhook'\nurl = 'https://x/'\n";

#[track_caller]
fn says(more: &str, expected: &[&str]) {
    let found = problems(&with(more));
    let fits = found.len() == expected.len() && found.iter().zip(expected).all(|(one, part)| one.contains(part));
    assert!(fits, "{more}\nexpected {expected:#?}\nfound {found:#?}");
}

#[test]
fn every_key_reaches_its_place() {
    let config = parse(&with(
        "[[alert]]\nkind = 'telegram'\nname = 'crew'\ntoken = '1:a'\nchat = -100\nkinds = ['cut', 'push_held']\nseverity = 'major'\n\
         olts = ['a*']\nregions = ['north']\ntags = ['x']\nmin_clients = 7\nafter = '30s'\nquiet = 'daily 22:00-06:00'\n\
         quiet_severity = 'major'\nutc_offset = '-03:00'\nupdate_every = '5m'\nper_minute = 3\nburst = 2\nlanguage = 'pt'\n\
         template = '{{ title }}'\nmap = 'geo:{lat},{lon}'\n\
         [[alert]]\nkind = 'email'\nserver = 'smtp.example.net'\nsecurity = 'tls'\nfrom = 'o@example.net'\nto = ['n@example.net']",
    ))
    .unwrap();
    let [crew, mail] = config.alerts.as_slice() else { panic!("{:?}", config.alerts) };
    assert_eq!((crew.name.as_str(), mail.name.as_str()), ("crew", "email"));
    assert!(matches!(&crew.channel, AlertChannel::Telegram { chat, .. } if chat == "-100"), "{crew:?}");
    assert_eq!(crew.filter.kinds, [AlertOn::Cut, AlertOn::PushHeld]);
    assert_eq!((crew.filter.severity, crew.min_clients), (AlertSeverity::Major, 7));
    assert!(crew.filter.olts[0].fits("abc") && crew.filter.regions[0].fits("north") && crew.filter.tags[0].fits("x"));
    assert_eq!((crew.after, crew.update_every), (Duration::from_secs(30), Duration::from_secs(300)));
    assert_eq!(crew.quiet.map(|quiet| (quiet.when.offset, quiet.severity)), Some((-180, AlertSeverity::Major)));
    assert_eq!((crew.budget.per_minute, crew.budget.burst, crew.language), (3.0, 2, Language::Portuguese));
    assert!(
        matches!(&mail.channel, AlertChannel::Email(mail) if mail.port == 465 && mail.security == MailSecurity::Tls)
    );
    assert!(!mail.filter.kinds.contains(&AlertOn::Drop), "single customers are not told unless asked for");
}

#[test]
fn mistakes_stand_at_their_places() {
    says("[[alert]]\nkind = 'telegramm'", &["3:8: alert.kind: expected \"alertmanager\""]);
    says(&format!("{HOOK}chat = '1'"), &["5:8: alert.chat: a channel of kind \"webhook\" has no use for it"]);
    says(&format!("{HOOK}severty = 'major'"), &["5:1: [[alert]] has no key \"severty\"; did you mean \"severity\"?"]);
    says(&format!("{HOOK}severity = 'majr'"), &["found \"majr\"; did you mean \"major\"?"]);
    says(&format!("{HOOK}kinds = ['cut', 'cutt']"), &["5:17: alert.kinds:"]);
    says(&format!("{HOOK}regions = ['a', 1]"), &["5:17: alert.regions: expected names, with * for any text, found 1"]);
    says(&format!("{HOOK}quiet = 'always'"), &["5:9: alert.quiet: expected days and times"]);
    says(&format!("{HOOK}quiet_severity = 'major'"), &["5:18: alert.quiet_severity: \"quiet\" is needed too"]);
    says(&format!("{HOOK}map = 'https://x/'"), &["5:7: alert.map: expected an address with {lat} and {lon} in it"]);
    says(&format!("{HOOK}secret = 'short'"), &["5:10: alert.secret: it holds 5 octets"]);
    says(
        &format!("{HOOK}template = 'a'\ntemplate_file = 'b'"),
        &["6:17: alert.template_file: \"template\" is given already"],
    );
    says(&format!("{HOOK}template_file = 'b'"), &["5:17: alert.template_file: /nonexistent/b cannot be read"]);
    says(&format!("{HOOK}{HOOK}"), &["5:1: [[alert]]: the channel in line 2 has the name \"webhook\" already"]);
    says(
        "[[alert]]\nkind = 'webhook'\nurl = 'ftp://x'",
        &["4:7: alert.url: expected an address that begins with https://"],
    );
    says("[[alert]]\nkind = 'telegram'\nchat = 'noc'\ntoken = 'x'", &["4:8: alert.chat: expected a chat"]);
    says("[[alert]]\nkind = 'slack'\ntoken = 'x'", &["2:1: [[alert]] lacks \"channel\""]);
    says(
        "[[alert]]\nkind = 'slack'\nurl = 'https://x/'\nchannel = '#noc'",
        &["5:11: alert.channel: an incoming webhook has its channel"],
    );
    says("[[alert]]\nkind = 'pagerduty'", &["2:1: [[alert]] lacks the integration key of the service"]);
    says(
        "[[alert]]\nkind = 'email'\nserver = 'a b'\nfrom = 'x'\nto = ['y']\nuser = 'u'",
        &["2:1: [[alert]] lacks a password", "4:10: alert.server:", "5:8: alert.from:", "6:7: alert.to:"],
    );
    says("[[alert]]\nkind = 'command'", &["2:1: [[alert]] lacks \"command\""]);
    says(
        "[[alert]]\nkind = 'heartbeat'\nurl = 'https://x/'\nseverity = 'major'",
        &["5:12: alert.severity: a channel of kind \"heartbeat\" has no use"],
    );
}

#[test]
fn a_template_is_checked_at_its_place_by_whoever_knows_templates() {
    let config = parse(&with(&format!("{HOOK}template = 'bad'"))).unwrap();
    let error = config.check_templates(&|_| Err("it is bad".to_owned())).unwrap_err();
    let message = "f.toml:5:12: alert.template: the template of \"webhook\" cannot be used: it is bad";
    assert_eq!(error.to_string(), message);
    assert!(config.check_templates(&|_| Ok(())).is_ok());
    assert!(parse(&with(HOOK)).unwrap().check_templates(&|_| Err("never asked".to_owned())).is_ok());
}
