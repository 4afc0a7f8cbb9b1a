//! A Telegram bot: one message an incident, changed in place.

use std::path::Path;
use std::time::Duration;

use reqwest::{Method, Url};
use serde_json::{Value, json};

use super::web::Web;
use crate::alert::error::{Sent, Trouble};
use crate::alert::life::{Delivery, Outcome};
use crate::alert::text::Text;
use crate::config::Secret;

/// What it says of a chat that a person has to mend; the message is as good as before.
const OF_THE_CHAT: &[&str] = &[
    "chat not found",
    "upgraded to a supergroup",
    "thread not found",
    "topic_closed",
    "not enough rights",
    "have no rights",
];
/// How long to wait for that person.
const MENDED_BY_A_PERSON: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Telegram {
    web: Web,
    token: Secret,
    chat: String,
    topic: Option<u32>,
}

impl Telegram {
    pub(super) fn new(
        url: &Secret,
        token: &Secret,
        chat: &str,
        topic: Option<u32>,
        ca_file: Option<&Path>,
    ) -> Result<Self, String> {
        let web = Web::new(url, &[token], ca_file)?;
        Ok(Self { web, token: token.clone(), chat: chat.to_owned(), topic })
    }

    pub(super) fn host(&self) -> String {
        self.web.host()
    }

    fn method(&self, name: &str) -> Url {
        self.web.at(&format!("/bot{}/{name}", self.token.expose()))
    }

    /// The result of a call.
    async fn call(&self, name: &str, body: &Value) -> Result<Value, Trouble> {
        let answer = self.web.post(self.method(name), Vec::new(), body.to_string().into_bytes()).await?;
        let json = answer.json();
        let description = json.get("description").and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
        if answer.status == 400 && description.contains("message is not modified") {
            return Ok(Value::Null);
        }
        if answer.status == 400
            && (description.contains("message to edit not found") || description.contains("message can't be edited"))
        {
            return Err(Trouble { outcome: Outcome::HandleGone, why: self.web.said(&answer) });
        }
        if let Some(seconds) = json.pointer("/parameters/retry_after").and_then(Value::as_u64) {
            let after = Some(Duration::from_secs(seconds));
            return Err(Trouble { outcome: Outcome::Later { after }, why: self.web.said(&answer) });
        }
        if answer.status == 400 && OF_THE_CHAT.iter().any(|text| description.contains(text)) {
            let after = Some(MENDED_BY_A_PERSON);
            return Err(Trouble { outcome: Outcome::Later { after }, why: self.web.said(&answer) });
        }
        let answer = self.web.judge(answer)?;
        match json.get("result") {
            Some(result) if json.get("ok") == Some(&Value::Bool(true)) => Ok(result.clone()),
            _ => Err(Trouble::later(self.web.said(&answer))),
        }
    }

    pub(super) async fn send(&self, delivery: &Delivery, text: &Text) -> Sent {
        let handle = match delivery.parts.as_slice() {
            [part] => part.handle.as_deref().and_then(|handle| handle.parse::<i64>().ok()),
            _ => None,
        };
        let preview = json!({"is_disabled": true});
        if let Some(message) = handle {
            let body = json!({
                "chat_id": self.chat, "message_id": message, "text": text.whole, "link_preview_options": preview,
            });
            self.call("editMessageText", &body).await?;
            return Ok(Some(message.to_string()));
        }
        let mut body = json!({"chat_id": self.chat, "text": text.whole, "link_preview_options": preview});
        if let (Some(topic), Some(fields)) = (self.topic, body.as_object_mut()) {
            fields.insert("message_thread_id".to_owned(), topic.into());
        }
        let message = self.call("sendMessage", &body).await?;
        Ok(message.get("message_id").and_then(Value::as_i64).map(|id| id.to_string()))
    }

    pub(super) async fn reach(&self) -> Result<String, Trouble> {
        let answer = self.web.ask(Method::GET, self.method("getMe"), Vec::new()).await?;
        let me = self.web.judge(answer)?.json();
        let chat = self.call("getChat", &json!({"chat_id": self.chat})).await?;
        let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or("?").to_owned();
        let title = chat.get("title").or_else(|| chat.get("username"));
        Ok(format!("bot {} in chat {}", text(me.pointer("/result/username")), text(title)))
    }
}
