//! Registering relying parties.

use aws_lc_rs::rand::SecureRandom;
use platform::caller::Caller;
use platform::clock::Millis;
use platform::db::Tx;
use platform::id::ClientId;

use super::{Client, Settings, State, remembered};
use crate::api::{ALL_TEAMS, AuthMethod, Introspection};
use crate::error::Error;
use crate::events::Event;
use crate::provider::Provider;
use crate::secret::Secret;
use crate::store::{clients, grants};

/// How many relying parties there may be in one team.
const MOST: i64 = 1000;

/// A relying party with the secret that was made for it, which is shown once.
pub(crate) struct Made {
    /// The relying party.
    pub(crate) client: Client,
    /// Its secret.
    pub(crate) secret: Option<Secret>,
}

/// Registers a relying party.
pub(crate) async fn register(
    provider: &Provider,
    caller: &Caller,
    team: String,
    id: Option<ClientId>,
    settings: Settings,
) -> Result<Made, Error> {
    let now = provider.now();
    let id = match id {
        // What a system of this name has sent is the client's too: whoever looks after every team says that they are one.
        Some(id) if provider.config.systems.contains(&id) && caller.may(ALL_TEAMS).is_err() => {
            let sentence = "A system calls with a certificate under this name. Choose another, or have somebody with authn:all-teams register it.";
            return Err(Error::conflict("client-is-system", sentence));
        }
        Some(id) => id,
        None => new_id(&provider.random)?,
    };
    check_signing(provider, &settings)?;
    may_grant(caller, &settings)?;
    reaches(provider, caller, (&team, &id), &settings).await?;
    let secret = new_secret(provider, &settings)?;
    let client = Client {
        id,
        team,
        state: State::Open,
        settings,
        version: 1,
        secret: secret.as_ref().map(Secret::stored),
        made_at: now,
        changed_at: now,
    };
    let (actor, stored) = (audit::Actor::from(caller), client.clone());
    provider.db.write(move |tx| Box::pin(async move { insert(tx, &actor, &stored, now).await })).await?;
    Ok(Made { client, secret })
}

async fn insert(tx: &mut Tx, actor: &audit::Actor, client: &Client, now: Millis) -> Result<(), Error> {
    if clients::count(tx, &client.team).await? >= MOST {
        return Err(Error::conflict("too-many-clients", format!("A team has at most {MOST} clients.")));
    }
    if !clients::insert(tx, client).await? {
        return Err(Error::conflict(
            "client-exists",
            "There is, or was, a client with this id. Choose another.",
        ));
    }
    let event = Event::ClientRegistered {
        client: client.id.to_string(),
        team: client.team.clone(),
        registration: client.settings.text(),
    };
    audit::record(tx, now, actor, &event).await?;
    Ok(())
}

/// What becomes of a relying party.
pub(crate) enum Change {
    /// It has another registration.
    Replace(Box<Settings>),
    /// It has another secret; the one before is good no more.
    NewSecret,
    /// It is taken out of use, and everything that was granted to it ends.
    Close,
}

/// Changes a relying party, if it still is what the caller read.
pub(crate) async fn change(
    provider: &Provider,
    caller: &Caller,
    team: &str,
    id: &ClientId,
    hash: &str,
    change: Change,
) -> Result<Made, Error> {
    let now = provider.now();
    let mut client = of_team(provider, team, id).await?;
    if client.settings.hash(client.version) != hash {
        return Err(Error::ClientChanged);
    }
    if client.state == State::Closed {
        return Err(Error::conflict(
            "client-closed",
            "The client was taken out of use, for good. Register another.",
        ));
    }
    if !matches!(change, Change::Close) {
        may_grant(caller, &client.settings)?;
        reaches(provider, caller, (team, id), &client.settings).await?;
    }
    let (mut secret, mut closes) = (None, false);
    let event = match change {
        Change::Replace(settings) => {
            check_signing(provider, &settings)?;
            may_grant(caller, &settings)?;
            reaches(provider, caller, (team, id), &settings).await?;
            let keeps = has_secret(&settings) && client.secret.is_some();
            client.settings = *settings;
            if !keeps {
                secret = new_secret(provider, &client.settings)?;
                client.secret = secret.as_ref().map(Secret::stored);
            }
            Event::ClientChanged { client: id.to_string(), registration: client.settings.text() }
        }
        Change::NewSecret => {
            secret = new_secret(provider, &client.settings)?;
            if secret.is_none() {
                return Err(Error::conflict("no-secret", "The client proves who it is without a secret."));
            }
            client.secret = secret.as_ref().map(Secret::stored);
            Event::ClientSecretMade { client: id.to_string() }
        }
        Change::Close => {
            (client.state, client.secret, closes) = (State::Closed, None, true);
            Event::ClientClosed { client: id.to_string() }
        }
    };
    let before = client.version;
    (client.version, client.changed_at) = (before + 1, now);
    let (actor, stored) = (audit::Actor::from(caller), client.clone());
    let written = provider
        .db
        .write(move |tx| {
            Box::pin(async move {
                if !clients::update(tx, &stored, before).await? {
                    return Err(Error::ClientChanged);
                }
                if closes {
                    grants::end_of_client(tx, &stored.id, "client-closed", now).await?;
                }
                audit::record(tx, now, &actor, &event).await?;
                Ok(())
            })
        })
        .await;
    // However long the COMMIT took, and whatever became of it.
    remembered::changing(id);
    written?;
    Ok(Made { client, secret })
}

