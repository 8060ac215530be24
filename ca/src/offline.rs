//! A ceremony with the key of a root that no server holds: requests of authorities and serials to revoke in; certificates,
//! the root's list and a signed transcript out.
//!
//! The machine has the root's token and a database file of its own, made by `lanyard ceremony` from a specification
//! without issuing authorities, or a copy of the server's. Every step is durable before the next as it is in the server, and
//! a request that was signed before gets the same certificate.

use std::sync::Arc;

use audit::Actor;
use hsm::Hsm;
use platform::clock::{Clock, HighWater, Millis};
use platform::db::{Db, Tx};
use x509_cert::der::Decode as _;

use crate::api::{Reason, RevokeRequest, Validity};
use crate::authority::{Authority, Strictness};
use crate::ceremony::Transcript;
use crate::config::Config;
use crate::digest::sha256_hex;
use crate::error::Error;
use crate::events::Event;
use crate::failpoint;
use crate::grants::Reach;
use crate::intent::{Period, whole_second};
use crate::issuer::{self, Issuer};
use crate::joining::algorithm_identifier;
use crate::names::{IssuerId, NotAnId};
use crate::order::Order;
use crate::profile::Profile;
use crate::revocation;
use crate::serial::Serial;
use crate::store::certificates::{self, State};
use crate::store::{generations, requests::RequestKey, scopes};
use crate::subject::{self, AttributeKind, Names, Subject};
use crate::subject_key::{KeyRefused, SubjectKey};

/// How a transcript begins. Its first octet keeps it from ever being read as a certificate or a list, which the same key
/// signs: those are DER and begin with 30.
const TITLE: &str = "lanyard ceremony transcript 1";
/// How many requests one ceremony signs, and how many certificates it revokes.
const MOST: usize = 64;

/// The root's machine.
pub struct OfflineRoot {
    authority: Authority,
    root: Arc<Issuer>,
}

/// A request that was read and may be signed, or another root that may be certified across.
pub struct Asked {
    subject: Subject,
    key: SubjectKey,
    /// Of the request, or of the other root's own certificate.
    sha256: String,
    profile: Arc<Profile>,
    /// How long the other root lasts, where it is one.
    across: Option<Period>,
}

/// A certificate of the root that may be revoked.
pub struct Withdrawn {
    serial: Serial,
    subject: String,
    reason: Reason,
}

impl Withdrawn {
    /// What will be revoked, in a line for those who are present.
    pub fn describe(&self) -> String {
        let Withdrawn { serial, subject, reason } = self;
        format!("revoke serial {serial}, \"{subject}\", for {}", word(*reason))
    }
}

/// What a ceremony made.
#[derive(Clone, Debug)]
pub struct Held {
    /// Certificates in DER, in the order of the requests.
    pub certificates: Vec<Vec<u8>>,
    /// The root's certificate in DER.
    pub root: Vec<u8>,
    /// The root's new list in DER.
    pub list: Vec<u8>,
    /// What was done, line by line.
    pub transcript: String,
    /// The root's signature over the transcript, as the key's algorithm makes it in certificates.
    pub signature: Vec<u8>,
}

impl OfflineRoot {
    /// Opens what a ceremony made on this machine. The newest root whose key is in the token signs.
    pub async fn open(
        config: Config,
        hsm: &Hsm,
        db: Db,
        clock: Clock,
        high_water: HighWater,
    ) -> Result<OfflineRoot, Error> {
        let authority = Authority::open_as(config, hsm, db, clock, high_water, Strictness::RootAlone).await?;
        let book = authority.book();
        let roots = book.issuers().filter(|issuer| issuer.id().is_root() && issuer.key().is_ok());
        let root = roots.max_by_key(|root| root.id().generation()).cloned();
        let root = root.ok_or_else(|| Error::IssuerKeyMissing(IssuerId::root()))?;
        Ok(OfflineRoot { authority, root })
    }

    /// The root's certificate.
    pub fn certificate(&self) -> &pki::Certificate {
        &self.root.certificate
    }

    /// Finds a certificate that this root signed and that can be revoked for this reason.
    pub async fn find(&self, serial: &str, reason: Reason) -> Result<Withdrawn, Error> {
        let unknown = || refused(&format!("this root has signed no certificate with the serial {serial}"));
        let serial = Serial::parse(serial).ok_or_else(unknown)?;
        let stored = certificates::by_serial(self.authority.desk().db.read(), &serial).await?;
        let stored = stored.filter(|stored| stored.issuer == self.root.id().as_str()).ok_or_else(unknown)?;
        if stored.certificate.as_deref() == Some(self.root.certificate.der()) {
            return Err(refused(
                "a root does not revoke itself: it is taken out of the stores of those who trust it",
            ));
        }
        if reason == Reason::CertificateHold {
            return Err(Error::AuthorityNotHeld);
        }
        // The same again is taken up; another reason is for the rule to judge, before anything is signed.
        if stored.state != State::Issued || stored.revocation.is_some_and(|before| before.reason != reason) {
            return Err(Error::AlreadyRevoked);
        }
        Ok(Withdrawn { serial, subject: stored.subject, reason })
    }

