//! The signer: what every request shares.

use std::sync::{Arc, OnceLock};

use aws_lc_rs::rand::SystemRandom;
use hsm::Hsm;
use pki::ObjectIdentifier;
use platform::caller::{Caller, CallerKind};
use platform::clock::{Clock, Discipline, HighWater};
use platform::db::Db;
use platform::db::together::Together;
use platform::id::ClientId;
use platform::peer::Peer;
use tokio::sync::{Notify, Semaphore};

use crate::authorisation::Rests;
use crate::cades::Raised;
use crate::config::Config;
use crate::deposit::Deposits;
use crate::dss::SignIn;
use crate::error::Error;
use crate::fair::{Fair, Priority};
use crate::grant::Grants;
use crate::ids::{AuthorisationId, CredentialId};
use crate::live::{self, Cache, Live};
use crate::one_time;
use crate::passphrase::Pool;
use crate::prepare;
use crate::share::{Sharer, Shares};
use crate::store::credentials::{CredentialRow, Kind};
use crate::time_stamp::TimeStamps;
use crate::turn::Turns;
use crate::verification::Trusted;

/// How many verifications may be under way: each holds its document in memory.
const MOST_VERIFICATIONS: usize = 128;

/// How many requests that are answered later are worked on at the same time.
const MOST_WORKING: usize = 8;

/// How many requests of one application may wait for its share: each holds a place of the port meanwhile.
const MOST_WAITING: usize = 64;

/// What the signer is made of.
pub struct Parts {
    /// Its section of the configuration.
    pub config: Config,
    /// The database, migrated: the authority's own, because whoever stores a signature looks there whether its certificate is
    /// still in force.
    pub db: Db,
    /// The tokens, opened.
    pub hsm: Hsm,
    /// The certificate authority, spoken to as the signer: it needs the acts to issue, to revoke and to read.
    pub ca: ca::api::Client,
    /// What time it is.
    pub clock: Clock,
    /// Where people sign in; without it there is no Digital Signature Service and no page.
    pub sign_in: Option<SignIn>,
    /// The audit record, spoken to as the signer: it needs [`audit::api::READ`]. Without it no evidence is given.
    pub record: Option<Peer>,
    /// Whether that can be believed.
    pub discipline: Discipline,
    /// The durable mark of the latest act.
    pub high_water: HighWater,
}

/// Remote signing, ready for requests. Clones share everything.
#[derive(Clone)]
pub struct Signer(Arc<Shared>);

/// What the clones share.
pub struct Shared {
    pub(crate) config: Config,
    pub(crate) db: Db,
    pub(crate) hsm: Hsm,
    pub(crate) ca: ca::api::Client,
    pub(crate) clock: Clock,
    pub(crate) sign_in: Option<SignIn>,
    pub(crate) record: Option<Peer>,
    pub(crate) random: SystemRandom,
    pub(crate) passphrases: Pool,
    /// One attempt at a time for a credential and a client.
    pub(crate) attempts: Turns<(CredentialId, ClientId)>,
    /// One request at a time for an authorisation and its positions.
    pub(crate) signings: Turns<(AuthorisationId, Vec<usize>)>,
    /// One request at a time to create a credential, by its request id.
    pub(crate) creations: Turns<String>,
    /// What each client has at the token, or on the way there and back.
    pub(crate) under_way: Shares,
    /// Who waits for their share of that while their request is under way.
    pub(crate) waiting_for_share: Shares,
    /// Whose turn it is at the token.
    pub(crate) turns: Fair,
    pub(crate) live: Cache,
    pub(crate) grants: Grants,
    /// Signatures that were raised a while ago.
    pub(crate) raised: Raised,
    pub(crate) deposits: Deposits,
    preparing: OnceLock<Together<prepare::New>>,
    /// Told when a spare key was taken.
    pub(crate) spare_taken: Notify,
    /// The time-stamp authority.
    pub(crate) time_stamps: TimeStamps,
    /// What verification trusts, as the authority said last.
    pub(crate) trusted: Trusted,
    /// How many verifications may be under way.
    pub(crate) verifying: Semaphore,
    /// How many requests that are answered later may be worked on.
    pub(crate) working: Semaphore,
    /// The policies of which a certificate must be, for verification.
    pub(crate) policies: Vec<ObjectIdentifier>,
}

impl std::ops::Deref for Signer {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Signer {
    /// Starts the passphrase threads and takes requests from then on.
    ///
    /// Run [`Signer::keep_spare_keys`] beside it, or every RSA credential waits for its key.
    pub fn new(parts: Parts) -> Result<Self, Error> {
        let Parts { config, db, hsm, ca, clock, sign_in, record, discipline, high_water } = parts;
        config.check()?;
        let policies = config.policies()?;
        Ok(Self(Arc::new(Shared {
            passphrases: Pool::start(config.argon2)?,
            // One more than there are sessions, so that none waits for the next call.
            turns: Fair::of(hsm.sessions().saturating_add(1), config.priorities.clone()),
            live: Cache::new(config.live_credentials),
            under_way: Shares::of(config.calls_per_client),
            waiting_for_share: Shares::of(MOST_WAITING),
            config,
            deposits: Deposits::into(db.clone()),
            preparing: OnceLock::new(),
            grants: Grants::new(),
            raised: Raised::new(),
            db,
            hsm,
            ca,
            clock,
            sign_in,
            record,
            random: SystemRandom::new(),
            attempts: Turns::new(),
            signings: Turns::new(),
            creations: Turns::new(),
            spare_taken: Notify::new(),
            time_stamps: TimeStamps::new(discipline, high_water),
            trusted: Trusted::default(),
            verifying: Semaphore::new(MOST_VERIFICATIONS),
            working: Semaphore::new(MOST_WORKING),
            policies,
        })))
    }

