//! What people are told by message: codes, and that their addresses were changed.

use std::time::Duration;

use platform::db::Tx;
use platform::id::UserId;
use platform::message::code::{COUNTED_OVER, LIFETIME, SENDINGS};
use platform::message::{self, Message, MessageId, Posted};

use crate::acting::Doing;
use crate::api::{Channel, Contact};
use crate::day::Day;
use crate::error::Error;
use crate::store::people_contacts;

/// Under which name this module posts messages; each is about a user id.
pub(crate) const MODULE: &str = "directory";
/// A code for an address.
const CODE: &str = "contact-code";
/// That an address was changed.
const NOTICE: &str = "contact-notice";
/// For how long a notice is worth sending.
const NOTICE_LIFE: Duration = Duration::from_hours(72);

/// What was done to an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Changed {
    Added,
    Verified,
    Removed,
}

pub(super) fn way(channel: Channel) -> message::Channel {
    match channel {
        Channel::Email => message::Channel::Email,
        Channel::Mobile => message::Channel::Text,
    }
}

/// How many codes an address can be sent still, whoever says that it is theirs.
pub(super) async fn codes_left(tx: &mut Tx, doing: &Doing, address: &str) -> Result<u32, Error> {
    let since = doing.now.minus(COUNTED_OVER);
    let sent = message::posted_since(tx, (MODULE, CODE), address, since).await?;
    Ok(SENDINGS.saturating_sub(sent))
}

/// Posts a code to an address. The one before it is no longer good, and is not sent any more.
pub(super) async fn post_code(
    tx: &mut Tx,
    doing: &Doing,
    user: &UserId,
    (channel, contact): (Channel, &Contact),
    code: &str,
) -> Result<MessageId, Error> {
    message::withdraw(tx, (MODULE, CODE), user.as_str(), &contact.value, doing.now).await?;
    let message = Message {
        module: MODULE,
        kind: CODE,
        about: user.to_string(),
        channel: way(channel),
        address: contact.value.clone(),
        subject: "Your code".to_owned(),
        text: code_text(channel, code),
        until: doing.now.plus(LIFETIME),
    };
    match message::post(tx, &message, doing.now).await? {
        Posted::Taken(id) => Ok(id),
        Posted::Full => {
            Err(Error::Busy { sentence: "Too many messages wait to be sent. Try again in a few minutes." })
        }
    }
}

/// Tells the holder, at every address that was shown to be theirs, that one was changed: whoever did it who is not them is
/// found out. Where so much waits that nothing more is taken, the change is made without.
pub(super) async fn post_notices(
    tx: &mut Tx,
    doing: &Doing,
    user: &UserId,
    (channel, changed): (Channel, &Contact),
    how: Changed,
) -> Result<(), Error> {
    let mut told = people_contacts::of(&mut *tx, user).await?;
    // What was added is told elsewhere; what was taken away is told there too, if it was theirs.
    told.retain(|address| address.contact.id != changed.id && address.contact.verified_at.is_some());
    let elsewhere = told.into_iter().map(|address| (address.channel, address.contact.value));
    let there =
        (how == Changed::Removed && changed.verified_at.is_some()).then(|| (channel, changed.value.clone()));
    for (to, address) in elsewhere.chain(there) {
        let message = Message {
            module: MODULE,
            kind: NOTICE,
            about: user.to_string(),
            channel: way(to),
            address,
            subject: "Your addresses were changed".to_owned(),
            text: notice_text(channel, &changed.value, how, doing.today()),
            until: doing.now.plus(NOTICE_LIFE),
        };
        if message::post(tx, &message, doing.now).await? == Posted::Full {
            tracing::warn!("a notice of a changed address was not taken: too many messages wait");
            return Ok(());
        }
    }
    Ok(())
}

fn code_text(channel: Channel, code: &str) -> String {
    match channel {
        Channel::Email => format!(
            "Your code is {code}.\n\nIt shows that this address is yours, and can be used for fifteen minutes. Nobody will ask \
             you for it.\n\nIf you did not ask for a code, somebody gave this address as theirs. You need do nothing.\n"
        ),
        Channel::Mobile => {
            format!("{code} is your code. It can be used for fifteen minutes. Nobody will ask you for it.")
        }
    }
}

fn notice_text(channel: Channel, value: &str, how: Changed, day: Day) -> String {
    let what = match channel {
        Channel::Email => "The e-mail address",
        Channel::Mobile => "The mobile number",
    };
    let done = match how {
        Changed::Added => "was added to your profile",
        Changed::Verified => "was verified for your profile",
        Changed::Removed => "was taken off your profile",
    };
    format!(
        "{what} {} {done} on {day}. If you do not know why, tell your registration authority at once.\n",
        masked(channel, value)
    )
}

/// As much of an address as its holder needs to know it.
fn masked(channel: Channel, value: &str) -> String {
    match channel {
        Channel::Email => {
            let (local, domain) = value.split_once('@').unwrap_or((value, ""));
            format!("{}…@{domain}", local.chars().take(1).collect::<String>())
        }
        Channel::Mobile => {
            let digits: Vec<char> = value.chars().collect();
            format!("…{}", digits[digits.len().saturating_sub(3)..].iter().collect::<String>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What people read: the code and what to do, and of an address no more than its holder needs.
    #[test]
    fn letters_say_what_happened_and_what_to_do() {
        let day = "2026-11-24".parse().unwrap();
        insta::assert_snapshot!(code_text(Channel::Email, "012345"), @r"
        Your code is 012345.

        It shows that this address is yours, and can be used for fifteen minutes. Nobody will ask you for it.

        If you did not ask for a code, somebody gave this address as theirs. You need do nothing.
        ");
        let text = code_text(Channel::Mobile, "012345");
        assert!(text.len() <= 160 && text.is_ascii(), "one text message holds it: {text}");
        insta::assert_snapshot!(
            notice_text(Channel::Mobile, "+447700900123", Changed::Removed, day),
            @"The mobile number …123 was taken off your profile on 2026-11-24. If you do not know why, tell your registration authority at once."
        );
        let text = notice_text(Channel::Email, "ann@home.example", Changed::Added, day);
        assert!(text.starts_with("The e-mail address a…@home.example was added"), "{text}");
        assert!(!text.contains("ann@"), "{text}");
    }
}
