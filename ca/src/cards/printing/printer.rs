//! A printer's queue at this machine's CUPS: a document goes in, and whether it was printed is asked until that is known.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::message::{Answered, Asking, CANCEL_JOB, GET_JOB_ATTRIBUTES, PRINT_JOB};

/// How long CUPS may take to answer one question.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long is waited between two questions.
const PAUSE: Duration = Duration::from_millis(200);
/// An answer is no larger, in octets.
const LARGEST: usize = 64 * 1024;

// States of a job. RFC 8011 5.3.7.
const CANCELLED: i32 = 7;
const ABORTED: i32 = 8;
const COMPLETED: i32 = 9;

/// A queue, by its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Printer {
    address: String,
    host: String,
    port: u16,
    path: String,
}

impl Printer {
    /// Reads an address such as `ipp://localhost:631/printers/desk`. It is this machine's: what is printed is not encrypted on its way,
    /// and CUPS itself carries it on to printers elsewhere.
    pub(super) fn parse(address: &str) -> Option<Self> {
        let (authority, path) = address.strip_prefix("ipp://")?.split_once('/')?;
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().ok()?),
            None => (authority, 631),
        };
        let plain = !path.is_empty() && path.bytes().all(|octet| octet.is_ascii_graphic());
        let here = matches!(host, "localhost" | "127.0.0.1");
        (plain && here).then(|| Self {
            address: address.to_owned(),
            host: host.to_owned(),
            port,
            path: format!("/{path}"),
        })
    }

    /// Prints a page of PDF, and returns when it was printed; otherwise why it was not. What is not printed in time is taken back.
    pub(super) async fn print(&self, name: &str, page: &[u8], patience: Duration) -> Result<(), String> {
        let until = Instant::now() + patience;
        let asked = Asking::new(PRINT_JOB, &self.address).ours().document(name, "application/pdf");
        let answered = self.ask(asked.finish(page)).await?;
        let refused =
            || answered.text("status-message").unwrap_or_else(|| "the printer took nothing".to_owned());
        let job = answered.number("job-id").filter(|_| answered.is_done()).ok_or_else(refused)?;
        let mut said = None;
        while Instant::now() < until {
            let wanted = ["job-state", "job-printer-state-message"];
            let asked = Asking::new(GET_JOB_ATTRIBUTES, &self.address).job(job).ours().wanting(&wanted);
            // Where it does not answer now, it may in a moment: the job goes on.
            if let Ok(answered) = self.ask(asked.finish(b"")).await {
                said = answered.text("job-printer-state-message").or(said);
                match answered.number("job-state") {
                    Some(COMPLETED) => return Ok(()),
                    Some(CANCELLED) => return Err(said.unwrap_or_else(|| "it was cancelled".to_owned())),
                    Some(ABORTED) => return Err(said.unwrap_or_else(|| "the printer gave it up".to_owned())),
                    _ => {}
                }
            }
            sleep(PAUSE).await;
        }
        let asked = Asking::new(CANCEL_JOB, &self.address).job(job).ours();
        // Whether it is taken back or not, the card is cancelled.
        let _ = self.ask(asked.finish(b"")).await;
        Err(said.unwrap_or_else(|| "it was not printed in time".to_owned()))
    }

    async fn ask(&self, message: Vec<u8>) -> Result<Answered, String> {
        timeout(PATIENCE, self.exchange(message)).await.map_err(|_| "CUPS does not answer".to_owned())?
    }

    async fn exchange(&self, message: Vec<u8>) -> Result<Answered, String> {
        let silent = |_| "CUPS does not answer".to_owned();
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await;
        let stream = TokioIo::new(stream.map_err(|_| "CUPS takes no connection".to_owned())?);
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake::<_, Full<Bytes>>(stream).await.map_err(silent)?;
        let _connection = Ended(tokio::spawn(async move {
            // What went wrong is told by the request.
            let _ = connection.await;
        }));
        let request = Request::post(&self.path)
            .header(header::HOST, format!("{}:{}", self.host, self.port))
            .header(header::CONTENT_TYPE, "application/ipp")
            .header(header::CONNECTION, "close")
            .body(Full::new(Bytes::from(message)))
            .map_err(|_| "the address of the printer is none".to_owned())?;
        let answer = sender.send_request(request).await.map_err(silent)?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), LARGEST).collect().await;
        let body = body.map_err(|_| "CUPS broke off".to_owned())?.to_bytes();
        Answered::read(&body).ok_or_else(|| format!("CUPS answered {}", status.as_u16()))
    }
}

/// A connection that ends with its request, also when the attempt is given up.
struct Ended(JoinHandle<()>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A queue is this machine's, with a port or without; nothing else is one.
#[test]
fn addresses_are_read() {
    let printer = Printer::parse("ipp://localhost/printers/desk").unwrap();
    assert_eq!(
        (printer.host.as_str(), printer.port, printer.path.as_str()),
        ("localhost", 631, "/printers/desk")
    );
    assert_eq!(Printer::parse("ipp://127.0.0.1:6631/printers/desk").unwrap().port, 6631);
    for bad in [
        "desk",
        "ipp://localhost",
        "ipp://localhost/",
        "ipp://printer.example/printers/desk",
        "ipp://localhost:x/a",
        "ipp://localhost/a b",
    ] {
        assert_eq!(Printer::parse(bad), None, "{bad}");
    }
}
