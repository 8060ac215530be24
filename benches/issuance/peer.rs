//! `openssl ca`, with a key in a file and its index in a text file: a process for each certificate, and a process for many.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};

/// How long each is measured.
const TIME: Duration = Duration::from_secs(4);
/// At the same time: as many as there are cores, each with an authority of its own, since the index takes one writer.
const AT_ONCE: usize = 2;
/// The profile is like `system-tls-client`: what costs is the signature, the extensions and the index.
const CONFIGURATION: &str = "[ca]\ndefault_ca = bench\n[bench]\ndatabase = index.txt\nserial = serial\n\
    new_certs_dir = issued\ncertificate = ca.pem\nprivate_key = ca.key\ndefault_md = sha256\ndefault_days = 30\n\
    policy = any\nunique_subject = no\nx509_extensions = leaf\n[any]\ncommonName = supplied\n[leaf]\n\
    keyUsage = critical,digitalSignature\nextendedKeyUsage = clientAuth\nsubjectKeyIdentifier = hash\n\
    authorityKeyIdentifier = keyid\ncrlDistributionPoints = URI:http://pki.example/crl/systems.crl\n\
    authorityInfoAccess = OCSP;URI:http://pki.example/ocsp\n";

/// Certificates per second when each process makes so many.
pub(crate) fn rate(each: usize) -> anyhow::Result<f64> {
    let counts: Vec<anyhow::Result<f64>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(|| one_after_the_other(each))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| bail!("a thread ended"))).collect()
    });
    counts.into_iter().sum()
}

fn one_after_the_other(each: usize) -> anyhow::Result<f64> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let at = folder.path();
    found(at)?;
    let (begun, mut issued) = (Instant::now(), 0);
    while begun.elapsed() < TIME {
        openssl(
            at,
            &["ca", "-batch", "-notext", "-config", "ca.cnf", "-infiles"],
            &vec!["request.pem"; each],
        )?;
        issued += each;
    }
    Ok(crate::rig::number(issued) / begun.elapsed().as_secs_f64())
}

/// An authority with one request to certify over and over.
fn found(at: &Path) -> anyhow::Result<()> {
    std::fs::write(at.join("ca.cnf"), CONFIGURATION)?;
    std::fs::write(at.join("index.txt"), "")?;
    std::fs::write(at.join("serial"), "1000000000000001\n")?;
    std::fs::create_dir(at.join("issued"))?;
    let key = ["-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
    openssl(at, &["req", "-x509", "-subj", "/CN=bench", "-keyout", "ca.key", "-out", "ca.pem"], &key)?;
    openssl(at, &["req", "-new", "-subj", "/CN=asked", "-keyout", "own.key", "-out", "request.pem"], &key)
}

fn openssl(at: &Path, arguments: &[&str], further: &[&str]) -> anyhow::Result<()> {
    let said = Command::new("openssl").args(arguments).args(further).current_dir(at).output()?;
    ensure!(said.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&said.stderr));
    Ok(())
}
