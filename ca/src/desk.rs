//! What every act of the authority needs: the database, the clock, and who this process is.

use platform::clock::{Clock, HighWater, Millis};
use platform::db::Db;

use crate::cards::{ContentSigners, Makers};
use crate::config::Config;
use crate::crl::shards::{Shards, delta_url};
use crate::error::Error;
use crate::intent::Places;
use crate::names::IssuerId;
use crate::profile::{Kind, Profile, Profiles, RevocationChecking};
use crate::refused_keys::RefusedKeys;
use crate::rows;
use crate::serial::{Serial, random_octets};
use platform::db::together::Together;

/// Shared by the serving authority and the key ceremony.
pub(crate) struct Desk {
    pub(crate) config: Config,
    pub(crate) profiles: Profiles,
    pub(crate) refused_keys: RefusedKeys,
    /// Who makes cards that attest their keys.
    pub(crate) makers: Makers,
    /// Who signs cards' certificates for secure messaging.
    pub(crate) content_signers: ContentSigners,
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) high_water: HighWater,
    pub(crate) shards: Shards,
    /// Rows of serials before they are signed, and after.
    pub(crate) first_rows: Together<rows::FirstRow>,
    pub(crate) last_rows: Together<rows::LastRow>,
}

impl Desk {
    /// Reads what the configuration names. Which shards there are is not known yet.
    pub(crate) fn open(config: Config, db: Db, clock: Clock, high_water: HighWater) -> Result<Desk, Error> {
        Ok(Desk {
            profiles: config.read_profiles()?,
            refused_keys: config.read_refused_keys()?,
            makers: Makers::read(&config.cards)?,
            content_signers: ContentSigners::read(&config.cards)?,
            shards: Shards::default(),
            first_rows: Together::start(&db),
            last_rows: Together::start(&db),
            config,
            db,
            clock,
            high_water,
        })
    }

    /// The time, unless it is before something that was done already.
    pub(crate) fn guarded_now(&self) -> Result<Millis, Error> {
        let now = self.clock.now();
        self.high_water.guard(now)?;
        Ok(now)
    }

    pub(crate) fn fresh_serial(&self) -> Result<Serial, Error> {
        let random = random_octets().map_err(|_| Error::NoRandomness)?;
        Ok(Serial::new(self.config.instance, random))
    }

    /// What a certificate with this serial points to. Its shard is fixed here.
    pub(crate) fn places(&self, issuer: &IssuerId, profile: &Profile, serial: &Serial) -> Places {
        // A certificate that names no list is in none of the shards.
        let listed = profile.revocation_checking == RevocationChecking::Crl
            && matches!(profile.kind, Kind::EndEntity { .. });
        let shard = self.shards.of(issuer, serial).filter(|_| listed);
        let (shard, crl) = match shard {
            Some(shard) => (shard.number, shard.url),
            None => (0, self.config.list_url(issuer)),
        };
        let freshest = listed && self.config.certificates_name_delta(issuer);
        Places {
            // One address for all: a question says whose certificate it is about.
            ocsp: self.profiles.responder(issuer).map(|_| self.config.ocsp_url()),
            freshest: freshest.then(|| delta_url(&crl, shard)),
            shard,
            crl,
            issuer_certificate: self.config.certificate_url(issuer),
            practice_statement: self.config.practice_statement_url().to_owned(),
        }
    }
}
