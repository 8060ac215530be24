//! Rows of `authn_interaction`, of pushed requests, and of roles that were chosen in a session.

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::ClientId;

use super::{Reader, ceremonies, read};
use crate::api::{SigningDecided, SigningDecision};
use crate::error::Error;
use crate::interaction::{Interaction, InteractionId};
use crate::oidc::AuthorisationRequest;
use crate::oidc::authorise::Coming;

/// A waiting request with what only the protocol needs of it.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    /// What the pages see.
    pub(crate) interaction: Interaction,
    /// What was asked for.
    pub(crate) request: AuthorisationRequest,
    /// SHA-256 of what the browser holds that began it.
    pub(crate) browser: String,
    /// What was decided about what is to be signed, and by whom.
    pub(crate) signed: Option<SigningDecided>,
    /// What its row needs, while it has none.
    pub(crate) coming: Option<Coming>,
}

/// A waiting request as its row has it. The pages need no more; what was asked for is read by [`Row::whole`].
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// What the pages see.
    pub(crate) interaction: Interaction,
    /// SHA-256 of what the browser holds that began it.
    pub(crate) browser: String,
    request: String,
    signed: Option<String>,
}

impl Row {
    /// The same with what was asked for.
    pub(crate) fn whole(self) -> Result<Waiting, Error> {
        let Self { interaction, browser, request, signed } = self;
        let request = serde_json::from_str(&request)
            .map_err(|_| Error::Stored { what: "authn_interaction.request" })?;
        let signed = signed.as_deref().map(decided).transpose()?.flatten();
        Ok(Waiting { interaction, request, browser, signed, coming: None })
    }
}

/// What was decided, and by whom. A decision of before names nobody, so that it counts for nobody, and its person decides again.
fn decided(text: &str) -> Result<Option<SigningDecided>, Error> {
    if serde_json::from_str::<SigningDecision>(text).is_ok() {
        return Ok(None);
    }
    let decided =
        serde_json::from_str(text).map_err(|_| Error::Stored { what: "authn_interaction.signing" })?;
    Ok(Some(decided))
}

type Columns = (String, String, String, String, String, String, i64, i64, Option<String>);

/// Stores a request that waits, which came from this network.
pub(crate) async fn insert(
    tx: &mut Tx,
    waiting: &Waiting,
    secret_hash: &str,
    network: &str,
) -> Result<(), Error> {
    let text =
        |value: Result<String, serde_json::Error>| value.map_err(|_| Error::Stored { what: "a request" });
    let Waiting { interaction, request, browser, .. } = waiting;
    sqlx::query(
        "INSERT INTO authn_interaction (interaction_id, secret_hash, browser_hash, client_id, client_name, request, wanted, \
         state, created_at, expires_at, network) VALUES ($1, $2, $3, $4, $5, $6, $7, 'waiting', $8, $9, $10)",
    )
    .bind(interaction.id.as_str().to_owned())
    .bind(secret_hash.to_owned())
    .bind(browser.clone())
    .bind(interaction.client.as_str().to_owned())
    .bind(interaction.client_name.clone())
    .bind(text(serde_json::to_string(request))?)
    .bind(text(serde_json::to_string(&interaction.wanted))?)
    .bind(interaction.created_at.0)
    .bind(interaction.expires_at.0)
    .bind(network.to_owned())
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// A request that still waits, by the secret in the address.
pub(crate) async fn find<'c>(
    reader: impl Reader<'c>,
    secret_hash: &str,
    now: Millis,
) -> Result<Option<Row>, Error> {
    let row: Option<Columns> = sqlx::query_as(
        "SELECT interaction_id, browser_hash, client_id, client_name, request, wanted, created_at, expires_at, \
         signing FROM authn_interaction WHERE secret_hash = $1 AND state = 'waiting' AND expires_at > $2",
    )
    .bind(secret_hash.to_owned())
    .bind(now.0)
    .fetch_optional(reader)
    .await?;
    let Some((id, browser, client, client_name, request, wanted, created_at, expires_at, signed)) = row
    else {
        return Ok(None);
    };
    let interaction = Interaction {
        id: read("authn_interaction.interaction_id", &id)?,
        client: read("authn_interaction.client_id", &client)?,
        client_name,
        wanted: serde_json::from_str(&wanted)
            .map_err(|_| Error::Stored { what: "authn_interaction.wanted" })?,
        created_at: Millis(created_at),
        expires_at: Millis(expires_at),
    };
    Ok(Some(Row { interaction, browser, request, signed }))
}

