//! A connection that asks and reads, and costs little: the load generator shares the cores with the server.

use std::net::SocketAddr;

use anyhow::{Context, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// One HTTP/1.1 connection that is kept open.
pub(crate) struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Wire {
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Wire> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Wire { stream, buffer: Vec::with_capacity(4096) })
    }

    /// Sends a request and reads the body of its answer.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<&[u8]> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        loop {
            let read = self.stream.read_buf(&mut self.buffer).await?;
            ensure!(read > 0, "the server closed the connection");
            let Some(head) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") else {
                continue;
            };
            let length = length(&self.buffer[..head])?;
            while self.buffer.len() < head + 4 + length {
                ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "an answer was cut off");
            }
            return Ok(&self.buffer[head + 4..]);
        }
    }
}

/// The length of the body that the head of a good answer tells.
fn length(head: &[u8]) -> anyhow::Result<usize> {
    const NAME: &[u8] = b"content-length:";
    ensure!(head.get(9..12) == Some(b"200"), "{}", String::from_utf8_lossy(head));
    let named = |line: &&[u8]| line.get(..NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME));
    let line = head.split(|octet| *octet == b'\n').find(named).context("an answer without its length")?;
    Ok(std::str::from_utf8(&line[NAME.len()..])?.trim().parse()?)
}
