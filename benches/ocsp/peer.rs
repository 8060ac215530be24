//! `openssl ocsp` as a responder, with a key in a file. It serves one question on each connection.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use pki::Certificate;
use pki::ocsp::{CertId, Hash, Request, Response};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const PORT: u16 = 21_450;
/// As many processes as there are cores.
const PROCESSES: &str = "2";
const CONNECTIONS: usize = 4;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A running responder; ended when dropped.
pub(crate) struct Responder {
    child: Child,
    issuer: Certificate,
    _folder: TempDir,
}

impl Responder {
    /// Makes an authority that answers for itself, with an index of one certificate.
    pub(crate) fn start() -> anyhow::Result<Responder> {
        let folder = tempfile::tempdir()?;
        let made = Command::new("openssl")
            .args(["req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
            .args(["-subj", "/CN=bench", "-days", "30", "-keyout", "ca.key", "-out", "ca.pem"])
            .current_dir(folder.path())
            .output()?;
        ensure!(made.status.success(), "openssl req: {}", String::from_utf8_lossy(&made.stderr));
        std::fs::write(folder.path().join("index.txt"), "V\t490101000000Z\t\t1234\tunknown\t/CN=asked\n")?;
        let issuer = Certificate::from_pem(&std::fs::read_to_string(folder.path().join("ca.pem"))?)?;
        let child = Command::new("openssl")
            .args(["ocsp", "-index", "index.txt", "-CA", "ca.pem", "-rsigner", "ca.pem", "-rkey", "ca.key"])
            .args(["-multi", PROCESSES, "-ndays", "1", "-port", &PORT.to_string()])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        Ok(Responder { child, issuer, _folder: folder })
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        // The parent and the children that answer, at once: asked to end, it can wait for a child that waits for a caller.
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Answers per second.
pub(crate) async fn rate(responder: &Responder, time: Duration) -> anyhow::Result<f64> {
    let id = CertId::new(Hash::Sha1, &responder.issuer, "1234".parse()?)?;
    let question = Request::new(vec![id], None)?.to_der();
    let head = format!(
        "POST / HTTP/1.0\r\ncontent-type: application/ocsp-request\r\ncontent-length: {}\r\n\r\n",
        question.len()
    );
    let request = [head.as_bytes(), &question].concat();
    let deadline = Instant::now() + Duration::from_secs(10);
    while ask(&request).await.is_err() {
        ensure!(Instant::now() < deadline, "openssl ocsp does not answer");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (begun, mut clients) = (Instant::now(), JoinSet::new());
    for _ in 0..CONNECTIONS {
        let request = request.clone();
        clients.spawn(async move {
            let mut answers = 0_u32;
            while begun.elapsed() < time {
                ask(&request).await?;
                answers += 1;
            }
            anyhow::Ok(answers)
        });
    }
    let mut answers = 0;
    while let Some(done) = clients.join_next().await {
        answers += done??;
    }
    Ok(f64::from(answers) / begun.elapsed().as_secs_f64())
}

/// One answer within [`PATIENCE`].
async fn ask(request: &[u8]) -> anyhow::Result<()> {
    tokio::time::timeout(PATIENCE, answered(request)).await.context("openssl ocsp keeps silent")?
}

async fn answered(request: &[u8]) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, PORT))).await?;
    stream.write_all(request).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let body = answer.windows(4).position(|window| window == b"\r\n\r\n").context("no answer")? + 4;
    ensure!(matches!(Response::from_der(&answer[body..])?, Response::Answered(_)), "openssl refused");
    Ok(())
}
