//! Signing that is answered later (CSC API v2, 11.10 to 11.12).
//!
//! What is accepted is a row; it is worked on at once in the background, where it waits for its client's share, and by the sweep, which takes up
//! each client in turn, or by whoever asks for it where a process ended in between or the token was away, also when the authorisation ended
//! meanwhile: it was accepted in time. What fails is put off, and others go before it. Its result lies in the ledger and nowhere else: whoever asks
//! is answered what the same request would be answered, the same signatures however often. What is kept is erased when the time is over for which
//! the client asked.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform::caller::{Caller, CallerKind};
use platform::clock::Millis;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::task::JoinSet;

use crate::api::{SIGN, SignatureForm};
use crate::cades::{self, Level, Signed, Until, Validation};
use crate::digest::Digest;
use crate::dss::{Refused, Token};
use crate::error::{Error, Parameter};
use crate::ids::AuthorisationId;
use crate::sad::Shown;
use crate::share::Sharer;
use crate::signer::Signer;
use crate::signing::{self, Algorithm, Document, Request};
use crate::store::authorisations;
use crate::store::jobs::{self, JobRow, State};

/// How many of one client may wait or be kept.
const MOST: i64 = 100;
/// How many octets of one client may be kept.
const MOST_OCTETS: i64 = 64 * 1024 * 1024;
/// After how long one that nobody has finished is taken up by the sweep, or by whoever asks for it: the process that accepted it may be gone.
const LEFT_MS: i64 = 30_000;
/// How many the sweep takes up at a time, and how often one sweep does.
const TAKEN_UP: i64 = 64;
const STEPS: usize = 16;
/// How often one that was just accepted is tried; in between it waits for its client's share.
const ROUNDS: u32 = 4;
/// How often the time is doubled for which one is put off: a quarter of an hour then.
const LONGEST: u32 = 5;

/// A document as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    digest: String,
    message_digest: String,
    form: SignatureForm,
    algorithm: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    level: Option<String>,
    /// Whether what they are checked with is wanted: of all or of none.
    #[serde(default)]
    validation: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content: Option<String>,
}

/// What there is to say of a job.
pub(crate) enum Polled {
    /// It is being worked on.
    Waiting,
    /// Bare signatures.
    Hashes(Vec<Vec<u8>>),
    /// CMS.
    Documents {
        /// The form of each.
        forms: Vec<SignatureForm>,
        /// Each of them.
        made: Vec<Vec<u8>>,
        /// Whether what they are checked with is wanted.
        validation: Validation,
    },
}

/// Accepts a request; the name under which its result is fetched, which is the same for the same request. When this returns it is durable, and
/// will be worked on.
pub(crate) async fn accept(
    signer: &Signer,
    caller: &Caller,
    request: Request,
    levels: Option<(Vec<Level>, Validation)>,
    validity_ms: i64,
) -> Result<String, Error> {
    let (authorisation, secret) = signing::covering(signer, caller, &request).await?;
    let now = signer.clock.now();
    let documents = kept(&request, levels.as_ref())?;
    let id = name(caller, &request, &authorisation.authorisation_id, (documents.as_slice(), validity_ms));
    let row = JobRow {
        job_id: id.stored(),
        kind: caller.kind.to_string(),
        subject: caller.subject.clone(),
        client: caller.client.to_string(),
        session: caller.session.clone(),
        authorisation_id: authorisation.authorisation_id.clone(),
        credential_id: request.credential.clone(),
        octets: i64::try_from(documents.len()).unwrap_or(i64::MAX),
        documents,
        state: State::Waiting,
        refusal: None,
        tries: 0,
        created_at: now,
        expires_at: Millis(now.0 + validity_ms),
    };
    let stored = row.clone();
    let done: Result<Accepted, Error> = signer
        .db
        .write(move |tx| {
            Box::pin(async move {
                // What was accepted is signed whatever ends by itself meanwhile, so it was open when it was accepted, and by this secret.
                authorisations::still_open(tx, &authorisation, secret.as_deref(), now).await?;
                if jobs::is_kept(tx, &stored.job_id, now).await? {
                    return Ok(Accepted::Before);
                }
                let (count, octets) = jobs::share(tx, &stored.client, &stored.subject).await?;
                if count >= MOST || octets + stored.octets > MOST_OCTETS {
                    return Ok(Accepted::Not);
                }
                jobs::insert(tx, &stored).await?;
                Ok(Accepted::Now)
            })
        })
        .await;
    match done? {
        Accepted::Not => return Err(Error::ShareTaken),
        Accepted::Before => {}
        Accepted::Now => {
            let signer = signer.clone();
            tokio::spawn(async move { work(&signer, row).await });
        }
    }
    Ok(id.text())
}

