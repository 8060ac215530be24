//! Files that are sent while they are read, and answers that are read while they are sent.

use std::io::Read as _;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use anyhow::Context as _;
use axum::body::Bytes;
use http_body::{Body, Frame, SizeHint};
use reqwest::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

use super::{LONG_PATIENCE, Refused, Server, retry_after, said, unreachable};

/// How much of a file is read at once, and how many such pieces wait to be sent.
const PIECE: usize = 64 * 1024;
const WAITING: usize = 4;
/// The longest line of an answer.
const LONGEST_LINE: usize = 4 * 1024 * 1024;

/// A file on its way.
struct Sending {
    pieces: mpsc::Receiver<std::io::Result<Bytes>>,
    left: u64,
}

impl Sending {
    /// Begins to read a file, on a thread that may block.
    fn open(path: &Path) -> anyhow::Result<Self> {
        let unreadable = || format!("{} cannot be read", path.display());
        let mut file = std::fs::File::open(path).with_context(unreadable)?;
        let left = file.metadata().with_context(unreadable)?.len();
        let (sender, pieces) = mpsc::channel(WAITING);
        tokio::task::spawn_blocking(move || {
            loop {
                let mut piece = vec![0; PIECE];
                let read = match file.read(&mut piece) {
                    Ok(0) => return,
                    Ok(many) => {
                        piece.truncate(many);
                        Ok(Bytes::from(piece))
                    }
                    Err(error) => Err(error),
                };
                let broken = read.is_err();
                if sender.blocking_send(read).is_err() || broken {
                    return;
                }
            }
        });
        Ok(Self { pieces, left })
    }
}

impl Body for Sending {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        self.pieces.poll_recv(context).map(|piece| {
            let piece = piece?;
            if let Ok(piece) = &piece {
                self.left = self.left.saturating_sub(piece.len() as u64);
            }
            Some(piece.map(Frame::data))
        })
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

impl Server {
    /// Posts a file of any length, and gives each line of the answer as it comes.
    pub async fn upload(
        &self,
        path: &str,
        media_type: &str,
        file: &Path,
        mut line: impl FnMut(&str) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let url = format!("{}{path}", self.base);
        let body = reqwest::Body::wrap(Sending::open(file)?);
        let request = self.http.post(&url).header(CONTENT_TYPE, media_type).timeout(LONG_PATIENCE).body(body);
        let mut response = request.send().await.map_err(|error| unreachable(&self.base, &error))?;
        if !response.status().is_success() {
            return Err(refused(path, response).await);
        }
        let mut text: Vec<u8> = Vec::new();
        while let Some(chunk) = response.chunk().await.with_context(|| broke_off(&url))? {
            text.extend_from_slice(&chunk);
            while let Some(end) = text.iter().position(|octet| *octet == b'\n') {
                let rest = text.split_off(end + 1);
                line(String::from_utf8_lossy(&text).trim_end())?;
                text = rest;
            }
            anyhow::ensure!(text.len() <= LONGEST_LINE, "the answer of {url} has a line without an end");
        }
        anyhow::ensure!(text.is_empty(), "{}", broke_off(&url));
        Ok(())
    }

    /// Posts what is done once, by a key of its own, and reads the answer.
    pub async fn post_once<T: DeserializeOwned>(
        &self,
        path: &str,
        media_type: &str,
        body: Vec<u8>,
    ) -> anyhow::Result<T> {
        let url = format!("{}{path}", self.base);
        let key = uuid::Uuid::now_v7().to_string();
        let request = self.http.post(&url).header(CONTENT_TYPE, media_type).header("idempotency-key", key);
        let response = request.body(body).send().await.map_err(|error| unreachable(&self.base, &error))?;
        if !response.status().is_success() {
            return Err(refused(path, response).await);
        }
        let text = response.text().await.with_context(|| broke_off(&url))?;
        serde_json::from_str(&text).with_context(|| format!("the answer to {path} does not read"))
    }
}

fn broke_off(url: &str) -> String {
    format!("the answer of {url} broke off")
}

async fn refused(path: &str, response: reqwest::Response) -> anyhow::Error {
    let (status, retry_after) = (response.status(), retry_after(&response));
    let said = said(&response.text().await.unwrap_or_default());
    Refused { path: path.to_owned(), status, retry_after, said }.into()
}
