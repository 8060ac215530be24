//! `/ca/cards/{card}/replacements`

use axum::extract::State;
use platform::problem::{Body, Problem};
use platform::web::Path;

use super::headers::{IfMatch, Posted};
use crate::api::{ErrandInfo, ReplaceCard};
use crate::cards::{Answer, Cards};

/// Replaces a card that somebody has: it is cancelled for a reason, its certificates are revoked, and another card is kept for its
/// holder and its issue begun, in one act. The answer is the errand that issues the new one: ask for a ticket.
#[utoipa::path(
    post, path = "/ca/cards/{card}/replacements", tag = "cards",
    params(("card" = String, Path, description = "The id of the card that ends"),
           ("if-match" = String, Header, description = "The ETag of its last read"),
           ("idempotency-key" = String, Header, description = "A new one for each new request")),
    request_body(content = ReplaceCard, example = json!({"by": "0199…", "reason": "damaged"})),
    responses(
        (status = 201, description = "The errand that issues the new card, begun now or by the same request before", body = ErrandInfo),
        (status = 400, description = "The request is refused", body = Body),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 404, description = "There is no such card", body = Body),
        (status = 409, description = "The state of one of the cards does not allow it, or nobody has the old one", body = Body),
        (status = 412, description = "The card was changed since", body = Body),
        (status = 428, description = "If-Match is missing", body = Body),
    )
)]
pub(super) async fn create(
    State(cards): State<Cards>,
    Path(card): Path<String>,
    IfMatch(expected): IfMatch,
    Posted { caller, once, body }: Posted<ReplaceCard>,
) -> Result<Answer, Problem> {
    Ok(cards.replace(&caller, &card, expected, once, body).await?)
}