/// Whether a request was accepted.
enum Accepted {
    Now,
    /// The same one is kept.
    Before,
    /// Its client has as much as it may.
    Not,
}

/// The name of a request: a hash of all that it says. Who knows it learns nothing by it, for it is answered to its client and person alone.
fn name(
    caller: &Caller,
    request: &Request,
    authorisation: &AuthorisationId,
    (documents, validity_ms): (&[u8], i64),
) -> Token {
    let text = json!([
        "lanyard-job-1",
        caller.client.as_str(),
        caller.subject,
        authorisation.as_str(),
        request.credential.as_str(),
        Digest::of(documents).to_base64(),
        validity_ms,
    ]);
    Token::made_of(Digest::of(text.to_string().as_bytes()).0)
}

fn kept(request: &Request, levels: Option<&(Vec<Level>, Validation)>) -> Result<Vec<u8>, Error> {
    let all: Vec<Kept> = request
        .documents
        .iter()
        .enumerate()
        .map(|(place, document)| Kept {
            digest: document.digest.to_base64(),
            message_digest: STANDARD.encode(&document.message_digest),
            form: document.form,
            algorithm: document.algorithm.name().to_owned(),
            level: levels.and_then(|(levels, _)| levels.get(place)).map(|level| level.name().to_owned()),
            validation: levels.is_some_and(|(_, validation)| *validation == Validation::Wanted),
            content: document.content.as_ref().map(|content| STANDARD.encode(content)),
        })
        .collect();
    serde_json::to_vec(&all).map_err(|_| Error::StoredRow { what: "job" })
}

/// A job, read back.
struct Job {
    caller: Caller,
    request: Request,
    levels: Option<Vec<Level>>,
    validation: Validation,
}

fn read(row: &JobRow) -> Result<Job, Error> {
    let bad = || Error::StoredRow { what: "job" };
    let all: Vec<Kept> = serde_json::from_slice(&row.documents).map_err(|_| bad())?;
    let kind = match row.kind.as_str() {
        "person" => CallerKind::Person,
        "system" => CallerKind::System,
        "module" => CallerKind::Module,
        _ => return Err(bad()),
    };
    // Whoever it was could do this when it was accepted, and what the signatures rest on is looked at when they are stored.
    let client = row.client.parse().map_err(|_| bad())?;
    let mut caller = Caller::new(kind, row.subject.clone(), client, [SIGN.0]);
    caller.session.clone_from(&row.session);
    let levels: Option<Vec<Level>> =
        all.iter().map(|kept| kept.level.as_deref().and_then(Level::called)).collect();
    let wanted = all.iter().any(|kept| kept.validation);
    let validation = if wanted { Validation::Wanted } else { Validation::Unwanted };
    let document = |kept: Kept| {
        let decode = |text: &str| STANDARD.decode(text).map_err(|_| bad());
        let digest: [u8; 32] = decode(&kept.digest)?.try_into().map_err(|_| bad())?;
        Ok(Document {
            digest: Digest(digest),
            message_digest: decode(&kept.message_digest)?,
            form: kept.form,
            algorithm: Algorithm::called_of_hash(&kept.algorithm).ok_or_else(bad)?,
            content: kept.content.as_deref().map(decode).transpose()?,
        })
    };
    let documents = all.into_iter().map(document).collect::<Result<_, Error>>()?;
    let authorisation = row.authorisation_id.clone();
    let shown = match row.state {
        // It was accepted in time, and is finished though the authorisation ended by itself meanwhile.
        State::Waiting => Shown::Accepted { authorisation, job: row.job_id.clone() },
        State::Tried => Shown::Authorisation(authorisation),
    };
    let request = Request { credential: row.credential_id.clone(), shown, documents };
    Ok(Job { caller, request, levels, validation })
}

