//! Where the alerts of one `[[alert]]` go.

use std::time::Duration;

use super::address;
use super::alert::texts;
use crate::config::alert::{AlertChannel, Mail, MailSecurity};
use crate::config::model::Secret;
use crate::config::reader::Section;
use crate::config::secret::Wanted;

const URL: Wanted =
    Wanted { stem: "url", inline: true, what: "the address that alerts are sent to", least: 1, header: true };
const TOKEN: Wanted = Wanted { stem: "token", inline: true, what: "the channel's token", least: 1, header: true };
const SECRET: Wanted =
    Wanted { stem: "secret", inline: true, what: "the secret with which messages are signed", least: 16, header: true };
const KEY: Wanted =
    Wanted { stem: "key", inline: true, what: "the integration key of the service", least: 8, header: true };
const PASSWORD: Wanted =
    Wanted { stem: "password", inline: true, what: "the mail server's password", least: 1, header: false };

/// The ports at which mail servers take mail from clients.
const SUBMISSION: u16 = 587;
const SUBMISSIONS: u16 = 465;

pub(super) fn channel(section: &Section<'_>, kind: &str) -> Option<AlertChannel> {
    let seconds = |seconds| Duration::from_secs(seconds);
    match kind {
        "alertmanager" => {
            let first = url(section, None)?;
            let others = texts(section, "members", "addresses that begin with https:// or http://", |text| {
                is_web(text).then(|| Secret::new(text.to_owned()))
            });
            Some(AlertChannel::Alertmanager {
                members: std::iter::once(first).chain(others).collect(),
                token: section.secret(&TOKEN),
                every: section.duration("every").unwrap_or(seconds(60)),
                heartbeat: section.flag("heartbeat").unwrap_or(true),
            })
        }
        "webhook" => {
            let (secret, token) = (section.secret(&SECRET), section.secret(&TOKEN));
            Some(AlertChannel::Webhook { url: url(section, None)?, secret, token })
        }
        "telegram" => {
            section.require("chat", "a chat: its number, or @name of a channel");
            let chat = section.read("chat", "a chat: its number, or @name of a channel", |value| {
                let number = value.as_integer().map(|number| number.as_str().to_owned());
                let name = value.as_str().filter(|text| is_chat(text)).map(str::to_owned);
                number.or(name).ok_or_else(String::new)
            });
            let topic = section.whole("topic", 1..=u32::MAX);
            let token = section.required_secret(&TOKEN);
            let url = url(section, Some("https://api.telegram.org"))?;
            Some(AlertChannel::Telegram { url, token: token?, chat: chat?.value, topic })
        }
        "slack" => slack(section),
        "pagerduty" => {
            let key = section.required_secret(&KEY);
            Some(AlertChannel::Pagerduty { url: url(section, Some("https://events.pagerduty.com"))?, key: key? })
        }
        "email" => email(section),
        "command" => {
            section.require("command", "a list: the program and its arguments");
            let argv = texts(section, "command", "texts", |text| (!text.contains('\0')).then(|| text.to_owned()));
            let timeout = section.duration("timeout").unwrap_or(seconds(30));
            (!argv.is_empty()).then_some(AlertChannel::Command { argv, timeout })
        }
        _ => {
            let every = section.duration("every").unwrap_or(seconds(60));
            Some(AlertChannel::Heartbeat { url: url(section, None)?, every })
        }
    }
}

/// A number, also below zero, or the public name of a channel.
fn is_chat(text: &str) -> bool {
    text.parse::<i64>().is_ok()
        || text.strip_prefix('@').is_some_and(|name| {
            name.len() >= 4 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        })
}

fn is_web(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    (lower.starts_with("http://") || lower.starts_with("https://")) && reqwest::Url::parse(text).is_ok()
}