    /// Reads a PKCS#10 request in PEM: the key signed it, the name is one of an authority, and no root has the key. Of which
    /// authority it is has to be said where profiles differ by that.
    pub fn read(&self, pem: &str) -> Result<Asked, Error> {
        let profiles = &self.authority.desk().profiles;
        if !profiles.own.is_empty() {
            let sentence =
                "authorities have profiles of their own here: say with --authority which each request is of";
            return Err(refused(sentence));
        }
        self.read_for(pem, &profiles.issuing)
    }

    /// The same for an authority that is named, such as `card`.
    pub fn read_of(&self, pem: &str, authority: &str) -> Result<Asked, Error> {
        let id: IssuerId = authority.parse().map_err(|error: NotAnId| refused(&error.to_string()))?;
        if id.is_root() {
            return Err(refused("a root is certified across, or by itself"));
        }
        self.read_for(pem, self.authority.desk().profiles.issuing_of(&id))
    }

    fn read_for(&self, pem: &str, profile: &Arc<Profile>) -> Result<Asked, Error> {
        let csr = crate::possession::proven_pem(pem)?;
        let subject = authority_name(csr.subject().der())?.ok_or(Error::CsrRefused)?;
        let key = SubjectKey::parse(csr.spki_der())?;
        if !profile.keys.contains(&key.alg()) {
            return Err(KeyRefused::NotInProfile(key.alg()).into());
        }
        for known in self.authority.all_issuers() {
            if known.id().is_root()
                && (known.identity.spki == key.spki() || known.identity.name_der == subject.to_der())
            {
                return Err(refused("the request has the key or the name of a root"));
            }
        }
        let profile = Arc::clone(profile);
        Ok(Asked { subject, key, sha256: sha256_hex(csr.der()), profile, across: None })
    }

    /// Reads the certificate of another root in PEM, which by signing it shows that it has the key and wants the name: its key
    /// may be certified across, so that who knows only this root finds a path to what is below that one (RFC 4210 4.4).
    pub fn read_root(&self, pem: &str) -> Result<Asked, Error> {
        let unreadable = || refused("the certificate of the other root cannot be read");
        let certificate = pki::Certificate::from_pem(pem).map_err(|_| unreadable())?;
        if !issuer::is_root(&certificate) {
            return Err(refused("it is not a root's: a root signs itself and is an authority"));
        }
        let subject = authority_name(certificate.subject().der())?.ok_or_else(unreadable)?;
        let key = SubjectKey::parse(certificate.spki_der())?;
        let profile = Arc::clone(&self.authority.desk().profiles.cross);
        if !profile.keys.contains(&key.alg()) {
            return Err(KeyRefused::NotInProfile(key.alg()).into());
        }
        let own = &self.root.identity;
        if own.spki == key.spki() || own.name_der == subject.to_der() {
            return Err(refused(
                "it has the key or the name of this root: two roots that certify each other have their own",
            ));
        }
        let period = Period {
            not_before: Millis(certificate.not_before_ms()),
            not_after: Millis(certificate.not_after_ms()),
        };
        if period.not_after < self.authority.desk().guarded_now()? {
            return Err(refused("the other root has ended"));
        }
        Ok(Asked { subject, key, sha256: sha256_hex(certificate.der()), profile, across: Some(period) })
    }

    /// What will be signed, in lines for those who are present.
    pub fn describe(&self, asked: &Asked) -> Vec<String> {
        let (what, becomes) = if let Some(period) = asked.across {
            let until = period.not_after.min(self.root.identity.period.not_after);
            ("certificate of another root", format!("certified across, path length 1, until {until}"))
        } else {
            let (days, constraints) =
                (asked.profile.validity.seconds / 86_400, &asked.profile.name_constraints);
            let under = if constraints.is_some() { ", under name constraints" } else { "" };
            ("request", format!("an issuing authority, path length 0, for {days} days{under}"))
        };
        vec![
            format!("{what}, SHA-256 {}", asked.sha256),
            format!("  subject {}", asked.subject),
            format!("  key {}, key id {}", asked.key.alg(), hex::encode(asked.key.key_id())),
            format!("  {becomes}"),
        ]
    }

