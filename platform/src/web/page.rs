//! What keeps a page ours, whichever module shows it.

use axum::response::Response;
use http::{HeaderName, HeaderValue, header};

/// What a page may do: show our own style, run our own script, speak to us. It says nothing of where its forms lead, because
/// browsers hold that against the application to which the last answer sends them; whatever is put into a page is escaped.
pub const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                          base-uri 'none'; frame-ancestors 'none'";

/// Puts around an answer what keeps a page ours: in no frame, in no cache, and its address told to nobody. The origin is told: by
/// it we know our own pages.
pub fn sealed(mut response: Response) -> Response {
    let fields = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "strict-origin"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (
            HeaderName::from_static("permissions-policy"),
            "publickey-credentials-get=(self), camera=(), microphone=()",
        ),
    ];
    for (name, value) in fields {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
