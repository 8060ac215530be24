//! The `[clients]` table: which systems may call, and for what.

use std::collections::BTreeMap;

use ca::ProfileId;
use platform::caller::Act;
use platform::id::{ClientId, OdsCode};
use serde::Deserialize;

/// Every act a system can be granted. `signer:own-credentials`, `directory:act` and `authn:own` are not among them:
/// those are what people have.
const ACTS: [Act; 30] = [
    ca::api::ISSUE,
    ca::api::ENROL,
    ca::api::REVOKE,
    ca::api::REVOKE_AUTHORITIES,
    ca::api::RENEW,
    ca::api::READ,
    ca::api::ACME,
    ca::api::AUTHORITIES,
    ca::api::CARDS,
    ca::api::HOLDERS,
    signer::api::SIGN,
    signer::api::VERIFY,
    signer::api::CREDENTIALS,
    directory::api::READ,
    directory::api::CHANGES,
    directory::api::IMPORT,
    directory::api::FEED,
    directory::api::OPERATE,
    directory::api::CLAIMS,
    directory::api::SYSTEMS,
    directory::api::LOOK_UP,
    directory::api::EXPORT,
    directory::api::SUBSCRIBE,
    authn::api::CLIENTS,
    authn::api::ALL_TEAMS,
    authn::api::SESSIONS,
    authn::api::AUTHENTICATORS,
    authn::api::SIGNING,
    authn::api::POLICIES,
    audit::api::READ,
];

/// The client id of people who call without a system between.
pub const PERSON_CLIENT: &str = "sign-in-certificate";
/// How the client ids of this server's own modules begin.
const MODULES: &str = "module:";

/// Systems by the common name in their certificate.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct Clients(BTreeMap<Name, Client>);

/// One system.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Table")]
pub struct Client {
    /// What it may do.
    pub acts: Vec<Act>,
    /// Of which profiles it may ask for certificates; some exactly when `acts` has `ca:issue`.
    pub profiles: Vec<ProfileId>,
    /// The organisation it acts for.
    pub organisation: Option<OdsCode>,
    /// Whose relying parties it registers with `authn:clients`: its own, of the team with its name, if nothing is said.
    pub team: Option<ClientId>,
    /// SHA-256 of the key by which it may look things up, on the faces that take one.
    pub api_key: Option<[u8; 32]>,
}

/// A client as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(deserialize_with = "acts")]
    acts: Vec<Act>,
    #[serde(default, deserialize_with = "profiles")]
    profiles: Vec<ProfileId>,
    #[serde(default, deserialize_with = "organisation")]
    organisation: Option<OdsCode>,
    #[serde(default, deserialize_with = "team")]
    team: Option<ClientId>,
    #[serde(default, deserialize_with = "api_key")]
    api_key_sha256: Option<[u8; 32]>,
}

impl TryFrom<Table> for Client {
    type Error = &'static str;

    fn try_from(table: Table) -> Result<Self, Self::Error> {
        let Table { acts, profiles, organisation, team, api_key_sha256: api_key } = table;
        if api_key.is_some() && !acts.contains(&directory::api::LOOK_UP) {
            return Err("a key is for directory:look-up and nothing else; add it to acts");
        }
        if team.is_some() && !acts.contains(&authn::api::CLIENTS) {
            return Err("team says whose relying parties authn:clients is for; add it to acts");
        }
        match (acts.contains(&ca::api::ISSUE), profiles.is_empty()) {
            (true, true) => {
                Err("ca:issue needs the profiles it is granted for, as in profiles = [\"person-sign-in\"]")
            }
            (false, false) => Err("profiles say which certificates ca:issue may ask for; add it to acts"),
            _ => Ok(Self { acts, profiles, organisation, team, api_key }),
        }
    }
}

impl Clients {
    /// The client with this id.
    pub fn find(&self, id: &ClientId) -> Option<&Client> {
        self.0.iter().find(|(name, _)| name.0 == *id).map(|(_, client)| client)
    }

    /// The client whose key has this SHA-256. A key of two is nobody's.
    pub fn by_key(&self, digest: &[u8; 32]) -> Option<(&ClientId, &Client)> {
        let mut having = self.all().filter(|(_, client)| client.api_key.as_ref() == Some(digest));
        having.next().filter(|_| having.next().is_none())
    }

    /// Every client with its id, in alphabetical order.
    pub fn all(&self) -> impl Iterator<Item = (&ClientId, &Client)> {
        self.0.iter().map(|(name, client)| (&name.0, client))
    }
}

/// The name of a table, parsed at the door.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Name(ClientId);

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.to_string().cmp(&other.0.to_string())
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == PERSON_CLIENT || text.starts_with(MODULES) {
            return Err(serde::de::Error::custom(format!(
                "{text:?} is a name of this server's own; give the client another"
            )));
        }
        let name: ClientId = text.parse().map_err(|_| {
            serde::de::Error::custom(format!(
                "{text:?} cannot be the id of a client, a common name in its certificate"
            ))
        })?;
        if !name.is_common_name() {
            return Err(serde::de::Error::custom(format!(
                "{text:?} is too long: at most 64 letters, since it is the common name of a certificate"
            )));
        }
        Ok(Self(name))
    }
}

fn acts<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Act>, D::Error> {
    Vec::<String>::deserialize(deserializer)?.iter().map(|name| act(name)).collect()
}

fn act<E: serde::de::Error>(name: &str) -> Result<Act, E> {
    ACTS.into_iter().find(|act| act.0 == name).ok_or_else(|| {
        let known: Vec<_> = ACTS.iter().map(|act| act.0).collect();
        E::custom(format!("there is no act {name:?}; the acts are {}", known.join(", ")))
    })
}

fn profiles<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<ProfileId>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    names.iter().map(|name| profile(name).map_err(serde::de::Error::custom)).collect()
}

fn profile(name: &str) -> Result<ProfileId, String> {
    if !ca::api::is_grantable(name) {
        return Err(format!("{name:?} is for keys in this server's own token and cannot be granted"));
    }
    name.parse().map_err(|_| format!("{name:?} cannot be the id of a profile"))
}

fn organisation<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<OdsCode>, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(|_| serde::de::Error::custom(format!("{text:?} is not an ODS code")))
}

fn api_key<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<[u8; 32]>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let digest = hex::decode(text).ok().and_then(|octets| octets.try_into().ok());
    let wrong = "api_key_sha256 is the SHA-256 of a key of 256 bits or more: 64 digits in hexadecimal";
    digest.map(Some).ok_or_else(|| serde::de::Error::custom(wrong))
}

fn team<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<ClientId>, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse()
        .map(Some)
        .map_err(|_| serde::de::Error::custom(format!("{text:?} cannot be the name of a team")))
}
