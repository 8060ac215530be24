//! The `[directory.ldap]` section of the configuration file.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::schema::attribute;
use crate::error::Error;

/// How the directory is told over LDAP. Every key but the addresses has a default; without an address there is no such port.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LdapConfig {
    /// Where to listen for LDAP over TLS, usually on port 1636. A client certificate is asked for.
    pub tls: Option<SocketAddr>,
    /// Where to listen for LDAP that goes over to TLS by `StartTLS`, usually on port 1389. Before that only the root DSE is told.
    pub start_tls: Option<SocketAddr>,
    /// Whether attributes without a matching rule in the national schema are compared all the same, as text without case.
    pub lenient_matching: bool,
    /// How many entries a search answers at most; more are answered in pages.
    pub size_limit: usize,
    /// How many seconds a search takes at most.
    pub time_limit_s: u32,
    /// How many entries a search looks at on most, where no index says which are meant.
    pub look_through: usize,
    /// How many entries are put in order at most.
    pub sort_limit: usize,
    /// How large a request may be.
    pub request_bytes: usize,
    /// How many connections each port has at most.
    pub connections: usize,
    /// How many connections one address has at most, on both ports together.
    pub connections_per_address: usize,
    /// How many connections one client, person or account has at most, from all addresses and on both ports together.
    pub connections_per_caller: usize,
    /// How many of them are of nobody who is known.
    pub strangers_per_address: usize,
    /// How many searches one connection does at the same time.
    pub operations: usize,
    /// How many searches are put in order at the same time, on all ports of the server; others wait.
    pub sorts: usize,
    /// How many synchronisations and persistent searches the server does at the same time, on all its ports.
    pub followers: usize,
    /// How many of them over one connection.
    pub followers_per_connection: usize,
    /// How many entries a synchronisation looks through for the first copy of a client.
    pub follow_limit: usize,
    /// For how many seconds a connection may ask nothing.
    pub idle_time_out_s: u32,
    /// The same for one of nobody who is known.
    pub stranger_idle_time_out_s: u32,
    /// How long a request that has begun may take to arrive, a handshake and whatever comes before it.
    pub request_time_out_ms: u64,
    /// How long a client may take nothing of its answer.
    pub stall_time_out_ms: u64,
    /// Attributes that are not shown, by how somebody is known.
    pub hidden: HiddenConfig,
    /// Programs that bind with a name and a secret.
    pub accounts: BTreeMap<String, AccountConfig>,
}

/// A program that binds with a name and a secret.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountConfig {
    /// The name that it binds as; `cn=NAME,o=nhs` if it is left out.
    #[serde(default)]
    pub dn: Option<String>,
    /// The file with its password: a secret of 256 bits, 64 digits in hexadecimal, readable by this server alone.
    pub password: PathBuf,
    /// Whether it sees people, and not only systems and organisations.
    #[serde(default)]
    pub people: bool,
    /// Attributes that it does not see.
    #[serde(default)]
    pub hidden: Vec<String>,
}

/// Attributes that are not shown. For whoever does not see one it is not there: filters do not find by it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HiddenConfig {
    /// To the holder of a certificate who has not bound.
    pub certificate: Vec<String>,
    /// To the holder of a certificate who has bound by SASL EXTERNAL.
    pub external: Vec<String>,
}

impl Default for LdapConfig {
    fn default() -> Self {
        Self {
            tls: None,
            start_tls: None,
            lenient_matching: false,
            size_limit: 500,
            time_limit_s: 30,
            look_through: 100_000,
            sort_limit: 10_000,
            request_bytes: 1024 * 1024,
            connections: 1024,
            connections_per_address: 512,
            connections_per_caller: 512,
            strangers_per_address: 64,
            operations: 16,
            sorts: 8,
            followers: 256,
            followers_per_connection: 4,
            follow_limit: 20_000_000,
            idle_time_out_s: 900,
            stranger_idle_time_out_s: 30,
            request_time_out_ms: 10_000,
            stall_time_out_ms: 20_000,
            hidden: HiddenConfig::default(),
            accounts: BTreeMap::new(),
        }
    }
}

/// How many places for followers, and for what is put in order, there are at most.
const MOST_FOLLOWERS: usize = 100_000;

impl LdapConfig {
    /// Refuses what makes no sense.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let counts = [self.size_limit, self.look_through, self.sort_limit, self.operations, self.sorts];
        let connections = [
            self.connections,
            self.connections_per_address,
            self.connections_per_caller,
            self.strangers_per_address,
        ];
        let following = [self.followers, self.followers_per_connection, self.follow_limit];
        if following.contains(&0)
            || self.followers > MOST_FOLLOWERS
            || self.followers_per_connection > MOST_FOLLOWERS
        {
            return Err(Error::Setting {
                sentence: "the limits of directory.ldap for who follows are 1 or more, and places 100000 at most",
            });
        }
        let times = [self.time_limit_s, self.idle_time_out_s, self.stranger_idle_time_out_s];
        if counts.contains(&0) || connections.contains(&0) || times.contains(&0) {
            return Err(Error::Setting { sentence: "every limit of directory.ldap is 1 or more" });
        }
        if self.sorts > MOST_FOLLOWERS {
            return Err(Error::Setting { sentence: "directory.ldap.sorts is 100000 at most" });
        }
        let accounts = self.accounts.values().flat_map(|account| &account.hidden);
        let mut hidden = self.hidden.certificate.iter().chain(&self.hidden.external).chain(accounts);
        if hidden.any(|name| attribute(name).is_none_or(|one| one.name() == "objectClass")) {
            return Err(Error::Setting {
                sentence: "what is hidden in directory.ldap are attributes of its schema, and not objectClass",
            });
        }
        if !(1024..=64 * 1024 * 1024).contains(&self.request_bytes) {
            return Err(Error::Setting {
                sentence: "directory.ldap.request_bytes is between 1 KiB and 64 MiB",
            });
        }
        if self.request_time_out_ms == 0 || self.stall_time_out_ms == 0 {
            return Err(Error::Setting { sentence: "every time-out of directory.ldap is 1 ms or more" });
        }
        Ok(())
    }

    /// How many connections of either port are of nobody who is known, at most: half, so that those who are known find a place.
    pub(super) fn strangers(&self) -> usize {
        (self.connections / 2).max(1)
    }

    pub(super) fn time_limit(&self) -> Duration {
        Duration::from_secs(u64::from(self.time_limit_s))
    }

    pub(super) fn idle_time_out(&self) -> Duration {
        Duration::from_secs(u64::from(self.idle_time_out_s))
    }

    /// How long a connection of nobody who is known may ask nothing: never longer than others.
    pub(super) fn stranger_idle_time_out(&self) -> Duration {
        self.idle_time_out().min(Duration::from_secs(u64::from(self.stranger_idle_time_out_s)))
    }

    /// How often a client whose copy is kept up to date hears a word, whether or not something has changed.
    pub(super) fn beat(&self) -> Duration {
        self.idle_time_out() / 3
    }

    pub(super) fn request_time_out(&self) -> Duration {
        Duration::from_millis(self.request_time_out_ms)
    }

    pub(super) fn stall_time_out(&self) -> Duration {
        Duration::from_millis(self.stall_time_out_ms)
    }
}
