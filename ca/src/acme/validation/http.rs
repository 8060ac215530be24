//! http-01: RFC 8555 8.3.

use std::net::SocketAddr;

use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::super::identifier::Identifier;
use super::super::problem::Kind;
use super::{Failed, Target, later};

/// The largest answer we read: a key authorization has less than 100 octets.
const MOST_OCTETS: usize = 1024;
/// The largest head of an answer.
const MOST_HEAD: usize = 16 * 1024;

/// Asks this very address.
pub(super) async fn check(target: &Target, address: SocketAddr) -> Result<(), Failed> {
    let refused = |_| later(Kind::Connection, format!("{address} did not take the connection"));
    let stream = TcpStream::connect(address).await.map_err(refused)?;
    let broken = |_| later(Kind::Connection, format!("{address} did not answer in HTTP"));
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_buf_size(MOST_HEAD)
        .handshake::<_, Empty<Bytes>>(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    let _connection = Ended(tokio::spawn(async move {
        // What went wrong is told by the request.
        let _ = connection.await;
    }));
    let request = Request::get(format!("/.well-known/acme-challenge/{}", target.token))
        .header(header::HOST, host(&target.identifier, address.port()))
        .header(header::USER_AGENT, "lanyard-acme")
        .header(header::CONNECTION, "close")
        .body(Empty::new())
        .map_err(|_| later(Kind::ServerInternal, "the request could not be made"))?;
    let answer = sender.send_request(request).await.map_err(broken)?;
    if answer.status() != StatusCode::OK {
        let detail = match answer.status() {
            status if status.is_redirection() => {
                "it answered with a redirect, which is not followed".to_owned()
            }
            status => format!("it answered {} and not 200", status.as_u16()),
        };
        return Err(later(Kind::IncorrectResponse, detail));
    }
    let body = whole(answer.into_body()).await?;
    // RFC 8555 8.3: white space at the end is not looked at.
    if body.trim_ascii_end() == target.key_authorization.as_bytes() {
        return Ok(());
    }
    Err(later(Kind::IncorrectResponse, "the answer is not the key authorization"))
}

async fn whole(body: Incoming) -> Result<Bytes, Failed> {
    match Limited::new(body, MOST_OCTETS).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(_) => Err(later(Kind::IncorrectResponse, "the answer ended too early or is far too long")),
    }
}

/// RFC 9110 7.2.
fn host(identifier: &Identifier, port: u16) -> String {
    let host = match identifier {
        Identifier::Ip(std::net::IpAddr::V6(address)) => format!("[{address}]"),
        other => other.value(),
    };
    if port == 80 { host } else { format!("{host}:{port}") }
}

/// A connection that ends with its request, also when the attempt is given up.
struct Ended(JoinHandle<()>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.abort();
    }
}
