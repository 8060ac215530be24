//! Finding certificates: a query read once at the door, then page after page.

use platform::clock::Millis;
use platform::db::Tx;

use crate::api::{CertificateInfo, CertificatePage, CertificateQuery, ProfileHistory, ProfileVersion};
use crate::authority::{self, Authority};
use crate::error::Error;
use crate::serial::Serial;
use crate::store::certificates::Stored;
use crate::store::profiles;
use crate::store::search::{self, Filter, Place, Who};

/// How many entries a page has at most.
const LONGEST_PAGE: u32 = 500;
/// How many rows an export reads at a time: what it holds in memory.
const EXPORT_PAGE: i64 = 500;
/// How many certificates of before get their hashes in one transaction.
const HASHED_AT_ONCE: i64 = 500;

/// A search that has not come to its end.
#[derive(Clone, Debug)]
pub(crate) struct Search {
    filter: Filter,
    place: Place,
}

impl Search {
    /// Reads a query.
    pub(crate) fn parse(query: &CertificateQuery, now: Millis) -> Result<Search, Error> {
        let filter = Filter {
            who: who(query)?,
            profile: query.profile.clone(),
            issuer: query.issuer.clone(),
            state: query.state,
            expires_from: query.expires_from,
            expires_before: query.expires_before,
            now,
        };
        let after = query.after.as_deref();
        let place = if filter.by_expiry() {
            Place::Expiry(after.map(|text| expiry_mark(text).ok_or(Error::CursorInvalid)).transpose()?)
        } else {
            Place::Serial(after.map(|text| Serial::parse(text).ok_or(Error::CursorInvalid)).transpose()?)
        };
        Ok(Search { filter, place })
    }

    fn behind(&mut self, last: &Stored) {
        self.place = match self.place {
            Place::Serial(_) => Place::Serial(Some(last.serial)),
            Place::Expiry(_) => Place::Expiry(Some((last.not_after, last.serial))),
        };
    }

    /// The place as it stands in `after`.
    fn mark(&self) -> Option<String> {
        match self.place {
            Place::Serial(after) => after.map(|serial| serial.to_string()),
            Place::Expiry(after) => after.map(|(end, serial)| format!("{}-{serial}", end.0)),
        }
    }
}

/// One of the fields that single out somebody leads the search; two at once are refused.
fn who(query: &CertificateQuery) -> Result<Who, Error> {
    let refused = |field, sentence: &str| Error::RequestInvalid { field, sentence: sentence.to_owned() };
    let mut found = Vec::new();
    if let Some(user_id) = &query.user_id {
        found.push(Who::Person(user_id.clone()));
    }
    if let Some(system) = &query.system_id {
        found.push(Who::System(system.to_ascii_lowercase()));
    }
    if let Some(name) = &query.common_name {
        found.push(Who::CommonName(name.clone()));
    }
    if let Some(text) = &query.serial {
        let serial =
            Serial::parse(text).ok_or_else(|| refused("serial", "not a serial of this authority"))?;
        found.push(Who::Serial(serial));
    }
    if let Some(text) = &query.sha256 {
        let plain: String = text.chars().filter(|c| *c != ':').collect();
        let octets = hex::decode(plain).ok().filter(|octets| octets.len() == 32);
        let sentence = "not a SHA-256 in hexadecimal";
        found.push(Who::Fingerprint(octets.ok_or_else(|| refused("sha256", sentence))?));
    }
    match found.len() {
        0 | 1 => Ok(found.pop().unwrap_or(Who::Anybody)),
        _ => Err(refused(
            "user_id",
            "search by one of user_id, system_id, common_name, serial and sha256 at a time",
        )),
    }
}

/// How many entries a page has: as many as are asked for, or 50.
pub(crate) fn page_length(asked: Option<u32>) -> Result<u32, Error> {
    match asked {
        None => Ok(50),
        Some(length) if (1..=LONGEST_PAGE).contains(&length) => Ok(length),
        Some(_) => {
            let sentence = format!("1 to {LONGEST_PAGE}; a longer list is read page by page, or exported");
            Err(Error::RequestInvalid { field: "limit", sentence })
        }
    }
}

/// Reads the place that a page by expiry ended at.
pub(crate) fn expiry_mark(text: &str) -> Option<(Millis, Serial)> {
    let (end, serial) = text.rsplit_once('-')?;
    Some((Millis(end.parse().ok()?), Serial::parse(serial)?))
}

