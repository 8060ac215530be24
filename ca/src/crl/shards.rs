//! Into which lists the certificates of an issuer go.
//!
//! A certificate names its list, so its shard is fixed when it is issued and stands in its row. Shards are never taken
//! away: one that the configuration has no more gets no new certificates and keeps its lists.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use platform::db::Tx;

use crate::config::{Delta, ListSettings};
use crate::desk::Desk;
use crate::error::Error;
use crate::names::IssuerId;
use crate::serial::Serial;
use crate::store::scopes;

/// How many shards an issuer has at most.
const MOST: u16 = 1024;

/// The shards that new certificates go into, by issuer; an issuer that is not here has one list for all.
#[derive(Debug, Default)]
pub(crate) struct Shards {
    by_issuer: RwLock<BTreeMap<IssuerId, Vec<Shard>>>,
}

/// One shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shard {
    pub(crate) number: i64,
    pub(crate) url: String,
}

impl Shards {
    /// Makes the shards of the configuration that are not there yet. When this returns they are stored, and a new list
    /// is due for an issuer that had one list for all.
    pub(crate) async fn open<'a>(
        desk: &Desk,
        issuers: impl Iterator<Item = &'a IssuerId> + Clone,
    ) -> Result<Shards, Error> {
        for (issuer, settings) in &desk.config.lists {
            check(issuer, *settings, issuers.clone().any(|known| known == issuer))?;
        }
        let shards = Shards::default();
        shards.extend(desk, issuers).await?;
        Ok(shards)
    }

    /// The same for issuers that have been made since. A generation has as many shards as its authority's first.
    pub(crate) async fn extend<'a>(
        &self,
        desk: &Desk,
        issuers: impl Iterator<Item = &'a IssuerId>,
    ) -> Result<(), Error> {
        for issuer in issuers {
            let known = self.by_issuer.read().unwrap_or_else(PoisonError::into_inner).contains_key(issuer);
            let count = desk.config.list_settings(issuer).map_or(0, |settings| settings.shards);
            if count > 0 && !known {
                let made = make(desk, issuer, count).await?;
                let mut by_issuer = self.by_issuer.write().unwrap_or_else(PoisonError::into_inner);
                by_issuer.insert(issuer.clone(), made);
            }
        }
        Ok(())
    }

    /// The shard of a certificate with this serial. Serials are random, so shards fill evenly.
    pub(crate) fn of(&self, issuer: &IssuerId, serial: &Serial) -> Option<Shard> {
        let by_issuer = self.by_issuer.read().unwrap_or_else(PoisonError::into_inner);
        let shards = by_issuer.get(issuer)?;
        let random =
            serial.octets().iter().rev().take(4).fold(0, |sum, octet| sum << 8 | usize::from(*octet));
        shards.get(random % shards.len()).cloned()
    }
}

fn check(issuer: &IssuerId, settings: ListSettings, known: bool) -> Result<(), Error> {
    let refuse = |sentence: String| Err(Error::ListSettings { issuer: issuer.clone(), sentence });
    if !known {
        return refuse("there is no such issuer".to_owned());
    }
    if issuer.generation() > 1 {
        return refuse("name the authority without a generation: all of them are cut alike".to_owned());
    }
    if settings.shards > MOST {
        return refuse(format!("an issuer has {MOST} shards at most"));
    }
    if issuer.is_root() && (settings.shards > 0 || settings.delta != Delta::Off) {
        return refuse("the root has one list for all its authorities".to_owned());
    }
    if !(1..=1440).contains(&settings.delta_minutes) {
        return refuse("delta_minutes is between 1 and 1440".to_owned());
    }
    Ok(())
}

async fn make(desk: &Desk, issuer: &IssuerId, count: u16) -> Result<Vec<Shard>, Error> {
    let wished: Vec<Shard> = (1..=i64::from(count))
        .map(|number| Shard { number, url: desk.config.shard_url(issuer, number) })
        .collect();
    let (all, id, shards) = (desk.config.list_url(issuer), issuer.to_string(), wished.clone());
    desk.db
        .write(move |tx: &mut Tx| {
            Box::pin(async move {
                scopes::narrow(tx, &id, &all).await?;
                for shard in &shards {
                    scopes::insert(tx, &id, shard.number, &shard.url).await?;
                }
                Ok::<_, Error>(())
            })
        })
        .await?;
    // An address stands in certificates already, so one that was stored before wins over the configuration.
    let stored = scopes::of_issuer(desk.db.read(), issuer.as_str()).await?;
    let shards = wished.into_iter().map(|shard| {
        let known =
            stored.iter().find(|scope| scope.shard == shard.number).and_then(|scope| scope.url.clone());
        Shard { url: known.unwrap_or(shard.url), number: shard.number }
    });
    Ok(shards.collect())
}

/// Where the delta list of a scope is found, beside its complete list.
pub(crate) fn delta_url(complete: &str, shard: i64) -> String {
    let path = complete.strip_suffix(".crl").unwrap_or(complete);
    if shard == 0 { format!("{path}/delta.crl") } else { format!("{path}-delta.crl") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serial::{Instance, RANDOM_OCTETS, random_octets};

    /// Serials spread over the shards evenly, and a serial has one shard for good.
    #[test]
    fn serials_fill_shards_evenly() {
        let issuer: IssuerId = "card".parse().unwrap();
        let list: Vec<_> = (1..=8).map(|number| Shard { number, url: number.to_string() }).collect();
        let shards = Shards { by_issuer: RwLock::new(BTreeMap::from([(issuer.clone(), list)])) };
        let mut counts = [0usize; 8];
        for _ in 0..4096 {
            let serial = Serial::new(Instance::FIRST, random_octets().unwrap());
            let shard = shards.of(&issuer, &serial).unwrap();
            assert_eq!(shards.of(&issuer, &serial).unwrap(), shard);
            counts[usize::try_from(shard.number - 1).unwrap()] += 1;
        }
        // Six standard deviations of a binomial with 4096 throws and an eighth are 127.
        assert!(counts.iter().all(|count| count.abs_diff(512) < 127), "{counts:?}");
        let other: IssuerId = "systems".parse().unwrap();
        assert_eq!(shards.of(&other, &Serial::new(Instance::FIRST, [0; RANDOM_OCTETS])), None);
    }

    /// Delta lists lie beside the complete ones, and no two lists have one address.
    #[test]
    fn addresses_differ() {
        assert_eq!(delta_url("http://a/crl/card.crl", 0), "http://a/crl/card/delta.crl");
        assert_eq!(delta_url("http://a/crl/card/7.crl", 7), "http://a/crl/card/7-delta.crl");
    }
}
