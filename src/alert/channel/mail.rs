//! E-mail over SMTP. What follows on one incident answers its first mail, so that mail programs show it as one conversation.

use std::path::Path;
use std::time::Duration;

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use super::web::read_ca;
use crate::alert::error::{Sent, Trouble};
use crate::alert::life::Delivery;
use crate::alert::text::Text;
use crate::config::alert::{Mail, MailSecurity};

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// Longest wait for a whole conversation. A server that is left in the middle of TLS is asked to end the conversation, and may
/// never answer that.
const CONVERSATION: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub(super) struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
    server: String,
}

impl Mailer {
    pub(super) fn new(mail: &Mail, ca_file: Option<&Path>) -> Result<Self, String> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let address = |text: &String| text.parse::<Mailbox>().map_err(|error| format!("{text:?}: {error}"));
        let tls = match mail.security {
            MailSecurity::None => Tls::None,
            MailSecurity::Starttls => Tls::Required(parameters(mail, ca_file)?),
            MailSecurity::Tls => Tls::Wrapper(parameters(mail, ca_file)?),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&mail.host)
            .port(mail.port)
            .tls(tls)
            .timeout(Some(CONNECT));
        if let Some((user, password)) = &mail.login {
            builder = builder.credentials(Credentials::new(user.clone(), password.expose().to_owned()));
        }
        Ok(Self {
            transport: builder.build(),
            from: address(&mail.from)?,
            to: mail.to.iter().map(address).collect::<Result<_, _>>()?,
            server: format!("{}:{}", mail.host, mail.port),
        })
    }

    pub(super) fn host(&self) -> String {
        self.server.clone()
    }

    /// The name of the first mail on an incident, which later ones answer.
    fn reference(&self, incident: &str) -> String {
        format!("<{incident}.oltwatch@{}>", self.from.email.domain())
    }

    fn message(&self, delivery: &Delivery, text: &Text) -> Result<Message, lettre::error::Error> {
        let domain = self.from.email.domain();
        let mut message = Message::builder().from(self.from.clone()).subject(text.title.clone());
        for to in &self.to {
            message = message.to(to.clone());
        }
        message = match delivery.parts.as_slice() {
            [part] if part.step == crate::alert::thread::Step::Open => {
                message.message_id(Some(self.reference(&part.notice.id)))
            }
            [part] => {
                let reference = self.reference(&part.notice.id);
                let id = format!("<{}.oltwatch@{domain}>", delivery.id);
                message.message_id(Some(id)).in_reply_to(reference.clone()).references(reference)
            }
            _ => message.message_id(Some(format!("<{}.oltwatch@{domain}>", delivery.id))),
        };
        message.header(ContentType::TEXT_PLAIN).body(text.whole.clone())
    }

    pub(super) async fn send(&self, delivery: &Delivery, text: &Text) -> Sent {
        let message =
            self.message(delivery, text).map_err(|error| Trouble::refused(format!("no mail can be made: {error}")))?;
        match tokio::time::timeout(CONVERSATION, self.transport.send(message)).await {
            Ok(sent) => sent.map(|_| None).map_err(|error| self.trouble(&error)),
            Err(_) => Err(self.silence()),
        }
    }

    /// The conversation did not end.
    fn silence(&self) -> Trouble {
        Trouble::later(format!(
            "{}: the conversation did not end within {} s; so it is, too, when its certificate is not trusted (ca_file)",
            self.server,
            CONVERSATION.as_secs()
        ))
    }

    fn trouble(&self, error: &lettre::transport::smtp::Error) -> Trouble {
        let why = format!("{}: {}", self.server, chain(error));
        // A login that is refused is mended by a person, and the mail is as good as before.
        let is_login = error.status().is_some_and(|code| matches!(u16::from(code), 530 | 534 | 535 | 538));
        if error.is_permanent() && !is_login { Trouble::refused(why) } else { Trouble::later(why) }
    }

    pub(super) async fn reach(&self) -> Result<String, Trouble> {
        match tokio::time::timeout(CONVERSATION, self.transport.test_connection()).await {
            Ok(Ok(true)) => Ok("takes mail".to_owned()),
            Ok(Ok(false)) => Err(Trouble::later(format!("{}: does not answer as a mail server", self.server))),
            Ok(Err(error)) => Err(self.trouble(&error)),
            Err(_) => Err(self.silence()),
        }
    }
}

fn parameters(mail: &Mail, ca_file: Option<&Path>) -> Result<TlsParameters, String> {
    let mut builder = TlsParameters::builder(mail.host.clone());
    if let Some(path) = ca_file {
        let refuse = |why: String| format!("ca_file {}: {why}", path.display());
        let pem = read_ca(path).map_err(|error| refuse(error.to_string()))?;
        builder = builder.add_root_certificate(Certificate::from_pem(&pem).map_err(|error| refuse(error.to_string()))?);
    }
    builder.build_rustls().map_err(|error| error.to_string())
}

/// An error and what lies under it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text = format!("{text}: {error}");
        next = error.source();
    }
    text
}
