//! Whether an application may have documents signed by a person. Every road to a signature asks this and nothing else.

use std::collections::HashSet;

use authn::api::{PolicyQuery, Unseen};
use directory::api::{Day, RoleStanding, has_role_profiles, role_holder};
use platform::clock::Millis;
use platform::problem::Problem;
use serde::{Deserialize, Serialize};

use super::seen::{Content, Document, author_times};
use super::sign::PREPARE_AGAIN;
use crate::error::Error;
use crate::signer::Signer;
use crate::verification::Authorship;

/// Who is to sign, for whom.
pub(crate) struct Who<'a> {
    /// The application.
    pub(crate) client: &'a str,
    /// The person.
    pub(crate) user: &'a str,
    /// What becomes of what nobody can be shown, where the road says so; the registration is asked otherwise.
    pub(crate) unseen: Option<Unseen>,
    /// Whether the road leads over a page.
    pub(crate) page: Page,
}

/// Whether the person is shown what they sign before they do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Page {
    /// On our own page: what of it can be shown.
    Shown,
    /// Nothing of it, whatever was prepared: they give their passphrase elsewhere.
    None,
}

/// Refuses what the application has not shown before, where it may not ask for that, and what somebody else is the author of.
pub(crate) async fn may_have_signed(
    signer: &Signer,
    who: &Who<'_>,
    documents: &[Document],
) -> Result<(), Error> {
    check_seen(signer, who, documents).await?;
    check_authors(signer, documents, who.user).await
}

async fn check_seen(signer: &Signer, who: &Who<'_>, documents: &[Document]) -> Result<(), Error> {
    let is_unseen = |document: &Document| who.page == Page::None || !document.content.is_seen();
    let unseen = documents.iter().position(is_unseen);
    let Some(place) = unseen else { return Ok(()) };
    let policy = match who.unseen {
        Some(policy) => policy,
        None => registered(signer, who.client).await?,
    };
    if policy == Unseen::Told {
        return Ok(());
    }
    let sentence = match who.page {
        Page::Shown => format!(
            "Nobody could be shown document {}: have it prepared by /signer/prescriptions/prepare first.",
            place + 1
        ),
        Page::None => "Nobody is shown anything where a passphrase is enough, and your application may have nothing signed that \
                       was not shown: authorise by presence, or by an access token."
            .to_owned(),
    };
    Err(Error::Dss(Problem::invalid("content-unseen", sentence)))
}

/// What the registration of an application says. Where nobody signs in, none is registered.
async fn registered(signer: &Signer, client: &str) -> Result<Unseen, Error> {
    let Some(sign_in) = &signer.sign_in else { return Ok(Unseen::Told) };
    let query = PolicyQuery { client_id: client.to_owned() };
    let policy = sign_in.client.policy(&query).await.map_err(Error::Dss)?;
    Ok(policy.unseen)
}

/// Nobody signs in another's name, nor in a role that they have no more: where the register knows the role profile of the author, or gives
/// the signer role profiles, it has to be one that the signer has today. An HL7 V3 document that names none is then nobody's.
pub(crate) async fn check_authors(signer: &Signer, documents: &[Document], user: &str) -> Result<(), Error> {
    check_roles(signer, &Authors::of(documents), user).await
}

/// The same of roles.
pub(crate) async fn check_roles(signer: &Signer, authors: &Authors, user: &str) -> Result<(), Error> {
    let today = Day::of(signer.clock.now());
    for (place, role) in &authors.roles {
        if let Some(refusal) = role_refused(signer, role, user, today).await? {
            return Err(refusal.of_document(place + 1));
        }
    }
    Ok(())
}

/// The same of whoever a certificate belongs to, by which the signature is there already. Where nobody knows whose it is, nobody can say that it is not
/// the author's, nor that it is: in a role that the register gives to somebody nothing is put under it.
pub(crate) async fn check_signed(
    signer: &Signer,
    documents: &[Document],
    holder: Option<&str>,
) -> Result<(), Error> {
    if let Some(user) = holder {
        return check_authors(signer, documents, user).await;
    }
    let today = Day::of(signer.clock.now());
    for (place, role) in &Authors::of(documents).roles {
        if role_holder(signer.db.read(), role, today).await?.is_some() {
            let sentence = format!(
                "Nobody here knows whose the certificate is, and the role of the author of document {} is somebody's. Have it signed \
                 again, with a certificate of theirs.",
                place + 1
            );
            return Err(Error::Dss(Problem::conflict("author-unknown", sentence)));
        }
    }
    Ok(())
}