/// Writes what a person decided about what they were asked to sign, once. The same decision again is no other one; false where another was
/// made, or the request is over. One of before names nobody, and is no decision.
pub(crate) async fn decide(
    tx: &mut Tx,
    id: &InteractionId,
    decided: &SigningDecided,
    now: Millis,
) -> Result<bool, Error> {
    let text = serde_json::to_string(decided).map_err(Error::json)?;
    let done = sqlx::query(
        "UPDATE authn_interaction SET signing = $2 WHERE interaction_id = $1 AND state = 'waiting' AND expires_at > $3 \
         AND (signing IS NULL OR signing = $2 OR signing LIKE '{\"decision\":%')",
    )
    .bind(id.as_str().to_owned())
    .bind(text)
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Writes that a request that waits wants more than it did.
pub(crate) async fn narrow(tx: &mut Tx, interaction: &Interaction) -> Result<(), Error> {
    let wanted = serde_json::to_string(&interaction.wanted).map_err(Error::json)?;
    sqlx::query("UPDATE authn_interaction SET wanted = $2 WHERE interaction_id = $1 AND state = 'waiting'")
        .bind(interaction.id.as_str().to_owned())
        .bind(wanted)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Takes a request as answered; false if it was answered before. Nobody asks for it any more, so that it is erased. What its person signed
/// in with was taken then; what else was begun for it is worth nothing without it, is over in minutes, and is swept.
pub(crate) async fn settle(tx: &mut Tx, id: &InteractionId) -> Result<bool, Error> {
    let done = sqlx::query("DELETE FROM authn_interaction WHERE interaction_id = $1 AND state = 'waiting'")
        .bind(id.as_str().to_owned())
        .execute(&mut *tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// The same for one that nobody finishes: with what is under way for it.
pub(crate) async fn abandon(tx: &mut Tx, id: &InteractionId) -> Result<bool, Error> {
    let abandoned = settle(tx, id).await?;
    if abandoned {
        ceremonies::erase_of(tx, &[id.as_str().to_owned()]).await?;
    }
    Ok(abandoned)
}

/// Stores the parameters of a request that was pushed.
pub(crate) async fn push(
    tx: &mut Tx,
    uri_hash: &str,
    client: &ClientId,
    parameters: &str,
    expires_at: Millis,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO authn_pushed (uri_hash, client_id, parameters, expires_at) VALUES ($1, $2, $3, $4)",
    )
    .bind(uri_hash.to_owned())
    .bind(client.as_str().to_owned())
    .bind(parameters.to_owned())
    .bind(expires_at.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Takes the parameters of a pushed request, once: they are erased.
pub(crate) async fn take_pushed(
    tx: &mut Tx,
    uri_hash: &str,
    client: &ClientId,
    now: Millis,
) -> Result<Option<String>, Error> {
    let row: Option<(String,)> = sqlx::query_as(
        "DELETE FROM authn_pushed WHERE uri_hash = $1 AND client_id = $2 AND used_at IS NULL AND expires_at > $3 \
         RETURNING parameters",
    )
    .bind(uri_hash.to_owned())
    .bind(client.as_str().to_owned())
    .bind(now.0)
    .fetch_optional(&mut *tx)
    .await?;
    Ok(row.map(|(parameters,)| parameters))
}

/// The role that was chosen in a session.
pub(crate) async fn chosen_role<'c>(reader: impl Reader<'c>, sid: &str) -> Result<Option<String>, Error> {
    let row: Option<(String,)> = sqlx::query_as("SELECT role FROM authn_chosen_role WHERE sid = $1")
        .bind(sid.to_owned())
        .fetch_optional(reader)
        .await?;
    Ok(row.map(|(role,)| role))
}

/// Keeps the role that was chosen in a session.
pub(crate) async fn choose_role(tx: &mut Tx, sid: &str, role: &str, now: Millis) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO authn_chosen_role (sid, role, chosen_at) VALUES ($1, $2, $3) \
         ON CONFLICT (sid) DO UPDATE SET role = excluded.role, chosen_at = excluded.chosen_at",
    )
    .bind(sid.to_owned())
    .bind(role.to_owned())
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use platform::db::Db;

    use super::*;
    use crate::interaction::{Acceptable, Wanted};
    use crate::oidc::request::tests::sample;

    /// A request that waits until ten.
    pub(crate) fn waits(number: i64) -> Waiting {
        let wanted = Wanted {
            acceptable: Acceptable::any_of(&[]),
            fresh_after: Some(Millis(5)),
            login_hint: None,
            ui_locales: vec![],
            role: None,
        };
        Waiting {
            interaction: Interaction {
                id: InteractionId::new(Millis(number)),
                client: "rp".parse().unwrap(),
                client_name: "Practice".to_owned(),
                wanted,
                created_at: Millis(1),
                expires_at: Millis(10),
            },
            request: sample(),
            browser: "browser".to_owned(),
            signed: None,
            coming: None,
        }
    }

    platform::both_engines! {
        /// A request is found by its secret until it is over, and answered once.
        async fn requests_wait(db: Db) {
            let waiting = waits(1);
            let stored = waiting.clone();
            db.write(move |tx| Box::pin(async move { insert(tx, &stored, "secret", "192.0.2.7").await })).await.unwrap();
            let found = find(db.read(), "secret", Millis(9)).await.unwrap().unwrap().whole().unwrap();
            assert_eq!((found.interaction, found.request), (waiting.interaction.clone(), waiting.request));
            assert!(find(db.read(), "secret", Millis(10)).await.unwrap().is_none());
            assert!(find(db.read(), "other", Millis(9)).await.unwrap().is_none());
            let id = waiting.interaction.id.clone();
            let decided = db.write(move |tx| Box::pin(async move {
                let by = |user: &str, decided: &SigningDecision| SigningDecided {
                    user_id: user.to_owned(), decided: decided.clone(),
                };
                let consented = SigningDecision::Consented { authorisation: "a".to_owned(), expires_at: 9 };
                let yes = by("555021942107", &consented);
                Ok::<_, Error>([
                    decide(tx, &id, &yes, Millis(10)).await?,
                    decide(tx, &id, &yes, Millis(9)).await?,
                    decide(tx, &id, &yes, Millis(9)).await?,
                    decide(tx, &id, &by("555021942107", &SigningDecision::Declined), Millis(9)).await?,
                    decide(tx, &id, &by("555021942115", &consented), Millis(9)).await?,
                ])
            })).await.unwrap();
            assert_eq!(decided, [false, true, true, false, false], "in time, once, never otherwise, and by nobody else");
            let found = find(db.read(), "secret", Millis(9)).await.unwrap().unwrap().whole().unwrap();
            let decided = found.signed.unwrap();
            assert!(matches!(decided.decided, SigningDecision::Consented { .. }));
            assert_eq!(decided.user_id, "555021942107");
            let id = waiting.interaction.id;
            let settled = db.write(move |tx| Box::pin(async move {
                Ok::<_, Error>((settle(tx, &id).await?, settle(tx, &id).await?))
            })).await.unwrap();
            assert_eq!(settled, (true, false));
            assert!(find(db.read(), "secret", Millis(9)).await.unwrap().is_none());
        }

        /// What is under way for a request goes with it where nobody finishes it, whatever it is, and nothing of any other. One that is answered
        /// leaves it to the sweep, and is not abandoned after that.
        async fn what_is_under_way_goes_with_its_request(db: Db) {
            let requests = [1, 2, 3].map(waits);
            let ids = requests.each_ref().map(|waiting| waiting.interaction.id.clone());
            let names = |id: &InteractionId| ["sign-in", "card", "card-challenge"].map(|kind| format!("{kind}/{id}"));
            let mut all: Vec<String> = ids.iter().flat_map(names).collect();
            all.push("key/enrolment".to_owned());
            let kept = all.clone();
            let done = db.write(move |tx| Box::pin(async move {
                for (waiting, secret) in requests.iter().zip(["abandoned", "answered", "other"]) {
                    insert(tx, waiting, secret, "192.0.2.7").await?;
                }
                for name in &kept {
                    ceremonies::put(tx, name, None, "state", Millis(10)).await?;
                }
                let [abandoned, answered, _] = &ids;
                Ok::<_, Error>([
                    abandon(tx, abandoned).await?,
                    abandon(tx, abandoned).await?,
                    settle(tx, answered).await?,
                    abandon(tx, answered).await?,
                ])
            })).await.unwrap();
            assert_eq!(done, [true, false, true, false]);
            for (number, name) in all.iter().enumerate() {
                let found = ceremonies::look(db.read(), name, Millis(9)).await.unwrap();
                assert_eq!(found.is_some(), number >= 3, "{name}");
            }
        }

        /// A decision of before, which says nothing of who made it, is none: it is made again, once.
        async fn decisions_of_before_are_none(db: Db) {
            for (number, before) in [
                r#"{"decision":"declined"}"#, r#"{"decision":"consented","authorisation":"a","expires_at":9}"#,
            ].into_iter().enumerate() {
                let waiting = waits(i64::try_from(number).unwrap());
                let (secret, id) = (number.to_string(), waiting.interaction.id.clone());
                let (found, decided) = db.write(move |tx| Box::pin(async move {
                    insert(tx, &waiting, &secret, "192.0.2.7").await?;
                    sqlx::query("UPDATE authn_interaction SET signing = $2 WHERE interaction_id = $1")
                        .bind(id.as_str().to_owned())
                        .bind(before)
                        .execute(&mut *tx)
                        .await?;
                    let found = find(&mut *tx, &secret, Millis(9)).await?.unwrap().whole()?;
                    let by = |user: &str| SigningDecided { user_id: user.to_owned(), decided: SigningDecision::Declined };
                    let decided = [
                        decide(tx, &id, &by("555021942107"), Millis(9)).await?,
                        decide(tx, &id, &by("555021942115"), Millis(9)).await?,
                    ];
                    Ok::<_, Error>((found, decided))
                })).await.unwrap();
                assert_eq!((found.signed, decided), (None, [true, false]), "{before}");
            }
        }

        /// What was pushed is taken once, by its client, in time; of a session the latest role counts.
        async fn pushed_requests_and_roles(db: Db) {
            let (client, other): (ClientId, ClientId) = ("rp".parse().unwrap(), "other".parse().unwrap());
            let taken = db.write(move |tx| Box::pin(async move {
                push(tx, "uri", &client, "a=b", Millis(10)).await?;
                push(tx, "late", &client, "a=b", Millis(5)).await?;
                choose_role(tx, "sid", "1", Millis(1)).await?;
                choose_role(tx, "sid", "2", Millis(2)).await?;
                Ok::<_, Error>((
                    take_pushed(tx, "uri", &other, Millis(6)).await?,
                    take_pushed(tx, "late", &client, Millis(6)).await?,
                    take_pushed(tx, "uri", &client, Millis(6)).await?,
                    take_pushed(tx, "uri", &client, Millis(6)).await?,
                ))
            })).await.unwrap();
            assert_eq!(taken, (None, None, Some("a=b".to_owned()), None));
            assert_eq!(chosen_role(db.read(), "sid").await.unwrap().as_deref(), Some("2"));
            assert_eq!(chosen_role(db.read(), "none").await.unwrap(), None);
        }
    }
}
