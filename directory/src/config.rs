//! The `[directory]` section of the configuration file.

use std::path::PathBuf;

use serde::Deserialize;

use crate::authority::Assurance;
use crate::error::Error;
use crate::fhir::spine::SpineConfig;
use crate::fhir::workers::WorkersConfig;
use crate::ldap::LdapConfig;
use crate::model::ModelConfig;
use crate::person::Retention;
use crate::rbac::ActivityCode;
use crate::showing::ReadsRecorded;

/// How the register behaves on this machine. Every key has a default.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// For how many hours the answer to a POST is kept, to be given again for the same idempotency key.
    pub idempotency_hours: u32,
    /// For how many minutes a request is locked for the one who opened it.
    pub request_lock_minutes: u32,
    /// After how many days a request that nobody decided expires.
    pub request_days: u32,
    /// How many assignments a campaign has at most: they are gathered in one transaction, and nothing else is written meanwhile.
    pub campaign_assignments: u32,
    /// The file with the secret under which numbers of documents are hashed: 64 digits in hexadecimal, readable by this server
    /// alone. Without it the register is not opened.
    pub document_key: Option<PathBuf>,
    /// What a sign-in with a person's certificate is worth: `two` where its key may lie in a file, `three` where it lies on
    /// a card and nowhere else. Acts that change what others hold need `three`.
    pub sign_in_certificate: Assurance,
    /// When what is erased of people who left.
    pub retention: Retention,
    /// Which messages go through the intermediaries of the Spine.
    pub spine: SpineConfig,
    /// How the Healthcare Worker API answers.
    pub workers: WorkersConfig,
    /// Whether the faces over FHIR have nothing beside what the national services have.
    pub strict: bool,
    /// How the addresses begin at which programs may be told over FHIR that something has changed, each as in `https://example.org/hooks/`.
    pub subscription_targets: Vec<String>,
    /// The directory over LDAP; without it there is none.
    pub ldap: Option<LdapConfig>,
    /// When it is in the record whom a face has shown people.
    pub reads_recorded: ReadsRecorded,
    /// The folder of the journal of reads, where they are recorded by one: on a local disk, and no other process's. Where they are not, what
    /// is left in it is recorded at a start.
    pub reads_journal: Option<PathBuf>,
    /// What is kept in memory for the faces.
    pub model: ModelConfig,
    /// The activity that makes a local smartcard administrator of its holders, as in `B0123`; none is known nationally.
    pub local_smartcard_administrator: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            idempotency_hours: 24,
            request_lock_minutes: 15,
            request_days: 30,
            campaign_assignments: 50_000,
            document_key: None,
            sign_in_certificate: Assurance::Two,
            retention: Retention::default(),
            spine: SpineConfig::default(),
            workers: WorkersConfig::default(),
            strict: false,
            subscription_targets: Vec::new(),
            ldap: None,
            reads_recorded: ReadsRecorded::default(),
            reads_journal: None,
            model: ModelConfig::default(),
            local_smartcard_administrator: None,
        }
    }
}

impl Config {
    /// Refuses what makes no sense.
    pub fn check(&self) -> Result<(), Error> {
        let within = |value: u32, most: u32| (1..=most).contains(&value);
        if !within(self.idempotency_hours, 720) {
            return Err(Error::Setting { sentence: "directory.idempotency_hours is between 1 and 720" });
        }
        if !within(self.request_lock_minutes, 240) {
            return Err(Error::Setting { sentence: "directory.request_lock_minutes is between 1 and 240" });
        }
        if !within(self.request_days, 365) {
            return Err(Error::Setting { sentence: "directory.request_days is between 1 and 365" });
        }
        if !within(self.campaign_assignments, 1_000_000) {
            return Err(Error::Setting {
                sentence: "directory.campaign_assignments is between 1 and 1000000",
            });
        }
        if !self.subscription_targets.iter().all(|target| is_address(target) && target.ends_with('/')) {
            return Err(Error::Setting {
                sentence: "each of directory.subscription_targets begins with https:// and a host, and ends with /",
            });
        }
        if self.reads_recorded == ReadsRecorded::Journal && self.reads_journal.is_none() {
            return Err(Error::Setting {
                sentence: "directory.reads_recorded = \"journal\" needs the folder of the journal in directory.reads_journal",
            });
        }
        self.retention.check()?;
        self.model.check()?;
        if let Some(ldap) = &self.ldap {
            ldap.check()?;
        }
        let activity = self.local_smartcard_administrator.as_deref();
        if activity.is_some_and(|code| code.parse::<ActivityCode>().is_err() || RESERVED.contains(&code)) {
            return Err(Error::Setting {
                sentence: "directory.local_smartcard_administrator is the code of an activity, as in B0123, and of none \
                           that gives another rank",
            });
        }
        Ok(())
    }
}

