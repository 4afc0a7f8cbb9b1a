//! Channels: how each takes a message.
//!
//! A sender knows nothing of what is due; it sends what it is given once, and says what came of it.

mod alertmanager;
mod command;
mod heartbeat;
mod mail;
mod pagerduty;
mod payload;
mod slack;
mod telegram;
mod web;
mod webhook;

pub use alertmanager::Alertmanager;
pub use heartbeat::Heartbeat;

use super::error::{AlertError, Sent};
use super::life::Delivery;
use super::text::Text;
use crate::config::alert::{Alert, AlertChannel};
use crate::model::Timestamp;

/// Sends messages over one channel.
#[derive(Debug)]
pub struct Sender(Kind);

#[derive(Debug)]
enum Kind {
    Webhook(webhook::Webhook),
    Telegram(telegram::Telegram),
    SlackHook(slack::Hook),
    SlackBot(slack::Bot),
    Pagerduty(pagerduty::Pagerduty),
    Email(Box<mail::Mailer>),
    Command(command::Program),
}

impl Sender {
    /// From a section; `None` for those that are not sent messages, but a state ([`Alertmanager`], [`Heartbeat`]).
    ///
    /// # Errors
    /// [`AlertError`] when the section cannot be carried out.
    pub fn new(config: &Alert) -> Result<Option<Self>, AlertError> {
        let ca_file = config.ca_file.as_deref();
        let kind = match &config.channel {
            AlertChannel::Alertmanager { .. } | AlertChannel::Heartbeat { .. } => return Ok(None),
            AlertChannel::Webhook { url, secret, token } => {
                webhook::Webhook::new(url, secret.as_ref(), token.as_ref(), ca_file).map(Kind::Webhook)
            }
            AlertChannel::Telegram { url, token, chat, topic } => {
                telegram::Telegram::new(url, token, chat, *topic, ca_file).map(Kind::Telegram)
            }
            AlertChannel::SlackHook { url } => slack::Hook::new(url, ca_file).map(Kind::SlackHook),
            AlertChannel::SlackBot { url, token, channel } => {
                slack::Bot::new(url, token, channel, ca_file).map(Kind::SlackBot)
            }
            AlertChannel::Pagerduty { url, key } => pagerduty::Pagerduty::new(url, key, ca_file).map(Kind::Pagerduty),
            AlertChannel::Email(mail) => mail::Mailer::new(mail, ca_file).map(|mailer| Kind::Email(Box::new(mailer))),
            AlertChannel::Command { argv, timeout } => command::Program::new(argv, *timeout).map(Kind::Command),
        };
        kind.map(|kind| Some(Self(kind))).map_err(|what| AlertError { channel: config.name.clone(), what })
    }

    /// Sends one message.
    ///
    /// # Errors
    /// [`Trouble`](super::Trouble) when it was not taken, as far as is known.
    pub async fn send(&self, delivery: &Delivery, text: &Text, now: Timestamp) -> Sent {
        match &self.0 {
            Kind::Webhook(channel) => channel.send(delivery, text, now).await,
            Kind::Telegram(channel) => channel.send(delivery, text).await,
            Kind::SlackHook(channel) => channel.send(text).await,
            Kind::SlackBot(channel) => channel.send(delivery, text).await,
            Kind::Pagerduty(channel) => channel.send(delivery, text).await,
            Kind::Email(channel) => channel.send(delivery, text).await,
            Kind::Command(channel) => channel.send(delivery, text, now).await,
        }
    }

    /// Whether the other side is there, and takes us, as far as can be known without a message: what it says of itself.
    ///
    /// # Errors
    /// Why not, in words, without any secret.
    pub async fn reach(&self) -> Result<String, String> {
        let reached = match &self.0 {
            Kind::Webhook(channel) => channel.reach().await,
            Kind::Telegram(channel) => channel.reach().await,
            Kind::SlackHook(channel) => channel.reach().await,
            Kind::SlackBot(channel) => channel.reach().await,
            Kind::Pagerduty(channel) => channel.reach().await,
            Kind::Email(channel) => channel.reach().await,
            Kind::Command(channel) => channel.reach(),
        };
        reached.map_err(|trouble| trouble.why)
    }

    /// Where it goes, for people.
    #[must_use]
    pub fn address(&self) -> String {
        match &self.0 {
            Kind::Webhook(channel) => channel.host(),
            Kind::Telegram(channel) => channel.host(),
            Kind::SlackHook(channel) => channel.host(),
            Kind::SlackBot(channel) => channel.host(),
            Kind::Pagerduty(channel) => channel.host(),
            Kind::Email(channel) => channel.host(),
            Kind::Command(channel) => channel.host(),
        }
    }
}