/// What came of working on a job.
enum Worked {
    /// It was tried to the end.
    Done,
    /// Its failure may pass.
    Failed,
    /// Its client has as much under way as it may; it needs a share of so many.
    NoRoom(Sharer, usize),
}

/// Works on a job that was just accepted. It waits for its client's share, outside of the places in which others work meanwhile.
async fn work(signer: &Signer, row: JobRow) {
    let mut rounds = 1..ROUNDS;
    loop {
        match in_place(signer, &row).await {
            Worked::Done => return,
            Worked::NoRoom(sharer, calls) if rounds.next().is_some() => {
                signer.under_way.room_in_time(&sharer, calls).await;
            }
            Worked::Failed | Worked::NoRoom(..) => break,
        }
    }
    put_off(signer, &row).await;
}

/// Works on a job that was left; where its failure may pass, others are taken up before it is again.
async fn take_up(signer: &Signer, row: JobRow) {
    match in_place(signer, &row).await {
        Worked::Done => {}
        Worked::Failed | Worked::NoRoom(..) => put_off(signer, &row).await,
    }
}

/// Works on a job once, when there is a place for it. It is read again then: while it waited for the place, or for its share, another process may have
/// finished it, or somebody ended it.
async fn in_place(signer: &Signer, row: &JobRow) -> Worked {
    // Nobody closes it.
    let _place = signer.working.acquire().await;
    match jobs::find(signer.db.read(), &row.job_id, signer.clock.now()).await {
        Ok(Some(row)) if row.state == State::Waiting => work_once(signer, &row).await,
        Ok(_) => Worked::Done,
        Err(error) => {
            tracing::warn!(%error, "what was to be signed later could not be read: {error}");
            Worked::Failed
        }
    }
}

/// Has others taken up before a job, each time for twice as long.
async fn put_off(signer: &Signer, row: &JobRow) {
    let longer = u32::try_from(row.tries).unwrap_or(LONGEST).min(LONGEST);
    let until = Millis(signer.clock.now().0 + (LEFT_MS << longer));
    let id = row.job_id.clone();
    let done: Result<(), Error> =
        signer.db.write(move |tx| Box::pin(async move { jobs::put_off(tx, &id, until).await })).await;
    if let Err(error) = done {
        tracing::warn!(%error, "that something could not be signed yet could not be noted: {error}");
    }
}

/// Whether a refusal is none for good: a hold is lifted, and what changed under way is looked at as it is from then on.
fn passes(error: &Error) -> bool {
    matches!(error, Error::CertificateSuspended | Error::CredentialChanged | Error::CertificateChanged)
}

/// Works on a job once; one whose failure may pass is left.
async fn work_once(signer: &Signer, row: &JobRow) -> Worked {
    let mut share = None;
    let tried = match read(row) {
        Ok(job) => {
            share = Some((Sharer::from(&job.caller), hsm::calls(job.request.documents.len())));
            signing::sign(signer, &job.caller, job.request).await.map(drop)
        }
        Err(error) => Err(error),
    };
    if let Err(error) = &tried {
        tracing::warn!(%error, client = row.client, "what was to be signed later is not signed: {error}");
        let may_pass = !error.is_refusal() || passes(error);
        if may_pass && !matches!(error, Error::Parameter(_)) {
            return match share.filter(|_| matches!(error, Error::ShareTaken)) {
                Some((sharer, calls)) => Worked::NoRoom(sharer, calls),
                None => Worked::Failed,
            };
        }
    }
    let id = row.job_id.clone();
    let refused = tried.as_ref().err().and_then(Refused::of);
    let refusal = refused.and_then(|refused| serde_json::to_string(&refused).ok());
    let done: Result<(), Error> = signer
        .db
        .write(move |tx| Box::pin(async move { jobs::tried(tx, &id, refusal.as_deref()).await }))
        .await;
    if let Err(error) = done {
        tracing::warn!(%error, "that something was signed could not be noted: {error}");
    }
    Worked::Done
}

