//! Signatures per second of a throw-away token, SoftHSM's or Kryoptic's: alone, and through this crate with the same number of sessions.
//! On a machine that does other work too, compare the processor time for each signature: of P-256, because the figure
//! for the token alone holds the making of its key, which for RSA takes long.
//!
//! `cargo run --release -p hsm --features testing --example raw_rate -- [SESSIONS] [SECONDS] [kryoptic]`

use std::error::Error;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hsm::testing::{RawKey, TestToken, raw_rate};
use hsm::{Alg, Hsm, Key};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let sessions: usize = arguments.next().map_or(Ok(2), |argument| argument.parse())?;
    let seconds: f64 = arguments.next().map_or(Ok(2.0), |argument| argument.parse())?;
    let time = Duration::from_secs_f64(seconds);
    let (token, kinds) = match arguments.next().as_deref() {
        Some("kryoptic") => (TestToken::kryoptic(), on_kryoptic()),
        _ => (TestToken::new(), on_softhsm()),
    };
    let mut config = token.config();
    config.tokens[0].sessions = sessions;
    let hsm = Hsm::open(config.clone()).await?;
    hsm.create_wrapping_key(1).await?;
    let mut out = std::io::stdout();
    writeln!(out, "{sessions} sessions, {seconds} s each")?;
    let (alone, through) = ("token alone", "through this crate");
    writeln!(out, "{:<10} {:<8} {alone:>20} {through:>20} ratio (of CPU)", "algorithm", "key")?;
    for (alg, kinds) in kinds {
        for kind in kinds {
            let measured = config.tokens[0].clone();
            let raw = move || raw_rate(&measured, alg, kind, sessions, time);
            let before = cpu()?;
            let raw = tokio::task::spawn_blocking(raw).await??;
            let raw_cpu = (cpu()? - before) / (raw * seconds);
            let key = match kind {
                RawKey::Token | RawKey::TokenChecked | RawKey::Copied => {
                    hsm.generate(&format!("rate-{alg}"), alg).await?
                }
                RawKey::Wrapped => hsm.wrapped(hsm.generate_wrapped(alg).await?),
            };
            let before = cpu()?;
            let ours = rate(&key, 8 * sessions, time).await?;
            let our_cpu = (cpu()? - before) / (ours * seconds);
            let kind = format!("{kind:?}").to_lowercase();
            let show = |rate: f64, cpu: f64| format!("{rate:.0}/s {:.0} us", cpu * 1e6);
            let (alone, through) = (show(raw, raw_cpu), show(ours, our_cpu));
            let (ratio, of_cpu) = (ours / raw, our_cpu / raw_cpu);
            writeln!(
                out,
                "{:<10} {kind:<8} {alone:>20} {through:>20} {ratio:>6.2} ({of_cpu:.2})",
                alg.to_string()
            )?;
        }
    }
    Ok(())
}

/// What SoftHSM has. It does not unwrap Ed25519 keys.
fn on_softhsm() -> Vec<(Alg, Vec<RawKey>)> {
    let both = || vec![RawKey::Token, RawKey::Wrapped];
    vec![
        (Alg::P256, both()),
        (Alg::Rsa2048, both()),
        (Alg::P384, both()),
        (Alg::Ed25519, vec![RawKey::Token]),
    ]
}

/// What is compared on Kryoptic, which does not wrap ML-DSA keys.
fn on_kryoptic() -> Vec<(Alg, Vec<RawKey>)> {
    let algs = [Alg::P256, Alg::Rsa2048, Alg::MlDsa44, Alg::MlDsa65, Alg::MlDsa87];
    algs.into_iter().map(|alg| (alg, vec![RawKey::Token])).collect()
}

/// Signatures per second that so many callers get.
async fn rate(key: &Key, callers: usize, time: Duration) -> Result<f64, Box<dyn Error>> {
    let signed = Arc::new(AtomicU64::new(0));
    let begun = Instant::now();
    let calls: Vec<_> = (0..callers)
        .map(|_| {
            let (key, signed) = (key.clone(), signed.clone());
            tokio::spawn(async move {
                while begun.elapsed() < time {
                    key.sign(key.alg().default_scheme(), b"a prescription").await?;
                    signed.fetch_add(1, Ordering::Relaxed);
                }
                Ok::<_, hsm::Error>(())
            })
        })
        .collect();
    for call in calls {
        call.await??;
    }
    let signed = u32::try_from(signed.load(Ordering::Relaxed))?;
    Ok(f64::from(signed) / begun.elapsed().as_secs_f64())
}

/// Processor seconds that this process has used, in steps of a hundredth.
fn cpu() -> Result<f64, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit_once(')').ok_or("no fields")?.1.split_whitespace();
    // proc(5): utime and stime are fields 14 and 15; the name, which may hold spaces, is field 2.
    let ticks: Vec<f64> = fields.skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / 100.0)
}
