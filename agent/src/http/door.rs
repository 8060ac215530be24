//! A port of this machine, at which the agent answers plainly and, where it was given a certificate, by TLS: whichever a browser begins
//! with. Older pages look for the agent by `https`; a page cannot tell the agent which it is.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::visitor::Visitor;
use crate::system::{self, Person};

/// How long a browser may keep a connection open before it says something, and then need for a handshake.
const PATIENCE: Duration = Duration::from_mins(1);
/// How many connections wait to be answered.
const WAITING: usize = 16;
/// The first octet of a handshake. RFC 8446 5.1.
const HANDSHAKE: u8 = 22;

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", .path.display())]
pub struct NoCertificate {
    path: PathBuf,
    reason: &'static str,
}

/// What the agent says of itself by TLS: a certificate for `localhost`, and its key.
pub(super) fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor, NoCertificate> {
    let no = |path: &Path, reason| NoCertificate { path: path.to_owned(), reason };
    let unreadable = |_| no(certificate, "no certificate can be read there");
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(certificate).map_err(unreadable)?.collect();
    let chain = chain.map_err(unreadable)?;
    let private =
        PrivateKeyDer::from_pem_file(key).map_err(|_| no(key, "no private key can be read there"))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let unfit = |_| no(certificate, "the certificate is not that of the key, or there is none");
    let mut config =
        config.map_err(unfit)?.with_no_client_auth().with_single_cert(chain, private).map_err(unfit)?;
    // Pages are told from each other by headers that HTTP/2 has otherwise.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// A port, open.
pub(super) struct Door {
    begun: mpsc::Receiver<(Stream, Visitor)>,
}

impl Door {
    /// Takes connections from now on. Each begins beside the others, so that one that says nothing keeps nobody waiting.
    pub(super) fn open(listener: TcpListener, acceptor: Option<TlsAcceptor>) -> Self {
        let (begins, begun) = mpsc::channel(WAITING);
        tokio::spawn(take(listener, acceptor, begins));
        Self { begun }
    }
}

impl Listener for Door {
    type Io = Stream;
    type Addr = Visitor;

    async fn accept(&mut self) -> (Stream, Visitor) {
        match self.begun.recv().await {
            Some(begun) => begun,
            // Nobody takes connections any more, which is so only where all ends.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Visitor> {
        Ok(Visitor(Person::Own))
    }
}

async fn take(
    mut listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    begins: mpsc::Sender<(Stream, Visitor)>,
) {
    while !begins.is_closed() {
        let (stream, _) = Listener::accept(&mut listener).await;
        let (acceptor, begins) = (acceptor.clone(), begins.clone());
        tokio::spawn(async move {
            let visitor = Visitor(match (stream.peer_addr(), stream.local_addr()) {
                (Ok(peer), Ok(own)) => system::person_behind(peer, own),
                // It is over already.
                _ => Person::Foreign,
            });
            if let Some(stream) = begin(stream, acceptor).await {
                // Where nobody answers any more nobody is answered.
                let _ = begins.send((stream, visitor)).await;
            }
        });
    }
}

/// A connection that has begun in its way; none where it did not begin in time, or not as TLS has it.
async fn begin(stream: TcpStream, acceptor: Option<TlsAcceptor>) -> Option<Stream> {
    let Some(acceptor) = acceptor else { return Some(Stream::Plain(stream)) };
    let mut first = [0];
    let seen = timeout(PATIENCE, stream.peek(&mut first)).await.ok()?.ok()?;
    if seen == 0 || first[0] != HANDSHAKE {
        return Some(Stream::Plain(stream));
    }
    let secured = timeout(PATIENCE, acceptor.accept(stream)).await.ok()?.ok()?;
    Some(Stream::Secured(Box::new(secured)))
}

/// A connection.
pub(super) enum Stream {
    Plain(TcpStream),
    Secured(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Secured(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, octets),
            Self::Secured(stream) => Pin::new(stream).poll_write(context, octets),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Secured(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Secured(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
