//! The configuration is followed while the agent runs: what is written there counts from then on, for pages, servers and dialogs. Ports,
//! socket and certificate stay as they were when it began.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::watch;

use crate::settings::{Settings, SettingsError};

/// How often it is looked whether there is another one.
const PAUSE: Duration = Duration::from_secs(1);

/// Where the configuration lies, and by which key it must be signed.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// The file; none has the agent do what is usual.
    pub config: Option<PathBuf>,
    /// The key that was named.
    pub trusted_key: Option<PathBuf>,
}

impl Source {
    /// Reads it.
    pub fn read(&self) -> Result<Settings, SettingsError> {
        Settings::read(self.config.as_deref(), self.trusted_key.as_deref())
    }

    /// Follows it without end. One that cannot be followed is told once, and that of before goes on.
    pub async fn follow(self, settings: watch::Sender<Settings>, tell: impl Fn(&SettingsError) + Send) {
        let mut told = String::new();
        loop {
            tokio::time::sleep(PAUSE).await;
            match self.look(&settings) {
                Ok(()) => told.clear(),
                Err(error) => {
                    let words = error.to_string();
                    if words != told {
                        tell(&error);
                        told = words;
                    }
                }
            }
        }
    }

    /// Takes what is there now, if it is another one.
    fn look(&self, settings: &watch::Sender<Settings>) -> Result<(), SettingsError> {
        let read = self.read()?;
        settings.send_if_modified(|now| {
            let is_other = *now != read;
            if is_other {
                *now = read;
            }
            is_other
        });
        Ok(())
    }
}

/// A configuration that was changed counts, once; one that is none leaves that of before in force.
#[test]
fn configurations_are_followed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.toml");
    let source = Source { config: Some(path.clone()), trusted_key: None };
    let (settings, mut followed) = watch::channel(Settings::default());
    let mut origins_after = |text: &str| {
        std::fs::write(&path, text).unwrap();
        let outcome = source.look(&settings);
        let is_new = followed.has_changed().unwrap();
        (outcome.is_ok(), is_new, followed.borrow_and_update().origins.clone())
    };
    let one = vec!["https://one.example".to_owned()];
    let text = "origins = [\"https://one.example\"]\n";
    assert_eq!(origins_after(text), (true, true, one.clone()));
    assert_eq!(origins_after(text), (true, false, one.clone()), "nothing is new");
    assert_eq!(origins_after("origins = [\"*\"]\n"), (false, false, one), "no origin");
    assert_eq!(origins_after(""), (true, true, Vec::new()));
}