impl Authority {
    /// One page of a search.
    pub(crate) async fn certificates(&self, query: &CertificateQuery) -> Result<CertificatePage, Error> {
        let limit = page_length(query.limit)?;
        let now = self.desk().clock.now();
        let mut search = Search::parse(query, now)?;
        let read = self.desk().db.read();
        let mut rows = search::page(read, &search.filter, search.place, i64::from(limit) + 1).await?;
        let more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        if let Some(last) = rows.last() {
            search.behind(last);
        }
        let next = more.then(|| search.mark()).flatten();
        let certificates = rows.into_iter().map(|row| authority::info(row, now)).collect();
        Ok(CertificatePage { certificates, next })
    }

    /// The next rows of an export; empty at its end.
    pub(crate) async fn export_more(&self, search: &mut Search) -> Result<Vec<CertificateInfo>, Error> {
        let rows = search::page(self.desk().db.read(), &search.filter, search.place, EXPORT_PAGE).await?;
        if let Some(last) = rows.last() {
            search.behind(last);
        }
        let now = search.filter.now;
        Ok(rows.into_iter().map(|row| authority::info(row, now)).collect())
    }

    /// What a profile is and was.
    pub(crate) async fn profile_history(&self, id: &str) -> Result<ProfileHistory, Error> {
        let versions = profiles::versions(self.desk().db.read(), id).await?;
        if versions.is_empty() {
            return Err(Error::ProfileNeverUsed);
        }
        let versions = versions.into_iter().map(|version| ProfileVersion {
            version: version.version,
            content_sha256: version.content_sha256,
            used_at: version.used_at,
            content: serde_json::from_str(&version.content).unwrap_or_default(),
        });
        let version = self.desk().profiles.any(id).map(|profile| profile.version);
        Ok(ProfileHistory { id: id.to_owned(), version, versions: versions.collect() })
    }

    /// Gives certificates of before hashes were kept theirs, so that they are found by fingerprint and their
    /// keys are known. Returns how many got theirs; stopping it anywhere loses nothing.
    pub(crate) async fn keep_missing_hashes(&self) -> Result<usize, Error> {
        let mut done = 0;
        loop {
            let rows = search::unhashed(self.desk().db.read(), HASHED_AT_ONCE).await?;
            if rows.is_empty() {
                return Ok(done);
            }
            done += rows.len();
            self.desk()
                .db
                .write(move |tx: &mut Tx| {
                    Box::pin(async move {
                        for (serial, der) in &rows {
                            let spki = pki::Certificate::from_der(der).ok();
                            let spki = spki.as_ref().map(pki::Certificate::spki_der);
                            search::keep_hashes(tx, serial, der, spki).await?;
                        }
                        Ok::<_, Error>(())
                    })
                })
                .await?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_800_000_000_000);

    fn parsed(query: &CertificateQuery) -> Result<Place, String> {
        Search::parse(query, NOW).map(|search| search.place).map_err(|error| error.to_string())
    }

    /// A mark belongs to the order it came from: one of another order is refused, not misread.
    #[test]
    fn marks_belong_to_their_order() {
        let serial = Serial::new(crate::serial::Instance::FIRST, [9; 17]);
        let by_profile =
            CertificateQuery { profile: Some("card-signing".to_owned()), ..CertificateQuery::default() };
        let mut search = Search::parse(&by_profile, NOW).unwrap();
        search.place = Place::Expiry(Some((Millis(-5), serial)));
        let after = search.mark();
        let again = CertificateQuery { after: after.clone(), ..by_profile.clone() };
        assert_eq!(parsed(&again), Ok(Place::Expiry(Some((Millis(-5), serial)))));
        let other = CertificateQuery { after, ..CertificateQuery::default() };
        assert!(parsed(&other).is_err());
        let other = CertificateQuery { after: Some(serial.to_string()), ..by_profile };
        assert!(parsed(&other).is_err());
    }

    type Set = fn(&mut CertificateQuery);

    /// A query that cannot find anything is refused with the field that is wrong.
    #[test]
    fn senseless_queries_are_refused() {
        let fields: [(&str, Set); 3] = [
            ("serial", |query| query.serial = Some("12".to_owned())),
            ("sha256", |query| query.sha256 = Some("ab:cd".to_owned())),
            ("one of user_id", |query| {
                query.user_id = Some("555021942107".to_owned());
                query.common_name = Some("Zoë".to_owned());
            }),
        ];
        for (field, set) in fields {
            let mut query = CertificateQuery::default();
            set(&mut query);
            assert!(parsed(&query).unwrap_err().contains(field), "{field}");
        }
    }
}