/// A relying party of a team; that of another is not found.
pub(crate) async fn of_team(provider: &Provider, team: &str, id: &ClientId) -> Result<Client, Error> {
    let found = clients::find(provider.db.read(), id).await?;
    found.filter(|client| client.team == team).ok_or_else(|| Error::unknown("client", id))
}

fn has_secret(settings: &Settings) -> bool {
    matches!(
        settings.config().token_endpoint_auth_method,
        AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost
    )
}

fn new_secret(provider: &Provider, settings: &Settings) -> Result<Option<Secret>, Error> {
    if has_secret(settings) { Secret::generate(&provider.random).map(Some) } else { Ok(None) }
}

/// Nobody grants what they do not have: who registers a client, or changes how it proves who it is, could act as the client.
fn may_grant(caller: &Caller, settings: &Settings) -> Result<(), Error> {
    let config = settings.config();
    if let Some(act) = config.acts.iter().find(|act| !caller.acts.contains(*act)) {
        return Err(Error::ActNotHeld { act: act.clone() });
    }
    let own = caller.organisation.as_ref().map(ToString::to_string);
    if !config.acts.is_empty() && own.is_some() && own != config.organisation {
        return Err(Error::field("organisation", "A client acts for your own organisation."));
    }
    Ok(())
}

/// Tokens of other teams' clients are shown to a client, or exchanged by it, where somebody says so who looks after every team. A client
/// that is not there yet may become anybody's.
async fn reaches(
    provider: &Provider,
    caller: &Caller,
    (team, id): (&str, &ClientId),
    settings: &Settings,
) -> Result<(), Error> {
    if caller.may(ALL_TEAMS).is_ok() {
        return Ok(());
    }
    let config = settings.config();
    if config.introspection == Introspection::Any {
        return Err(Error::field("introspection", "any is for whoever has authn:all-teams to grant."));
    }
    for named in config.token_exchanges.iter().flat_map(|exchange| &exchange.subject_clients) {
        let of_team = match named.parse::<ClientId>() {
            Ok(named) if named == *id => true,
            Ok(named) => clients::find(provider.db.read(), &named).await?.is_some_and(|one| one.team == team),
            Err(_) => false,
        };
        if !of_team {
            let sentence =
                "subject_clients are of your own team; those of others are for whoever has authn:all-teams.";
            return Err(Error::field("token_exchanges", sentence));
        }
    }
    Ok(())
}

/// An algorithm that there is no key for would fail at the first sign-in.
fn check_signing(provider: &Provider, settings: &Settings) -> Result<(), Error> {
    let config = settings.config();
    let named = [
        ("id_token_signed_response_alg", Some(config.id_token_signed_response_alg)),
        ("userinfo_signed_response_alg", config.userinfo_signed_response_alg),
        ("access_token_signed_response_alg", config.access_token_signed_response_alg),
    ];
    for (field, alg) in named {
        if alg.is_some_and(|alg| !provider.keys.has(alg)) {
            let all = provider.keys.algorithms().join(", ");
            return Err(Error::field(field, format!("The provider has keys for {all}.")));
        }
    }
    Ok(())
}

/// Twelve digits and the suffix of accredited systems, in the form that CIS2 gives.
fn new_id(random: &dyn SecureRandom) -> Result<ClientId, Error> {
    let mut bytes = [0; 8];
    random.fill(&mut bytes).map_err(|_| Error::NoRandomness)?;
    let number = u64::from_be_bytes(bytes) % 1_000_000_000_000;
    let text = format!("{number:012}.apps.lanyard");
    text.parse().map_err(|_| Error::Stored { what: "client id" })
}
