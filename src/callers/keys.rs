//! Applications by their key, as the APIs of the national platform take it: the header `apikey`.

use axum::extract::Request;
use axum::http::HeaderName;
use platform::caller::Caller;
use platform::problem::Problem;
use platform::web::{Answer, Onward, PeerAddress, PerAddress, Rate, Step, refused};

use super::{fingerprint, rules};
use crate::config::Clients;

/// Where the key stands.
const HEADER: HeaderName = HeaderName::from_static("apikey");

/// The keys of applications. What is kept of one is its SHA-256: it has 256 bits or more, and is not found by trying.
pub struct Keys {
    clients: Clients,
    /// Counts keys that are nobody's, by address.
    strangers: PerAddress,
}

impl Keys {
    /// The keys of these clients; of others so many from each address.
    pub fn new(clients: Clients, strangers: Rate) -> Self {
        Self { clients, strangers: PerAddress::new(strangers) }
    }

    fn caller(&self, key: &[u8], address: Option<PeerAddress>) -> Result<Caller, Problem> {
        if let Some((id, client)) = self.clients.by_key(&fingerprint(key)) {
            return Ok(rules::of_key(id, client));
        }
        self.strangers.check(address)?;
        Err(Problem::unauthenticated(
            "api-key-unknown",
            "The key in the header apikey is nobody's here. Ask the operator for one.",
        ))
    }
}

/// Puts the [`Caller`] into a request that shows a key where one is taken, unless it is known who asks. A key that is nobody's is
/// answered here.
impl Step for Keys {
    fn take<'a>(&'a self, mut request: Request, onward: Onward<'a>) -> Answer<'a> {
        let is_known = request.extensions().get::<Caller>().is_some();
        if is_known || !directory::takes_api_keys(request.uri().path()) {
            return onward.run(request);
        }
        let Some(key) = request.headers().get(HEADER) else { return onward.run(request) };
        let address = request.extensions().get::<PeerAddress>().copied();
        match self.caller(key.as_bytes(), address) {
            Ok(caller) => {
                request.extensions_mut().insert(caller);
                onward.run(request)
            }
            Err(problem) => refused(problem),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use axum::Router;
    use axum::body::{Body, to_bytes};
    use platform::caller::CallerKind;
    use platform::web::around;
    use tower::ServiceExt as _;

    use super::*;

    const FACE: &str = "/spine-directory/FHIR/R4/Device";

    /// Who asks, as the routes see it.
    async fn seen(request: Request) -> String {
        let caller = request.extensions().get::<Caller>();
        caller.map_or_else(
            || "nobody".to_owned(),
            |one| format!("{} {}", one.client, one.acts.iter().cloned().collect::<Vec<_>>().join(",")),
        )
    }

    fn router(text: &str) -> Router {
        let rate = Rate { per_second: NonZeroU32::MIN, burst: NonZeroU32::MIN };
        let keys = Keys::new(toml::from_str(text).unwrap(), rate);
        around(Router::new().fallback(seen), vec![Box::new(keys)])
    }

    async fn ask(router: &Router, path: &str, key: Option<&str>, known: Option<Caller>) -> (u16, String) {
        let mut request = axum::http::Request::builder().uri(path);
        if let Some(key) = key {
            request = request.header("apikey", key);
        }
        let mut request = request.body(Body::empty()).unwrap();
        request.extensions_mut().insert(PeerAddress("192.0.2.1:1".parse().unwrap()));
        if let Some(caller) = known {
            request.extensions_mut().insert(caller);
        }
        let response = router.clone().oneshot(request).await.unwrap();
        let (status, body) = (response.status().as_u16(), response.into_body());
        (status, String::from_utf8(to_bytes(body, 4096).await.unwrap().to_vec()).unwrap())
    }

    fn sha256(key: &str) -> String {
        hex::encode(fingerprint(key.as_bytes()))
    }

    /// A key makes its application known where keys are taken, and nowhere else; it lets it look things up and do nothing else;
    /// whoever is known by a better proof stays who they are; guesses are counted by address.
    #[tokio::test]
    async fn a_key_says_which_application_asks() {
        let text = format!(
            "[pas]\nacts = [\"directory:look-up\", \"directory:systems\"]\napi_key_sha256 = \"{}\"\n\
             [one]\nacts = [\"directory:look-up\"]\napi_key_sha256 = \"{}\"\n\
             [two]\nacts = [\"directory:look-up\"]\napi_key_sha256 = \"{}\"\n",
            sha256("right"),
            sha256("shared"),
            sha256("shared"),
        );
        let router = router(&text);
        assert_eq!(ask(&router, FACE, Some("right"), None).await, (200, "pas directory:look-up".to_owned()));
        assert_eq!(ask(&router, FACE, None, None).await, (200, "nobody".to_owned()));
        for elsewhere in ["/directory/systems", "/healthcare-worker/FHIR/R4/Practitioner", "/ca/certificates"]
        {
            assert_eq!(ask(&router, elsewhere, Some("right"), None).await.1, "nobody", "{elsewhere}");
        }
        let certified = Caller::new(CallerKind::System, "gp", "gp".parse().unwrap(), ["directory:read"]);
        let known = ask(&router, FACE, Some("right"), Some(certified)).await;
        assert_eq!(known.1, "gp directory:read");
        assert_eq!(ask(&router, FACE, Some("shared"), None).await.0, 401, "a key of two is nobody's");
        let guessed = ask(&router, FACE, Some("guess"), None).await;
        assert_eq!(guessed.0, 429, "the address has guessed once: {}", guessed.1);
        assert_eq!(
            ask(&router, FACE, Some("right"), None).await.0,
            200,
            "who has a key is not counted with them"
        );
    }

    /// A key is for looking things up, and what is kept of it is a digest.
    #[test]
    fn keys_are_for_looking_up() {
        let read = |acts: &str, digest: &str| {
            let text = format!("[pas]\nacts = [\"{acts}\"]\napi_key_sha256 = \"{digest}\"\n");
            toml::from_str::<Clients>(&text).map(drop).map_err(|error| error.to_string())
        };
        assert_eq!(read("directory:look-up", &sha256("right")), Ok(()));
        assert!(read("directory:read", &sha256("right")).unwrap_err().contains("directory:look-up"));
        for bad in ["", "right", &sha256("right")[..62]] {
            assert!(read("directory:look-up", bad).unwrap_err().contains("64 digits"), "{bad}");
        }
    }
}
