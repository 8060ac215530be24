//! `kill -9` in the middle of a validation: it is in the queue, and the next process makes it.

use std::time::Instant;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::Running;
use super::client::Client;
use crate::rig::{PATIENCE, Serving};

/// The server is killed while it waits for the machine's answer. After it starts again it asks once more, believes the
/// answer, and the order becomes ready.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_validation_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(dir.path()).await;
    let external = running.external();
    let machine = TcpListener::bind(("127.0.0.1", running.http_port)).await.unwrap();
    let client = Client::registered(&running, &external).await;
    let (order, challenge) = client.order().await;
    client.post(challenge["url"].as_str().unwrap(), "{}").await;
    let (waiting, _) = tokio::time::timeout(PATIENCE, machine.accept()).await.unwrap().unwrap();
    let Running { site, serving, .. } = running;
    serving.kill();
    drop(waiting);
    let serving = Serving::spawn(&site);
    site.private("/ready", 200).await;
    assert_eq!(client.fetch(&order).await["status"], "pending", "nothing was believed yet");
    let (mut asked, _) = tokio::time::timeout(PATIENCE, machine.accept()).await.unwrap().unwrap();
    let mut head = [0; 2048];
    let length = asked.read(&mut head).await.unwrap();
    let token = challenge["token"].as_str().unwrap();
    assert!(String::from_utf8_lossy(&head[..length]).contains(token));
    let text = format!("{token}.{}", client.thumbprint());
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}", text.len());
    asked.write_all(answer.as_bytes()).await.unwrap();
    let deadline = Instant::now() + PATIENCE;
    while client.fetch(&order).await["status"] != "ready" {
        assert!(Instant::now() < deadline, "the order did not become ready");
    }
    serving.kill();
}
