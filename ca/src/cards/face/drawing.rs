//! Drawing a face, by librsvg's program.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::api::CardFaceForm;
use crate::cards::CardRefused;

/// How long the program may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// What it draws is no larger, in octets.
const LARGEST: usize = 16 * 1024 * 1024;

/// Draws SVG: a page of 85.60 by 53.98 mm, or a picture of 1,011 by 638 dots, which is that at 300 to the inch.
pub(super) async fn draw(renderer: &Path, svg: Vec<u8>, form: CardFaceForm) -> Result<Vec<u8>, CardRefused> {
    let failed = |why: String| CardRefused::FaceNotDrawn { program: renderer.display().to_string(), why };
    let drawing = async {
        let mut child = command(renderer, form).spawn().map_err(|error| failed(error.to_string()))?;
        let input = child.stdin.take();
        let saying = async move {
            if let Some(mut input) = input {
                // One that reads no further says why at its end.
                let _ = input.write_all(&svg).await;
            }
        };
        let ((), ended) = tokio::join!(saying, child.wait_with_output());
        ended.map_err(|error| failed(error.to_string()))
    };
    let ended = tokio::time::timeout(PATIENCE, drawing).await;
    let ended = ended.map_err(|_| failed("it did not end in time".to_owned()))??;
    let is_whole = ended.stdout.starts_with(form.first_octets()) && ended.stdout.len() <= LARGEST;
    if ended.status.success() && is_whole {
        Ok(ended.stdout)
    } else {
        let said = String::from_utf8_lossy(&ended.stderr);
        Err(failed(said.lines().next().unwrap_or("it drew nothing").to_owned()))
    }
}

/// The program with nothing of our environment but where programs are. It is ended when nobody waits for it any more. What it draws
/// comes by its input, so that a template names no file of this machine.
fn command(renderer: &Path, form: CardFaceForm) -> Command {
    let mut command = Command::new(renderer);
    match form {
        CardFaceForm::Pdf => command.arg("--format=pdf"),
        CardFaceForm::Png => command.args(["--format=png", "--width=1011", "--height=638"]),
    };
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}