    /// Revokes, signs the requests, makes a new list, and signs the transcript. `present` is who was there, in their own
    /// words.
    pub async fn hold(
        &self,
        asked: &[Asked],
        withdrawn: &[Withdrawn],
        present: &[String],
    ) -> Result<Held, Error> {
        if asked.len() > MOST || withdrawn.len() > MOST {
            return Err(refused("more than 64 requests or serials at once"));
        }
        check_present(present)?;
        let ceremony = format!("ceremony-{}", platform::id::uuid_text(self.authority.desk().clock.now()));
        self.begin(&ceremony, asked, withdrawn, present).await?;
        failpoint::pass("ca.offline-begun");
        for one in withdrawn {
            self.withdraw(&ceremony, one).await?;
        }
        let mut certificates = Vec::new();
        for one in asked {
            certificates.push(self.certify(&ceremony, one).await?);
        }
        let list = self.list(&ceremony).await?;
        failpoint::pass("ca.offline-listed");
        self.line(&ceremony, "the ceremony is finished").await?;
        let read = self.authority.desk().db.read();
        let lines = Transcript::new(generations::lines(read, &ceremony).await?);
        let transcript = format!("{TITLE}\n{lines}");
        let key = self.root.key()?;
        let signature = key.sign(key.alg().default_scheme(), transcript.as_bytes()).await?;
        failpoint::pass("ca.offline-told");
        self.record(Event::OfflineCeremonyHeld {
            root: self.root.id().to_string(),
            certificates: i64::try_from(certificates.len()).unwrap_or(i64::MAX),
            transcript_sha256: sha256_hex(transcript.as_bytes()),
        })
        .await?;
        let root = self.root.certificate.der().to_vec();
        Ok(Held { certificates, root, list, transcript, signature })
    }

    async fn begin(
        &self,
        ceremony: &str,
        asked: &[Asked],
        withdrawn: &[Withdrawn],
        present: &[String],
    ) -> Result<(), Error> {
        let (root, key) = (&self.root, self.root.key()?);
        let mut lines = vec![
            format!("version {}", env!("CARGO_PKG_VERSION")),
            format!(
                "root \"{}\", certificate SHA-256 {}",
                root.identity.subject,
                sha256_hex(root.certificate.der())
            ),
            format!("key \"{}\", {}, key id {}", key.label(), key.alg(), hex::encode(&root.identity.key_id)),
            format!("profiles SHA-256 {}", self.authority.desk().profiles.source_sha256),
        ];
        lines.extend(present.iter().map(|one| format!("present: {one}")));
        lines.extend(asked.iter().flat_map(|one| self.describe(one)));
        lines.extend(withdrawn.iter().map(Withdrawn::describe));
        for line in lines {
            self.line(ceremony, &line).await?;
        }
        Ok(())
    }

    async fn withdraw(&self, ceremony: &str, withdrawn: &Withdrawn) -> Result<(), Error> {
        let Withdrawn { serial, subject, reason } = withdrawn;
        let request = RevokeRequest { reason: *reason, invalidity_date: None };
        let (desk, actor) = (self.authority.desk(), Actor::system("ceremony"));
        revocation::revoke(desk, *serial, request, Reach::Authorities, actor).await?;
        failpoint::pass("ca.offline-revoked");
        self.line(ceremony, &format!("revoked serial {serial}, \"{subject}\", for {}", word(*reason))).await
    }

    /// The certificate of a request, now or before. One that was revoked is not given out again.
    async fn certify(&self, ceremony: &str, asked: &Asked) -> Result<Vec<u8>, Error> {
        let made = self.certified(asked).await?;
        failpoint::pass("ca.offline-certified");
        let stored = certificates::by_serial(self.authority.desk().db.read(), &made.serial).await?;
        if stored.is_none_or(|stored| stored.revocation.is_some()) {
            let sentence = format!(
                "the certificate of \"{}\" for this request, serial {}, was revoked; make a new key and ask for that",
                asked.subject, made.serial
            );
            return Err(refused(&sentence));
        }
        let (serial, sha256) = (made.serial, sha256_hex(&made.der));
        let text = format!("certified \"{}\", serial {serial}, SHA-256 {sha256}", asked.subject);
        self.line(ceremony, &text).await?;
        Ok(made.der)
    }

    async fn certified(&self, asked: &Asked) -> Result<crate::authority::Certified, Error> {
        let validity = match asked.across {
            None => None,
            // Not longer than either: who trusts one root trusts the other as long as both last.
            Some(other) => {
                let (now, own) = (self.authority.desk().guarded_now()?, &self.root.identity.period);
                let not_before = whole_second(Millis(now.0 - 60_000)).max(own.not_before);
                Some(Validity { not_before, not_after: other.not_after.min(own.not_after) })
            }
        };
        let order = Order {
            profile: Arc::clone(&asked.profile),
            issuer: self.root.id().clone(),
            names: Names {
                subject: asked.subject.clone(),
                alternative: Vec::new(),
                user_id: None,
                system_id: None,
                organisation_id: None,
            },
            key: asked.key.clone(),
            validity,
            request: RequestKey {
                client: "offline-ceremony".to_owned(),
                request_id: asked.sha256.clone(),
                content_sha256: asked.sha256.clone(),
            },
        };
        self.authority.certify_by(&self.root, order, Actor::system("ceremony")).await
    }

