//! Signing what was authorised: each digest once, in the ledger and the audit record before the answer leaves.

mod shown;

use std::collections::HashMap;
use std::sync::Arc;

use audit::Actor;
use hsm::Alg;
use platform::caller::Caller;
use platform::clock::Millis;

use crate::api::{SIGN, SignatureForm};
use crate::authorisation::check_roles;
use crate::bare::{self, Bare};
use crate::cms::{Attributes, Template};
use crate::deposit::{Deposit, Outcome};
use crate::digest::{Digest, check_distinct};
use crate::dss::{self, Authors};
use crate::error::{Error, Parameter};
use crate::fair::{self, Inputs, Work as Calls};
use crate::grant::Grant;
use crate::ids::{CredentialId, SigningId};
use crate::leavers::HOLDER_LEFT;
use crate::live::{self, Live, Span};
use crate::one_time::Ready;
use crate::sad::Shown;
use crate::share::{Place, Sharer};
use crate::signer::Signer;
use crate::store::authorisations::{self, AuthorisationRow, Signed};
use crate::store::ledger::{self, StoredSignature};
use crate::store::signings::{NewSignature, Signing, Under};
use crate::store::{certificates, keys};
use crate::suite::{self, Hash};
pub(crate) use shown::covering;
use shown::{check_named, covers, repetition, shown};

/// A request for signatures.
pub(crate) struct Request {
    pub(crate) credential: CredentialId,
    pub(crate) shown: Shown,
    pub(crate) documents: Vec<Document>,
}

/// One thing to sign.
pub(crate) struct Document {
    /// By which it was authorised.
    pub(crate) digest: Digest,
    /// The digest that the signature holds, in the hash of its algorithm.
    pub(crate) message_digest: Vec<u8>,
    pub(crate) form: SignatureForm,
    pub(crate) algorithm: Algorithm,
    /// The document itself, when it goes into the signature.
    pub(crate) content: Option<Vec<u8>>,
}

impl Document {
    /// A hash that is signed as it is; nothing where it is of another length than the algorithm's.
    pub(crate) fn bare(hash: Vec<u8>, how: &'static Bare) -> Option<Self> {
        let digest = bare::known_as(how.hash, &hash)?;
        let algorithm = Algorithm(how.name);
        Some(Self { digest, message_digest: hash, form: how.form, algorithm, content: None })
    }

    /// What the signature holds, where the digest by which it was authorised is another: a longer one.
    fn longer_digest(&self) -> Option<Vec<u8>> {
        (self.message_digest != self.digest.0).then(|| self.message_digest.clone())
    }
}

/// What signs, as far as a request can choose; it has to be what the credential's key does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Algorithm(&'static str);

impl Algorithm {
    /// What a client calls so.
    pub(crate) fn called(sign_algorithm: &str) -> Option<Self> {
        let suite = suite::called(sign_algorithm).next()?;
        suite.sign_algorithms.iter().find(|name| **name == sign_algorithm).map(|name| Self(name))
    }

    /// The same, of what signs hashes besides.
    pub(crate) fn called_of_hash(sign_algorithm: &str) -> Option<Self> {
        bare::called(sign_algorithm, None).map(|how| Self(how.name)).or_else(|| Self::called(sign_algorithm))
    }

    /// As a client calls it.
    pub(crate) fn name(self) -> &'static str {
        self.0
    }

    /// The hash of documents. Keys of one name have one hash.
    pub(crate) fn hash(self) -> Hash {
        suite::called(self.0).next().map_or(Hash::Sha256, |suite| suite.hash)
    }

    fn fits(self, alg: Alg, form: SignatureForm) -> bool {
        if form.is_bare() {
            return bare::called(self.0, None).is_some_and(|how| how.fits(alg));
        }
        suite::called(self.0).any(|suite| suite.alg == alg)
    }
}

/// How often a request is begun again because the credential changed under it.
const ROUNDS: u32 = 3;

/// Signs, or answers what was signed before.
///
/// The order, and what a crash in between means:
/// 1. what the ledger has already is not signed again;
/// 2. the token signs the rest. A crash or failure here leaves no trace: nothing was used up, nothing was answered;
/// 3. one transaction stores the signatures, which uses up their digests, with their audit event. A digest that another
///    request used up in the meantime keeps that signature, and ours is thrown away;
/// 4. the answer is put together from what is stored. A crash before it leaves: the same request finds it.
pub(crate) async fn sign(signer: &Signer, caller: &Caller, request: Request) -> Result<Vec<Vec<u8>>, Error> {
    sign_and_hold(signer, caller, request).await.map(|(made, _)| made)
}

