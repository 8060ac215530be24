//! Who carries messages: a mail server, a program that sends text messages, a folder, and what posts to programs.

use std::time::Duration;

use super::Channel;
use super::config::{Config, Error};
use super::hook::Hook;
use super::mailbox::Mailbox;
use super::rest_hook::RestHook;
use super::smtp::Smtp;
use super::store::Due;

/// The ways that messages take, opened.
#[derive(Clone)]
pub struct Carriers {
    email: Option<Carrier>,
    text: Option<Carrier>,
    hook: Option<Carrier>,
    pub(super) kept: Duration,
}

/// A way.
#[derive(Clone)]
enum Carrier {
    Smtp(Smtp),
    Hook(Hook),
    Mailbox(Mailbox),
    RestHook(RestHook),
}

/// How a try ended, with what is told of it: never an address, nor what was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was taken.
    Taken(String),
    /// It will never be taken.
    Refused(String),
    /// It may be taken later.
    Failed(String),
}

impl Carriers {
    /// Opens the ways of the configuration. Nothing is sent yet, and no server need be there.
    pub fn open(config: &Config) -> Result<Self, Error> {
        config.check()?;
        let mailbox =
            config.mailbox.as_deref().map(|folder| Mailbox::open(folder, &config.from)).transpose()?;
        let mailbox = mailbox.map(Carrier::Mailbox);
        let smtp = config.smtp.as_ref().map(|smtp| Smtp::open(smtp, &config.from)).transpose()?;
        let text = config.text.as_ref().map(Hook::open).transpose()?;
        let hook = config.rest_hooks.as_ref().map(RestHook::open).transpose()?;
        Ok(Self {
            email: smtp.map(Carrier::Smtp).or_else(|| mailbox.clone()),
            text: text.map(Carrier::Hook).or(mailbox),
            hook: hook.map(Carrier::RestHook),
            kept: Duration::from_secs(u64::from(config.kept_days) * 86_400),
        })
    }

    /// Whether messages of this channel have a way.
    pub fn carries(&self, channel: Channel) -> bool {
        self.way(channel).is_some()
    }

    fn way(&self, channel: Channel) -> Option<&Carrier> {
        match channel {
            Channel::Email => self.email.as_ref(),
            Channel::Text => self.text.as_ref(),
            Channel::Hook => self.hook.as_ref(),
        }
    }

    /// One try.
    pub(super) async fn carry(&self, channel: Channel, due: &Due) -> Outcome {
        match self.way(channel) {
            None => Outcome::Failed("no way is configured".to_owned()),
            Some(Carrier::Smtp(smtp)) => smtp.send(due).await,
            Some(Carrier::Hook(hook)) => hook.send(due).await,
            Some(Carrier::Mailbox(mailbox)) => mailbox.put(channel, due).await,
            Some(Carrier::RestHook(hook)) => hook.send(due).await,
        }
    }
}
