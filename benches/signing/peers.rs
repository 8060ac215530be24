//! Other programs that make CMS signatures, over keys in software.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use hsm::Alg;
use tempfile::TempDir;

use crate::rig::said;

/// How long each is measured.
const TIME: Duration = Duration::from_secs(4);
/// At the same time: as many as there are cores.
const AT_ONCE: usize = 2;
const JARS: &str = "/usr/share/java/bcprov.jar:/usr/share/java/bcpkix.jar:/usr/share/java/bcutil.jar";

/// A program that signs.
#[derive(Clone, Copy)]
pub(crate) enum Peer {
    /// A process for each signature.
    OpenSsl,
    /// Bouncy Castle with its own mathematics.
    BouncyCastle,
    /// Bouncy Castle with the mathematics of the JDK.
    BouncyCastleJdk,
}

impl Peer {
    pub(crate) const ALL: [Self; 3] = [Self::OpenSsl, Self::BouncyCastle, Self::BouncyCastleJdk];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::OpenSsl => "openssl cms -sign",
            Self::BouncyCastle => "Bouncy Castle, its own keys",
            Self::BouncyCastleJdk => "Bouncy Castle, JDK's keys",
        }
    }

    /// Signatures per second.
    pub(crate) fn rate(self, alg: Alg) -> anyhow::Result<f64> {
        match self {
            Self::OpenSsl => openssl(alg),
            Self::BouncyCastle => java(alg, "BC"),
            Self::BouncyCastleJdk => java(alg, "JDK"),
        }
    }
}

fn openssl(alg: Alg) -> anyhow::Result<f64> {
    let folder = tempfile::tempdir()?;
    let at = folder.path();
    let (key, certificate) = (at.join("key.pem"), at.join("certificate.pem"));
    let kind: &[&str] = match alg {
        Alg::P256 => &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
        Alg::Rsa2048 => &["-newkey", "rsa:2048"],
        other => bail!("no measurement of {other}"),
    };
    let made = Command::new("openssl")
        .args(["req", "-x509", "-nodes", "-subj", "/CN=bench", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .args(kind)
        .output()?;
    ensure!(made.status.success(), "openssl req: {}", String::from_utf8_lossy(&made.stderr));
    std::fs::write(at.join("document"), vec![b'.'; 1024])?;
    let counts: Vec<anyhow::Result<f64>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(|| one_after_the_other(at))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| bail!("a thread ended"))).collect()
    });
    counts.into_iter().sum()
}

fn one_after_the_other(at: &Path) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let mut signed = 0_u32;
    while begun.elapsed() < TIME {
        let status = Command::new("openssl")
            .args(["cms", "-sign", "-binary", "-cades", "-md", "sha256", "-outform", "DER"])
            .args(["-in", "document", "-signer", "certificate.pem", "-inkey", "key.pem"])
            .args(["-out", "/dev/null"])
            .current_dir(at)
            .status()?;
        ensure!(status.success(), "openssl cms -sign failed");
        signed += 1;
    }
    Ok(f64::from(signed) / begun.elapsed().as_secs_f64())
}

fn java(alg: Alg, provider: &str) -> anyhow::Result<f64> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/java/CmsBench.java");
    let classes = TempDir::new()?;
    let classes = classes.path().to_str().context("a path in Unicode")?;
    let source = source.to_str().context("a path in Unicode")?;
    said("javac", &["-encoding", "UTF-8", "-cp", JARS, "-d", classes, source])
        .context("install default-jdk-headless and libbcpkix-java")?;
    let kind = if alg == Alg::P256 { "EC" } else { "RSA" };
    let seconds = TIME.as_secs().to_string();
    let path = format!("{classes}:{JARS}");
    let rate = said("java", &["-cp", &path, "CmsBench", kind, provider, &seconds])?;
    rate.parse().with_context(|| format!("not a rate: {rate}"))
}
