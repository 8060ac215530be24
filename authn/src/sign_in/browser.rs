//! The cookie that binds a waiting request to the browser that began it.
//!
//! Each request has its own, named after it, so that none takes the place of another: a browser that comes from another site
//! with a form keeps its cookies to itself, and would be given a new one. The latest few are kept, the oldest go.

use std::time::Duration;

use http::HeaderMap;
use subtle::ConstantTimeEq as _;

use crate::interaction::InteractionId;
use crate::secret::Secret;
use crate::session::{Cookie, pairs, presented};

/// With what its name begins; the id of the request follows. `__Host-`: no other host can set it.
const PREFIX: &str = "__Host-lanyard-interaction-";
/// How many requests one browser can have under way, so that nobody fills its cookies up.
const MOST: usize = 8;

fn name(interaction: &InteractionId) -> String {
    format!("{PREFIX}{interaction}")
}

/// Makes a browser hold the secret of a request for as long as that waits.
pub(crate) fn holding(interaction: &InteractionId, secret: &Secret, waits: Duration) -> Cookie {
    let seconds = u32::try_from(waits.as_secs()).unwrap_or(u32::MAX);
    Cookie::secret_for(name(interaction), secret, seconds)
}

/// Takes the secret of a request that is answered away.
pub(crate) fn answered(interaction: &InteractionId) -> Cookie {
    Cookie::gone(name(interaction))
}

/// Whether a browser began a request whose row has this hash.
pub(crate) fn began(headers: &HeaderMap, interaction: &InteractionId, stored: &str) -> bool {
    let held = presented(headers, &name(interaction)).and_then(Secret::parse);
    held.is_some_and(|held| bool::from(held.stored().as_bytes().ct_eq(stored.as_bytes())))
}

/// Takes the oldest away where a browser has more under way than it may, so that one more has room.
pub(crate) fn oldest(headers: &HeaderMap) -> Vec<Cookie> {
    // What follows is an id, or the cookie is none of ours.
    let ids = pairs(headers).filter_map(|(name, _)| name.strip_prefix(PREFIX)?.parse::<InteractionId>().ok());
    let mut ids: Vec<String> = ids.map(|id| id.to_string()).collect();
    // Ids sort by the time of their making.
    ids.sort_unstable();
    ids.dedup();
    let many = (ids.len() + 1).saturating_sub(MOST);
    ids.iter().take(many).map(|id| Cookie::gone(format!("{PREFIX}{id}"))).collect()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use http::{HeaderValue, header};
    use platform::clock::Millis;

    use super::*;

    /// A request is its browser's by the cookie of its own name, not by another's, a wrong one, or two of them.
    #[test]
    fn each_request_has_its_own() {
        let random = SystemRandom::new();
        let (one, two) = (InteractionId::new(Millis(1)), InteractionId::new(Millis(2)));
        let (first, second) = (Secret::generate(&random).unwrap(), Secret::generate(&random).unwrap());
        let held = |pairs: &[(&InteractionId, &Secret)]| {
            let mut headers = HeaderMap::new();
            for (id, secret) in pairs {
                let pair = format!("{}={}", name(id), &*secret.text());
                headers.append(header::COOKIE, HeaderValue::try_from(pair).unwrap());
            }
            headers
        };
        let both = held(&[(&one, &first), (&two, &second)]);
        assert!(began(&both, &one, &first.stored()) && began(&both, &two, &second.stored()));
        assert!(!began(&both, &one, &second.stored()));
        assert!(!began(&held(&[(&two, &first)]), &one, &first.stored()));
        assert!(!began(&held(&[(&one, &first), (&one, &second)]), &one, &first.stored()));
        assert!(!began(&HeaderMap::new(), &one, &first.stored()));
    }

    /// The oldest go when there are more than a browser may have; what only looks like one of ours is not touched.
    #[test]
    fn the_oldest_go() {
        let ids: Vec<InteractionId> = (1..=9).map(|at| InteractionId::new(Millis(at))).collect();
        let headers = |ids: &[InteractionId]| {
            let mut pairs: Vec<String> = ids.iter().rev().map(|id| format!("{}=x", name(id))).collect();
            pairs.push(format!("{PREFIX}other=x"));
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, HeaderValue::try_from(pairs.join("; ")).unwrap());
            headers
        };
        assert_eq!(oldest(&headers(&ids[..7])).len(), 0);
        let gone: Vec<String> = oldest(&headers(&ids))
            .iter()
            .map(|cookie| cookie.field().unwrap().to_str().unwrap().split('=').next().unwrap().to_owned())
            .collect();
        assert_eq!(gone, [name(&ids[0]), name(&ids[1])]);
    }
}