/// In which role profiles documents are written, each with the place of the first that is, and when their authors say that they sign. It is kept with
/// what is authorised: what was prepared may be erased before it is signed.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub(crate) struct Authors {
    roles: Vec<(usize, String)>,
    /// The earliest and the latest of their times.
    times: Option<(Millis, Millis)>,
}

impl Authors {
    /// Those of documents that were seen.
    pub(crate) fn of(documents: &[Document]) -> Self {
        let mut known = HashSet::new();
        let all = documents.iter().enumerate().filter_map(|(place, document)| match &document.content {
            Content::Seen(told) => Some((place, told.author.role_profile.clone())),
            Content::Unseen(_) => None,
        });
        let roles = all.filter(|(_, role)| known.insert(role.clone())).collect();
        Self { roles, times: author_times(documents).min().zip(author_times(documents).max()) }
    }

    /// The times between which all of theirs lie.
    pub(crate) fn times(&self) -> impl Iterator<Item = Millis> {
        self.times.into_iter().flat_map(|(earliest, latest)| [earliest, latest])
    }
}

/// What is kept of a refusal, so that it is told again and never looked at otherwise.
#[derive(Serialize, Deserialize)]
pub(crate) struct Refused {
    code: String,
    sentence: String,
}

impl Refused {
    /// That the author is another, or has the role no more, or that a document is older than the certificate; nothing of any other error.
    pub(crate) fn of(error: &Error) -> Option<Self> {
        match error {
            Error::Dss(problem) if [OTHER, ENDED, PREPARE_AGAIN].contains(&problem.code) => {
                Some(Self { code: problem.code.to_owned(), sentence: problem.detail.clone() })
            }
            _ => None,
        }
    }

    /// The same, to be told.
    pub(crate) fn into_error(self) -> Error {
        Error::Dss(match self.code.as_str() {
            PREPARE_AGAIN => Problem::conflict(PREPARE_AGAIN, self.sentence),
            ENDED => Problem::forbidden(ENDED, self.sentence),
            _ => Problem::forbidden(OTHER, self.sentence),
        })
    }
}

/// The author is somebody else.
const OTHER: &str = "author-other";
/// It is the author's own role, and not today.
const ENDED: &str = "author-role-ended";

/// Whether somebody is the author of what is written in a role: it is theirs for life, also when it has ended. Whether they had it on the day is
/// asked when it is signed, and by the register of that day. That nobody knows who signed says nothing against it, nor for it.
pub(crate) async fn authorship(signer: &Signer, role: &str, user: Option<&str>) -> Result<Authorship, Error> {
    let (db, today) = (signer.db.read(), Day::of(signer.clock.now()));
    let holder = role_holder(db, role, today).await?;
    let Some(user) = user else {
        return Ok(if holder.is_some() { Authorship::Unknown } else { Authorship::Unasked });
    };
    Ok(match holder {
        Some(holder) if holder.user_id == user => Authorship::Signers,
        Some(_) => Authorship::Others,
        None if has_role_profiles(db, user).await? => Authorship::Unknown,
        // Whose roles the register does not know may have them from elsewhere.
        None => Authorship::Unasked,
    })
}

/// Why somebody may not be the author in a role.
enum Refusal {
    /// It is somebody else's.
    Others,
    /// It is theirs, and not today.
    NotNow,
}

impl Refusal {
    fn of_document(self, number: usize) -> Error {
        let (code, sentence) = match self {
            Self::Others => (
                OTHER,
                format!(
                    "The author of document {number} is somebody else than whoever signs: its role profile is none of theirs."
                ),
            ),
            Self::NotNow => (
                ENDED,
                format!(
                    "The role of the author of document {number} has ended, or has not begun. Prepare it again, in a role that \
                     the author has."
                ),
            ),
        };
        Error::Dss(Problem::forbidden(code, sentence))
    }
}

/// Why somebody cannot sign in a role today; nothing where they can.
async fn role_refused(signer: &Signer, role: &str, user: &str, today: Day) -> Result<Option<Refusal>, Error> {
    let db = signer.db.read();
    let Some(holder) = role_holder(db, role, today).await? else {
        // Whose roles the register does not know may have them from elsewhere.
        return Ok(has_role_profiles(db, user).await?.then_some(Refusal::Others));
    };
    if holder.user_id != user {
        return Ok(Some(Refusal::Others));
    }
    Ok((holder.standing == RoleStanding::Idle).then_some(Refusal::NotNow))
}
