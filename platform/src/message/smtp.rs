//! E-mail by SMTP.

use std::time::{Duration, SystemTime};

use lettre::message::Mailbox;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};

use super::carrier::Outcome;
use super::config::{Error, SmtpConfig, SmtpTls, secret};
use super::store::Due;

/// A mail server, and from whom its mail comes.
#[derive(Clone)]
pub(super) struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    time_out: Duration,
}

impl Smtp {
    /// Reads password and anchors. No connection is made yet.
    pub(super) fn open(config: &SmtpConfig, from: &str) -> Result<Self, Error> {
        let time_out = Duration::from_secs(config.time_out_seconds.into());
        let port = config.port.unwrap_or(if config.tls == SmtpTls::Wrapped { 465 } else { 587 });
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&config.host)
            .port(port)
            .timeout(Some(time_out))
            .tls(tls(config)?);
        if let (Some(user), Some(file)) = (&config.user, &config.password) {
            let password = secret(file)?;
            transport = transport.credentials(Credentials::new(user.clone(), password.as_str().to_owned()));
        }
        Ok(Self { transport: transport.build(), from: sender(from)?, time_out })
    }

    /// One try.
    pub(super) async fn send(&self, due: &Due) -> Outcome {
        let mail = match mail(due, &self.from) {
            Ok(mail) => mail,
            Err(sentence) => return Outcome::Refused(sentence),
        };
        match tokio::time::timeout(self.time_out, self.transport.send(mail)).await {
            Ok(Ok(response)) => Outcome::Taken(format!("status {}", response.code())),
            Ok(Err(error)) => refused(&error),
            Err(_) => Outcome::Failed("no answer in time".to_owned()),
        }
    }
}

/// From whom mail comes.
pub(super) fn sender(from: &str) -> Result<Mailbox, Error> {
    from.parse().map_err(|_| Error::setting("from", "write an address, or a name and an address in <>"))
}

fn tls(config: &SmtpConfig) -> Result<Tls, Error> {
    if config.tls == SmtpTls::None {
        return Ok(Tls::None);
    }
    let mut parameters = TlsParameters::builder(config.host.clone());
    if let Some(file) = &config.anchors {
        parameters = parameters.certificate_store(CertificateStore::None);
        for anchor in crate::tls::certificates(file)? {
            let anchor = Certificate::from_der(anchor.to_vec())
                .map_err(|error| Error::setting("smtp.anchors", error.to_string()))?;
            parameters = parameters.add_root_certificate(anchor);
        }
    }
    let parameters = parameters.build().map_err(|error| Error::setting("smtp.tls", error.to_string()))?;
    Ok(if config.tls == SmtpTls::Wrapped { Tls::Wrapper(parameters) } else { Tls::Required(parameters) })
}

/// A message as RFC 5322 has it. Its id is the same at each try, so that whoever gets it twice can see that.
pub(super) fn mail(due: &Due, from: &Mailbox) -> Result<lettre::Message, String> {
    let to: Mailbox = due.address.parse().map_err(|_| "the address is none".to_owned())?;
    let made = Duration::from_millis(u64::try_from(due.made_at.0).unwrap_or(0));
    let mut mail = lettre::Message::builder()
        .from(from.clone())
        .to(to)
        .subject(due.subject.clone())
        .message_id(Some(format!("<{}@{}>", due.id, from.email.domain())))
        .date(SystemTime::UNIX_EPOCH + made)
        .header(ContentType::TEXT_PLAIN)
        .body(due.text.clone())
        .map_err(|error| error.to_string())?;
    // RFC 3834 5: no answering machine answers it.
    let header = HeaderName::new_from_ascii_str("Auto-Submitted");
    mail.headers_mut().insert_raw(HeaderValue::new(header, "auto-generated".to_owned()));
    Ok(mail)
}

/// What a failure means for the message. RFC 5321 4.2.3: 550 to 556 are about the mailbox or the message; other refusals, such
/// as of our password, are about us and mended by somebody.
fn refused(error: &lettre::transport::smtp::Error) -> Outcome {
    let Some(status) = error.status() else {
        return Outcome::Failed(
            if error.is_timeout() { "no answer in time" } else { "no connection could be made" }.to_owned(),
        );
    };
    let code = status.to_string();
    let told = format!("status {code}");
    let for_good = error.is_permanent() && code.parse::<u16>().is_ok_and(|code| (550..=556).contains(&code));
    if for_good { Outcome::Refused(told) } else { Outcome::Failed(told) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Millis;
    use crate::message::MessageId;

    /// A message is what RFC 5322 wants, says the same id each time, and is answered by no machine.
    #[test]
    fn mail_is_well_formed() {
        let now = Millis(1_795_540_800_000);
        let due = Due {
            id: MessageId::new(now),
            address: "ann@trust.example".to_owned(),
            subject: "Your code".to_owned(),
            text: "Your code is 012345.\n".to_owned(),
            sealed: None,
            attempts: 0,
            until: now,
            made_at: now,
            sent_at: now,
        };
        let from = sender("The register <register@trust.example>").unwrap();
        let text = |due: &Due| String::from_utf8(mail(due, &from).unwrap().formatted()).unwrap();
        let one = text(&due);
        for line in [
            "From: \"The register\" <register@trust.example>\r\n",
            "To: ann@trust.example\r\n",
            "Subject: Your code\r\n",
            &format!("Message-ID: <{}@trust.example>\r\n", due.id),
            "Date: Tue, 24 Nov 2026 ",
            "Auto-Submitted: auto-generated\r\n",
            "\r\n\r\nYour code is 012345.",
        ] {
            assert!(one.contains(line), "{line:?} in {one}");
        }
        assert_eq!(one, text(&Due { attempts: 3, ..due.clone() }));
        // Whoever could write an address could not write a header.
        let many = Due { address: "ann@trust.example\r\nBcc: all@trust.example".to_owned(), ..due };
        assert!(mail(&many, &from).is_err());
        assert!(sender("nobody").is_err());
    }
}