/// The address, or this one when none is given. Slack's and others' addresses carry a secret, so that nothing of them is said.
fn url(section: &Section<'_>, usual: Option<&str>) -> Option<Secret> {
    let is_given = ["url", "url_file", "url_env"].iter().any(|key| section.at(key).is_some());
    let secret = match usual {
        Some(usual) if !is_given => return Some(Secret::new(usual.to_owned())),
        Some(_) => section.secret(&URL)?,
        None => section.required_secret(&URL)?,
    };
    if is_web(secret.expose()) {
        return Some(secret);
    }
    for key in ["url", "url_file", "url_env"] {
        section.wrong(key, "expected an address that begins with https:// or http://, found something else");
    }
    None
}

fn slack(section: &Section<'_>) -> Option<AlertChannel> {
    let is_bot = ["token", "token_file", "token_env"].iter().any(|key| section.at(key).is_some());
    if !is_bot {
        if section.at("channel").is_some() {
            section.wrong("channel", "an incoming webhook has its channel; only a bot, with a token, is told one");
        }
        return Some(AlertChannel::SlackHook { url: url(section, None)? });
    }
    let expected = "the id of a conversation, such as \"C0123456789\", or #name";
    section.require("channel", expected);
    let channel = section.text("channel", expected, |text| {
        if !text.is_empty() && text.len() <= 100 && !text.chars().any(char::is_whitespace) {
            Ok(text.to_owned())
        } else {
            Err(String::new())
        }
    });
    let token = section.secret(&TOKEN);
    let url = url(section, Some("https://slack.com/api"))?;
    Some(AlertChannel::SlackBot { url, token: token?, channel: channel?.value })
}

fn email(section: &Section<'_>) -> Option<AlertChannel> {
    let security = section.word(
        "security",
        &[("starttls", MailSecurity::Starttls), ("tls", MailSecurity::Tls), ("none", MailSecurity::None)],
    );
    let security = security.map_or(MailSecurity::Starttls, |at| at.value);
    let port = if security == MailSecurity::Tls { SUBMISSIONS } else { SUBMISSION };
    let expected = "the mail server, such as \"smtp.example.net\" or \"smtp.example.net:587\"";
    section.require("server", expected);
    let server = section.text("server", expected, |text| host_and_port(text, port));
    let address = |text: &str| text.parse::<lettre::message::Mailbox>().is_ok().then(|| text.to_owned());
    section.require("from", "the sender's address");
    let from = section.text("from", "an e-mail address", |text| address(text).ok_or_else(String::new));
    section.require("to", "a list of the recipients' addresses");
    let to = texts(section, "to", "e-mail addresses", address);
    let user = section.text("user", "the user's name at the mail server", |text| {
        if text.is_empty() { Err(String::new()) } else { Ok(text.to_owned()) }
    });
    let password = section.secret(&PASSWORD);
    if section.at("user").is_some() && password.is_none() {
        section.require_one(&["password_file", "password_env", "password"], "lacks a password beside user");
    }
    if user.is_none() && password.is_some() {
        section.require("user", "the user's name beside its password");
    }
    let server = server?;
    if security == MailSecurity::None && !is_here(&server.value.0) {
        let text = "alert.security: \"none\" sends texts and password in clear; use \"starttls\" or \"tls\"";
        section.reader.warn(&server.span, text);
    }
    if to.is_empty() {
        return None;
    }
    let (host, port) = server.value;
    let login = user.map(|at| at.value).zip(password);
    Some(AlertChannel::Email(Mail { host, port, security, login, from: from?.value, to }))
}

fn is_here(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn host_and_port(text: &str, usual: u16) -> Result<(String, u16), String> {
    let text = address::agent(text)?;
    // `agent` gives every address the port of SNMP when it has none.
    let (host, port) = text.rsplit_once(':').ok_or_else(String::new)?;
    let port: u16 = port.parse().map_err(|_| String::new())?;
    Ok((host.trim_start_matches('[').trim_end_matches(']').to_owned(), if port == 161 { usual } else { port }))
}