    /// Where prepared prescriptions are written, those together that come together.
    pub(crate) fn preparing(&self) -> &Together<prepare::New> {
        self.preparing.get_or_init(|| Together::start(&self.db))
    }

    /// Takes every turn at the token that is free, each until it is dropped: so a test sees who has to wait for one.
    #[doc(hidden)]
    pub async fn occupy(&self) -> Vec<Box<dyn Send>> {
        let mut taken = Vec::new();
        for _ in 0..=self.hsm.sessions() {
            taken.push(self.occupy_one().await);
        }
        taken
    }

    /// Waits for one turn as a single request does, behind those that wait, and takes it until it is dropped: so a test sees who was served before.
    #[doc(hidden)]
    pub async fn occupy_one(&self) -> Box<dyn Send> {
        Box::new(self.turns.turn(&Sharer::of("module:test"), Priority::Urgent).await)
    }

    /// How many calls wait for a turn at the token.
    #[doc(hidden)]
    pub fn waiting(&self) -> usize {
        self.turns.waiting()
    }

    /// A credential that can sign now, as far as is known, and that this caller may use: whoever stores what was made with
    /// it looks again, in the transaction.
    ///
    /// A client with the act to sign may use the credential of anybody who authorises it; a person only their own,
    /// and somebody else's does not exist for them.
    pub(crate) async fn usable_by(
        &self,
        caller: &Caller,
        credential: &CredentialId,
    ) -> Result<Arc<Live>, Error> {
        self.usable(credential, |user| check_holder(caller, user, credential)).await
    }

    /// The same for the one whose credential it is.
    pub(crate) async fn usable_of(&self, user: &str, credential: &CredentialId) -> Result<Arc<Live>, Error> {
        let unknown = || Error::CredentialUnknown { credential: credential.to_string() };
        self.usable(credential, |holder| if holder == user { Ok(()) } else { Err(unknown()) }).await
    }

    /// What an authorisation by this person would rest on, when the credential is theirs and can sign.
    pub(crate) async fn ready_for(&self, user: &str, credential: &CredentialId) -> Result<Rests, Error> {
        let unknown = || Error::CredentialUnknown { credential: credential.to_string() };
        let theirs = |holder: &str| if holder == user { Ok(()) } else { Err(unknown()) };
        self.ready(credential, theirs).await.map(|(_, rests)| rests)
    }

    /// Whose credential it is, when this caller may use it and it can sign.
    pub(crate) async fn holder_ready(
        &self,
        caller: &Caller,
        credential: &CredentialId,
    ) -> Result<String, Error> {
        self.ready_by(caller, credential).await.map(|(row, _)| row.user_id)
    }

    /// A credential that this caller may use and that can sign, with what an authorisation would rest on.
    pub(crate) async fn ready_by(
        &self,
        caller: &Caller,
        credential: &CredentialId,
    ) -> Result<(CredentialRow, Rests), Error> {
        self.ready(credential, |user| check_holder(caller, user, credential)).await
    }

    async fn ready(
        &self,
        credential: &CredentialId,
        check_holder: impl Fn(&str) -> Result<(), Error>,
    ) -> Result<(CredentialRow, Rests), Error> {
        if self.live.get(credential).is_none() {
            let row = live::row(&self.db, credential).await?;
            if row.kind == Kind::OneTime {
                check_holder(&row.user_id)?;
                one_time::check(&row)?;
                let rests = Rests::on_one_time(&row);
                return Ok((row, rests));
            }
        }
        let live = self.usable(credential, check_holder).await?;
        Ok((live.row.clone(), Rests::on(&live)))
    }

    async fn usable(
        &self,
        credential: &CredentialId,
        check_holder: impl Fn(&str) -> Result<(), Error>,
    ) -> Result<Arc<Live>, Error> {
        if let Some(live) = self.live.get(credential) {
            check_holder(&live.row.user_id)?;
            if live.check_usable(self.clock.now()).is_ok() {
                return Ok(live);
            }
            // It has ended while it lay here, and another process may have renewed it: its row tells.
            self.forget(credential);
        }
        let row = live::row(&self.db, credential).await?;
        check_holder(&row.user_id)?;
        let live = Arc::new(Live::load(&self.db, &self.hsm, row).await?);
        live.check_usable(self.clock.now())?;
        // Others revoke there too. What is not in force is not kept: one request at most signs what is thrown away.
        let info = self.ca.certificate(&live.certificate.serial).await.map_err(Error::Authority)?;
        live::check_in_force(info.state)?;
        self.live.keep(&live);
        Ok(live)
    }

    /// Takes a credential out of memory, and its key out of the token's: what still signs loads both again.
    pub(crate) fn forget(&self, credential: &CredentialId) {
        if let Some(live) = self.live.take(credential) {
            self.hsm.forget(&live.key);
        }
    }

    /// Takes a credential out of memory when a write found that it or its certificate had changed.
    pub(crate) fn forget_if_changed<T>(&self, credential: &CredentialId, done: &Result<T, Error>) {
        if matches!(done, Err(Error::CredentialChanged | Error::CertificateChanged)) {
            self.forget(credential);
        }
    }
}

/// Somebody else's credential does not exist for a person.
pub(crate) fn check_holder(caller: &Caller, user: &str, credential: &CredentialId) -> Result<(), Error> {
    if caller.kind == CallerKind::Person && caller.subject != user {
        return Err(Error::CredentialUnknown { credential: credential.to_string() });
    }
    Ok(())
}