/// What became of a job of this client and person. Its signatures are those of the ledger; one that failed is tried once more, so that the
/// answer says why.
pub(crate) async fn poll(signer: &Signer, caller: &Caller, id: &str) -> Result<Polled, Error> {
    caller.may(SIGN).map_err(Error::Caller)?;
    let unknown = || Error::from(Parameter::Invalid("requestID"));
    let id = Token::parse(id).ok_or_else(unknown)?.stored();
    let found = jobs::find(signer.db.read(), &id, signer.clock.now()).await?;
    let theirs = |row: &JobRow| row.client == caller.client.as_str() && row.subject == caller.subject;
    let mut row = found.filter(theirs).ok_or_else(unknown)?;
    let is_left = row.state == State::Waiting && signer.clock.now().0 >= row.created_at.0 + LEFT_MS;
    if is_left && let Ok(_place) = signer.working.try_acquire() {
        // Whoever asks tries it by asking: the sweep has its own turns.
        let _worked = work_once(signer, &row).await;
        row = jobs::find(signer.db.read(), &id, signer.clock.now()).await?.ok_or_else(unknown)?;
    }
    if row.state == State::Waiting {
        return Ok(Polled::Waiting);
    }
    // What its author might not sign when it was its turn is not signed later, by the same authorisation or by asking often.
    if let Some(refusal) = &row.refusal {
        let refused =
            serde_json::from_str::<Refused>(refusal).map_err(|_| Error::StoredRow { what: "job" })?;
        return Err(refused.into_error());
    }
    let Job { caller, request, levels, validation } = read(&row)?;
    let about: Vec<_> = request
        .documents
        .iter()
        .map(|one| (one.form, one.algorithm.hash(), one.message_digest.clone()))
        .collect();
    let (made, _share) = signing::sign_and_hold(signer, &caller, request).await?;
    let Some(levels) = levels else { return Ok(Polled::Hashes(made)) };
    let forms = about.iter().map(|(form, ..)| *form).collect();
    let made = made.into_iter().zip(about).zip(levels);
    let made = made.map(|((cms, (_, hash, digest)), level)| Signed { cms, level, hash, digest }).collect();
    // The same for as long as its answer is kept.
    let made = cades::raise(signer, &Sharer::from(&caller), made, Until::Then(row.expires_at)).await?;
    Ok(Polled::Documents { forms, made, validation })
}

impl Signer {
    /// Takes up what no process has finished, and erases what is kept no more.
    pub async fn sweep_jobs(&self) -> Result<(), Error> {
        let now = self.clock.now();
        self.db.write(move |tx| Box::pin(async move { jobs::erase(tx, now, TAKEN_UP * 8).await })).await?;
        for _ in 0..STEPS {
            let rows = jobs::left(self.db.read(), (Millis(now.0 - LEFT_MS), now), TAKEN_UP).await?;
            let all = i64::try_from(rows.len()).is_ok_and(|count| count < TAKEN_UP);
            // Dropped, these stop; what they were at is then left as it was.
            let mut under_way = JoinSet::new();
            for row in rows {
                let signer = self.clone();
                under_way.spawn(async move { take_up(&signer, row).await });
            }
            while under_way.join_next().await.is_some() {}
            if all {
                break;
            }
        }
        Ok(())
    }
}