/// The same, with the caller's share of the token for whoever has more to do with what was signed.
pub(crate) async fn sign_and_hold(
    signer: &Signer,
    caller: &Caller,
    request: Request,
) -> Result<(Vec<Vec<u8>>, Place), Error> {
    caller.may(SIGN).map_err(Error::Caller)?;
    if request.documents.len() > signer.config.max_documents {
        return Err(Error::TooManyDocuments);
    }
    let digests: Vec<Digest> = request.documents.iter().map(|document| document.digest).collect();
    check_distinct(&digests).map_err(|repeated| repetition(&request.documents, repeated))?;
    // One that asks for much must not fill the queue in front of the token, where the others wait too.
    let calls = hsm::calls(request.documents.len());
    let places = signer.under_way.take_many(&Sharer::from(caller), calls)?;
    Ok((sign_once(signer, caller, &request, &digests).await?, places))
}

async fn sign_once(
    signer: &Signer,
    caller: &Caller,
    request: &Request,
    digests: &[Digest],
) -> Result<Vec<Vec<u8>>, Error> {
    if let Shown::Sad(sad) = &request.shown {
        let sad = sad.stored();
        if let Some(grant) = signer.grants.get(&sad) {
            let known = Known { grant: &grant, seen: Signed::Nothing, by: By::Sad(&sad) };
            match sign_under(signer, caller, request, digests, known).await {
                // What was in memory may be older than the database, which tells how it is.
                Err(error) if error.is_refusal() => signer.grants.forget(&sad),
                done => return done,
            }
        }
        let only = match digests {
            [only] => Some(only),
            _ => None,
        };
        if let Some(found) = authorisations::by_sad(signer.db.read(), &sad, only).await? {
            let grant = Arc::new(Grant::new(found.row));
            let known = Known { grant: &grant, seen: found.signed, by: By::Sad(&sad) };
            let answer = sign_under(signer, caller, request, digests, known).await?;
            signer.grants.keep(sad, &grant);
            return Ok(answer);
        }
    }
    let (row, _) = shown(signer, caller, &request.shown).await?;
    let grant = Arc::new(Grant::new(row));
    let by = match &request.shown {
        Shown::Accepted { job, .. } => By::Job(job),
        Shown::Sad(_) | Shown::Token(_) | Shown::Authorisation(_) => By::Token,
    };
    sign_under(signer, caller, request, digests, Known { grant: &grant, seen: Signed::Something, by }).await
}

/// An authorisation, what the ledger was seen to have of what is asked, and by what it was shown.
struct Known<'a> {
    grant: &'a Grant,
    seen: Signed,
    by: By<'a>,
}

/// By what an authorisation was shown.
#[derive(Clone, Copy)]
enum By<'a> {
    /// By its secret, as that is stored. It may have another since.
    Sad(&'a str),
    /// By an access token.
    Token,
    /// By having been good when this job was accepted.
    Job(&'a str),
}

async fn sign_under(
    signer: &Signer,
    caller: &Caller,
    request: &Request,
    digests: &[Digest],
    Known { grant, seen, by }: Known<'_>,
) -> Result<Vec<Vec<u8>>, Error> {
    let authorisation = &grant.row;
    let positions = covers(signer, caller, request, digests, authorisation).await?;
    // Duplicates of one request come one after the other, and the later ones find what the first stored.
    let turn = (authorisation.authorisation_id.clone(), positions.clone());
    let turn = signer.signings.take(turn, &Sharer::from(caller)).await?;
    let mut stored = match (seen, grant.signed(&positions)) {
        // Nothing was signed before the turn was had, and had at once: most requests need not ask.
        (Signed::Nothing, Signed::Nothing) if !turn.waited() => ByPosition::new(),
        _ => by_position(ledger::of_authorisation(signer.db.read(), &authorisation.authorisation_id).await?),
    };
    let mut work = Work { signer, caller, authorisation, documents: &request.documents, by, since: None };
    if positions.iter().any(|position| !stored.contains_key(position)) {
        if matches!(by, By::Job(_)) {
            // It may have waited for long.
            work.since = Some(check_roles(signer, caller, authorisation).await?);
        } else {
            check_named(request, &positions, &stored, authorisation)?;
            if signer.clock.now() >= authorisation.expires_at {
                return Err(Error::SadExpired);
            }
        }
        let mut rounds = 1..ROUNDS;
        stored = loop {
            match work.add_missing(&positions, &stored).await {
                // It changed under way, and may still be able to sign: once more, from the start.
                Err(Error::CredentialChanged | Error::CertificateChanged) if rounds.next().is_some() => {}
                done => break done?,
            }
        };
    } else if let By::Sad(sad) = by
        && !authorisations::has_secret(signer.db.read(), &authorisation.authorisation_id, sad).await?
    {
        // What was signed before is told to who has the secret that is good now; what is signed now looks at it when it is stored.
        return Err(Error::SadUnknown);
    }
    grant.mark(stored.keys());
    work.answer(&positions, &stored).await
}

type ByPosition = HashMap<usize, StoredSignature>;

fn by_position(stored: Vec<StoredSignature>) -> ByPosition {
    stored.into_iter().map(|signature| (signature.position, signature)).collect()
}

/// One request that is being worked on.
struct Work<'a> {
    signer: &'a Signer,
    caller: &'a Caller,
    authorisation: &'a AuthorisationRow,
    documents: &'a [Document],
    by: By<'a>,
    /// Who the documents are written by that were prepared since it was authorised, where that was looked at.
    since: Option<Authors>,
}