    /// A new list, whether anything has changed or not.
    async fn list(&self, ceremony: &str) -> Result<Vec<u8>, Error> {
        let (desk, id) = (self.authority.desk(), self.root.id().to_string());
        let owned = id.clone();
        desk.db
            .write(move |tx: &mut Tx| {
                Box::pin(async move { Ok::<_, Error>(scopes::touch(tx, &owned, 0).await?) })
            })
            .await?;
        let scope = scopes::find(desk.db.read(), &id, 0).await?;
        let scope = scope.ok_or_else(|| Error::NoCrlYet(self.root.id().clone()))?;
        crate::crl::make_if_due(desk, &self.root, &scope).await?;
        let list = self.authority.newest_list(&self.root, 0, crate::crl::Kind::Complete).await?;
        let octets = self.authority.whole_list(&list).await?;
        let (number, entries, sha256) = (list.id.number, list.entries, sha256_hex(&octets));
        let until = list.next_update;
        let text = format!("revocation list {number}, {entries} entries, until {until}, SHA-256 {sha256}");
        self.line(ceremony, &text).await?;
        Ok(octets)
    }

    async fn line(&self, ceremony: &str, text: &str) -> Result<(), Error> {
        let (now, ceremony, text) = (self.authority.desk().clock.now(), ceremony.to_owned(), text.to_owned());
        self.authority
            .desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(
                    async move { Ok::<_, Error>(generations::add_line(tx, &ceremony, now, &text).await?) },
                )
            })
            .await
    }

    async fn record(&self, event: Event) -> Result<(), Error> {
        let now: Millis = self.authority.desk().clock.now();
        self.authority
            .desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    audit::record(tx, now, &Actor::system("ceremony"), &event).await?;
                    Ok::<_, Error>(())
                })
            })
            .await
    }
}

/// Checks that a root's key signed this transcript, and gives its lines.
///
/// What else a transcript says, such as hashes of files, is the reader's to compare.
pub fn verify_transcript<'t>(
    transcript: &'t str,
    signature: &[u8],
    root: &pki::Certificate,
) -> Result<Vec<&'t str>, Error> {
    let wrong = || refused("the transcript is not as the root's key signed it");
    let key = SubjectKey::parse(root.spki_der())?;
    let algorithm = algorithm_identifier(key.alg());
    pki::verify_signature(root.spki_der(), &algorithm, transcript.as_bytes(), signature)
        .map_err(|_| wrong())?;
    let mut lines = transcript.lines();
    if lines.next() != Some(TITLE) {
        return Err(wrong());
    }
    Ok(lines.collect())
}

/// The name of an authority, with attributes that one has; `None` when it is no name.
fn authority_name(der: &[u8]) -> Result<Option<Subject>, Error> {
    let Ok(named) = x509_cert::name::Name::from_der(der) else { return Ok(None) };
    let subject =
        issuer::subject(&named).map_err(|_| refused("the name has attributes that no authority has"))?;
    for attribute in &subject.attributes {
        use AttributeKind::{CommonName, Country, Organisation, OrganisationIdentifier};
        if ![Country, Organisation, OrganisationIdentifier, CommonName].contains(&attribute.kind) {
            return Err(refused(
                "the name of an authority has country, organisation, its identifier and common name only",
            ));
        }
        subject::text("subject", attribute.kind, &attribute.text)?;
    }
    Ok(Some(subject))
}

fn check_present(present: &[String]) -> Result<(), Error> {
    if present.is_empty() || present.len() > 32 {
        return Err(refused("name who is present, 32 people at most"));
    }
    for one in present {
        // One line each: nobody writes a line of the transcript by a name.
        if let Some(fault) = subject::text_fault(AttributeKind::CommonName, one) {
            return Err(refused(&format!("who is present: \"{}\" {fault}", one.escape_debug())));
        }
    }
    Ok(())
}

/// A reason as requests write it.
fn word(reason: Reason) -> String {
    let value = serde_json::to_value(reason).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

fn refused(sentence: &str) -> Error {
    Error::OfflineCeremonyRefused(sentence.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever is present is one line of text, and somebody is.
    #[test]
    fn who_is_present_is_one_line() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert!(check_present(&names(&["Ada Byron, auditor", "Zoë O’Neill"])).is_ok());
        for bad in [&[][..], &[""], &["two\nlines"], &[" space"]] {
            assert!(check_present(&names(bad)).is_err(), "{bad:?}");
        }
    }
}
