//! A folder that takes messages, for trying out: e-mail as `.eml`, which any mail program opens, text messages as `.txt`.

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::Channel;
use super::carrier::Outcome;
use super::config::Error;
use super::smtp;
use super::store::Due;

/// The folder. Codes lie there in clear, so nobody but its owner reads it.
#[derive(Clone)]
pub(super) struct Mailbox {
    folder: PathBuf,
    from: lettre::message::Mailbox,
}

impl Mailbox {
    /// Makes the folder if it is not there.
    pub(super) fn open(folder: &Path, from: &str) -> Result<Self, Error> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|error| Error::File { file: folder.to_owned(), sentence: error.to_string() })?;
        Ok(Self { folder: folder.to_owned(), from: smtp::sender(from)? })
    }

    /// Puts a message in; the same one twice is there once.
    pub(super) async fn put(&self, channel: Channel, due: &Due) -> Outcome {
        let (ending, bytes) = match channel {
            Channel::Email => match smtp::mail(due, &self.from) {
                Ok(mail) => ("eml", mail.formatted()),
                Err(sentence) => return Outcome::Refused(sentence),
            },
            Channel::Text => ("txt", format!("To: {}\n\n{}\n", due.address, due.text).into_bytes()),
            // Programs read no files: these have a way of their own, or none.
            Channel::Hook => return Outcome::Failed("no way is configured".to_owned()),
        };
        let (whole, half) = (self.named(due, ending), self.named(due, "half"));
        let written = tokio::task::spawn_blocking(move || {
            let mut file = std::fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&half)?;
            file.write_all(&bytes)?;
            std::fs::rename(&half, &whole)
        });
        match written.await {
            Ok(Ok(())) => Outcome::Taken("in the mailbox".to_owned()),
            Ok(Err(error)) => Outcome::Failed(error.kind().to_string()),
            Err(_) => Outcome::Failed("the mailbox could not be written".to_owned()),
        }
    }

    fn named(&self, due: &Due, ending: &str) -> PathBuf {
        self.folder.join(format!("{}.{ending}", due.id))
    }
}