impl Work<'_> {
    /// Signs what the ledger has not, stores it, and gives back everything that is stored.
    async fn add_missing(&self, positions: &[usize], stored: &ByPosition) -> Result<ByPosition, Error> {
        let fits = |alg| self.check_algorithm(alg);
        let ready = Ready::of(self.signer, self.caller, &self.authorisation.credential_id, fits).await?;
        let done = self.add_with(ready.live(), positions, stored).await;
        ready.done(self.signer, self.caller).await;
        done
    }

    /// What is asked for is what such a key does.
    fn check_algorithm(&self, alg: Alg) -> Result<(), Error> {
        let fits = self.documents.iter().all(|document| document.algorithm.fits(alg, document.form));
        if fits { Ok(()) } else { Err(Parameter::Invalid("signAlgo").into()) }
    }

    async fn add_with(
        &self,
        live: &Live,
        positions: &[usize],
        stored: &ByPosition,
    ) -> Result<ByPosition, Error> {
        let signer = self.signer;
        self.check_algorithm(live.key.alg())?;
        // The certificate may be younger than what was agreed to.
        for authors in self.authorisation.authors.iter().chain(&self.since) {
            dss::check_times(authors, Span::of(&live.certificate))?;
        }
        let signed_at = signer.clock.now();
        let mut missing: Vec<(usize, &Document)> = positions
            .iter()
            .copied()
            .zip(self.documents)
            .filter(|(position, _)| !stored.contains_key(position))
            .collect();
        // One order for everybody, so that two machines at the same rows wait for each other and do not lock up.
        missing.sort_unstable_by_key(|(position, _)| *position);
        let made = make_signatures(signer, self.caller, live, &missing, signed_at).await?;
        let signing = Signing {
            signing_id: SigningId::new(signed_at),
            authorisation_id: self.authorisation.authorisation_id.clone(),
            credential_id: live.row.credential_id.clone(),
            serial: live.certificate.serial.clone(),
            client: self.authorisation.client.clone(),
            signed_at,
        };
        let kept = self.keep(live, signing, made).await;
        signer.forget_if_changed(&live.row.credential_id, &kept);
        match kept? {
            Kept::All(mut made) => {
                metrics::counter!("signer_signatures_total").increment(made.len() as u64);
                made.extend(stored.iter().map(|(position, signature)| (*position, signature.clone())));
                Ok(made)
            }
            Kept::OthersFirst(all) => Ok(all),
        }
    }

    /// Stores signatures and their event in one transaction, which looks whether they may still be made.
    async fn keep(&self, live: &Live, signing: Signing, made: Vec<NewSignature>) -> Result<Kept, Error> {
        let (user, version) = (live.row.user_id.clone(), live.row.version);
        let under = match self.by {
            By::Sad(sad) => Under { version, sad: Some(sad.to_owned()), job: None },
            By::Token => Under { version, ..Under::default() },
            By::Job(job) => Under { version, sad: None, job: Some(job.to_owned()) },
        };
        let actor = Actor::from(self.caller);
        let request = self.authorisation.consent.as_ref().map(ToString::to_string);
        let deposit =
            Arc::new(Deposit { who: Sharer::from(self.caller), signing, under, made, actor, user, request });
        match self.signer.deposits.store(Arc::clone(&deposit)).await? {
            Outcome::Stored => Ok(Kept::All(as_stored(&deposit))),
            Outcome::OthersFirst => {
                let authorisation = &self.authorisation.authorisation_id;
                let all = ledger::of_authorisation(self.signer.db.read(), authorisation).await?;
                Ok(Kept::OthersFirst(by_position(all)))
            }
            Outcome::Changed => Err(Error::CredentialChanged),
            Outcome::Left => Err(Error::CredentialDisabled { why: HOLDER_LEFT }),
            Outcome::NotInForce => Err(Error::CertificateChanged),
        }
    }

    /// Puts the answer together from what is stored: the same rows give the same octets, whenever it is asked.
    async fn answer(&self, positions: &[usize], stored: &ByPosition) -> Result<Vec<Vec<u8>>, Error> {
        let mut templates: HashMap<&str, Source> = HashMap::new();
        let mut answers = Vec::with_capacity(positions.len());
        for (position, document) in positions.iter().zip(self.documents) {
            let signature = stored.get(position).ok_or(Error::StoredRow { what: "signature" })?;
            if signature.form != document.form {
                return Err(Error::AlreadySigned);
            }
            if signature.form.is_bare() {
                answers.push(signature.signature.clone());
                continue;
            }
            if !templates.contains_key(signature.serial.as_str()) {
                templates.insert(&signature.serial, self.template(&signature.serial).await?);
            }
            let template = templates[signature.serial.as_str()].template();
            let attributes = attributes(template, document, signature.signed_at)?;
            answers.push(template.assemble(&attributes, &signature.signature, document.content.as_deref()));
        }
        Ok(answers)
    }

    /// The constant parts for a certificate: from memory, or for one that signs no more from its rows.
    async fn template(&self, serial: &str) -> Result<Source, Error> {
        if let Some(live) = self.signer.live.get(&self.authorisation.credential_id)
            && live.certificate.serial == serial
        {
            return Ok(Source::Live(live));
        }
        let db = self.signer.db.read();
        let row =
            certificates::by_serial(db, serial).await?.ok_or(Error::StoredRow { what: "certificate" })?;
        let alg = keys::algorithm(db, &row.key_id).await?.ok_or(Error::StoredRow { what: "key" })?;
        Ok(Source::Stored(Box::new(live::template(alg, &row)?)))
    }
}