impl Config {
    /// Whether a program may be told at this address.
    pub(crate) fn may_tell(&self, address: &str) -> bool {
        is_address(address) && self.subscription_targets.iter().any(|target| address.starts_with(target))
    }
}

/// The longest address, in octets.
const LONGEST_ADDRESS: usize = 500;

/// An address over TLS that nobody reads in two ways: without somebody's name, a fragment, or steps upwards.
fn is_address(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let has_host = |uri: http::Uri| {
        uri.host().is_some_and(|host| !host.is_empty())
            && uri.authority().is_some_and(|it| !it.as_str().contains('@'))
    };
    text.len() <= LONGEST_ADDRESS
        && text.starts_with("https://")
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && !["..", "%2e", "\\", "#"].iter().any(|part| lower.contains(part))
        && text.parse().is_ok_and(has_host)
}

/// Activities that give a rank of their own.
const RESERVED: [&str; 4] = ["B1300", "B0267", "B0272", "B0274"];

#[cfg(test)]
mod tests {
    use super::*;

    /// A journal needs its folder; a folder is named without one too, so that what is left in it is recorded.
    #[test]
    fn a_journal_has_a_folder() {
        let check = |reads_recorded, folder: Option<&str>| {
            Config { reads_recorded, reads_journal: folder.map(PathBuf::from), ..Config::default() }.check()
        };
        for other in [ReadsRecorded::BeforeAnswer, ReadsRecorded::WithinASecond] {
            check(other, None).unwrap();
            check(other, Some("reads")).unwrap();
        }
        check(ReadsRecorded::Journal, Some("reads")).unwrap();
        let refused = check(ReadsRecorded::Journal, None).unwrap_err().to_string();
        assert!(refused.contains("directory.reads_journal"), "{refused}");
    }

    /// Programs are told below the addresses that are set, and nowhere else, whatever is made to look so.
    #[test]
    fn programs_are_told_where_they_may_be() {
        let config = |targets: &[&str]| Config {
            subscription_targets: targets.iter().map(|&target| target.to_owned()).collect(),
            ..Config::default()
        };
        for bad in [
            "http://a.example/",
            "https://a.example",
            "https:///",
            "a.example/",
            "https://u@a.example/",
            "https://a.example/../",
        ] {
            assert!(config(&[bad]).check().is_err(), "{bad}");
        }
        let set = config(&["https://a.example/hooks/", "https://b.example:8443/"]);
        set.check().unwrap();
        for good in
            ["https://a.example/hooks/", "https://a.example/hooks/one?x=1", "https://b.example:8443/x"]
        {
            assert!(set.may_tell(good), "{good}");
        }
        for bad in [
            "https://a.example/",
            "https://a.example.evil.example/hooks/",
            "https://a.example/hooks/../admin",
            "https://a.example/hooks/%2E%2e/admin",
            "https://a.example/hooks/..\\admin",
            "https://a.example/hooks/a\\b",
            "https://b.example/x",
            "https://b.example:8443@evil.example/",
            "http://a.example/hooks/",
            "https://a.example/hooks/#x",
            "https://a.example/hooks/a b",
            "",
        ] {
            assert!(!set.may_tell(bad), "{bad}");
        }
        assert!(!Config::default().may_tell("https://a.example/hooks/"));
    }
}
