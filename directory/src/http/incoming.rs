//! A body as a file that is read while it comes.

use std::io::{BufRead, Error, ErrorKind, Read, Result};

use axum::body::Body;
use bytes::{Buf as _, Bytes};
use http_body_util::BodyExt as _;
use tokio::sync::mpsc;

/// How many pieces wait to be read: whoever sends is held back by whoever reads.
const WAITING: usize = 8;

/// The reading end. It blocks, and is read on a thread that may.
pub(super) struct Incoming {
    pieces: mpsc::Receiver<Result<Bytes>>,
    piece: Bytes,
}

/// Reads a body piece by piece. When nobody reads any more, what still comes is thrown away: whoever sends reads the answer
/// only on a connection that takes what they send.
pub(super) fn incoming(mut body: Body) -> Incoming {
    let (sender, pieces) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        let mut reader = Some(sender);
        while let Some(frame) = body.frame().await {
            let piece = match frame {
                Ok(frame) => frame.into_data().map(Ok).ok(),
                Err(error) => Some(Err(Error::new(ErrorKind::UnexpectedEof, error))),
            };
            let Some(piece) = piece else { continue };
            let broken = piece.is_err();
            if let Some(sender) = &reader
                && sender.send(piece).await.is_err()
            {
                reader = None;
            }
            if broken {
                return;
            }
        }
    });
    Incoming { pieces, piece: Bytes::new() }
}

impl BufRead for Incoming {
    fn fill_buf(&mut self) -> Result<&[u8]> {
        while self.piece.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.piece = piece?,
                None => break,
            }
        }
        Ok(&self.piece)
    }

    fn consume(&mut self, many: usize) {
        self.piece.advance(many);
    }
}

impl Read for Incoming {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        let here = self.fill_buf()?;
        let many = here.len().min(into.len());
        into[..many].copy_from_slice(&here[..many]);
        self.consume(many);
        Ok(many)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A body is read as it was sent, and one that breaks off is no whole file.
    #[tokio::test]
    async fn bodies_are_read_as_they_come() {
        let read = async |pieces: Vec<Result<Bytes>>| {
            let body = Body::from_stream(futures_util::stream::iter(pieces));
            let mut incoming = incoming(body);
            tokio::task::spawn_blocking(move || {
                let mut text = String::new();
                incoming.read_to_string(&mut text).map(|_| text)
            })
            .await
            .unwrap()
        };
        let pieces = ["one", "", " two"].map(|text| Ok(Bytes::from_static(text.as_bytes()))).into();
        assert_eq!(read(pieces).await.unwrap(), "one two");
        let broken = vec![Ok(Bytes::from_static(b"one")), Err(Error::other("gone"))];
        assert_eq!(read(broken).await.unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }
}