/// Where a template comes from.
enum Source {
    Live(Arc<Live>),
    Stored(Box<Template>),
}

impl Source {
    fn template(&self) -> &Template {
        match self {
            Self::Live(live) => &live.template,
            Self::Stored(template) => template,
        }
    }
}

/// What became of new signatures.
enum Kept {
    /// All of them are stored.
    All(ByPosition),
    /// Another request had stored some of them first; this is everything that is stored.
    OthersFirst(ByPosition),
}

async fn make_signatures(
    signer: &Signer,
    caller: &Caller,
    live: &Live,
    missing: &[(usize, &Document)],
    signed_at: Millis,
) -> Result<Vec<NewSignature>, Error> {
    // A request is either for bare signatures, by one algorithm, or for CMS.
    let bare = missing.first().filter(|(_, document)| document.form.is_bare());
    let scheme =
        bare.and_then(|(_, document)| bare::called(document.algorithm.0, None)).map(|how| how.scheme);
    let inputs = if scheme.is_some() {
        Inputs::Digests(missing.iter().map(|(_, document)| document.message_digest.clone()).collect())
    } else {
        let attributes = missing
            .iter()
            .map(|(_, document)| attributes(&live.template, document, signed_at))
            .map(|attributes| attributes.map(|attributes| attributes.to_sign().to_vec()))
            .collect::<Result<_, _>>()?;
        Inputs::Messages(attributes)
    };
    let mut work = Calls::of(&live.key, inputs);
    if let Some(scheme) = scheme {
        work = work.with(scheme);
    }
    let signatures = fair::sign(&signer.turns, &Sharer::from(caller), work).await?;
    Ok(missing
        .iter()
        .zip(signatures)
        .map(|((position, document), signature)| NewSignature {
            position: *position,
            form: document.form,
            digest: document.digest,
            hashed: document.longer_digest(),
            signature,
        })
        .collect())
}

fn attributes(template: &Template, document: &Document, signed_at: Millis) -> Result<Attributes, Error> {
    template
        .attributes(&document.message_digest, signed_at)
        .map_err(|source| Error::Template(Box::new(source)))
}

fn as_stored(deposit: &Deposit) -> ByPosition {
    let Deposit { signing, made, .. } = deposit;
    let stored = |new: &NewSignature| StoredSignature {
        position: new.position,
        form: new.form,
        signature: new.signature.clone(),
        serial: signing.serial.clone(),
        signed_at: signing.signed_at,
    };
    made.iter().map(|new| (new.position, stored(new))).collect()
}
