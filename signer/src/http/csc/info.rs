//! `info` (11.1), and methods that are not spoken.

use axum::extract::State;
use axum::http::StatusCode;
use platform::web::Json;

use super::CscAnswer;
use crate::api::{Info, InfoRequest, SignAlgorithms, SignatureFormats};
use crate::cades::Level;
use crate::http::logo;
use crate::signer::Signer;
use crate::suite;

/// What this service is and does. Anybody may ask.
#[utoipa::path(post, path = "/csc/v2/info", tag = "csc", request_body = InfoRequest,
    responses((status = 200, body = Info)))]
pub(crate) async fn info(State(signer): State<Signer>) -> Json<Info> {
    let strings = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
    Json(Info {
        specs: "2.0.0.0".to_owned(),
        name: signer.config.name.clone(),
        logo: logo::address(&signer),
        region: signer.config.region.clone(),
        lang: "en-GB".to_owned(),
        description: signer.config.description.clone(),
        auth_type: auth_types(&signer),
        oauth2_issuer: signer.sign_in.as_ref().map(|sign_in| sign_in.origin.clone()),
        asynchronous_operation_mode: true,
        methods: methods(&signer),
        validation_info: true,
        sign_algorithms: SignAlgorithms { algos: suite::sign_algorithms() },
        signature_formats: SignatureFormats {
            formats: strings(&["C"]),
            envelope_properties: vec![strings(&["Detached", "Attached"])],
        },
        conformance_levels: levels(&signer),
    })
}

/// By certificate always, by access token where people sign in.
pub(super) fn auth_types(signer: &Signer) -> Vec<String> {
    let all = [Some("TLS"), signer.sign_in.as_ref().map(|_| "oauth2code")];
    all.into_iter().flatten().map(str::to_owned).collect()
}

/// What works here: some of it needs people to sign in, some time-stamps.
fn methods(signer: &Signer) -> Vec<String> {
    const ALWAYS: [&str; 8] = [
        "info",
        "credentials/list",
        "credentials/info",
        "credentials/authorize",
        "credentials/extendTransaction",
        "signatures/signHash",
        "signatures/signDoc",
        "signatures/signPolling",
    ];
    const SIGNED_IN: [&str; 6] = [
        "credentials/authorizeCheck",
        "credentials/getChallenge",
        "oauth2/authorize",
        "oauth2/pushed_authorize",
        "oauth2/token",
        "oauth2/revoke",
    ];
    let signed_in = if signer.sign_in.is_some() { &SIGNED_IN[..] } else { &[] };
    let stamps = if signer.config.time_stamps.is_some() { &["signatures/timestamp"][..] } else { &[] };
    [&ALWAYS[..], signed_in, stamps].concat().into_iter().map(str::to_owned).collect()
}

/// Those above B-B need time-stamps.
fn levels(signer: &Signer) -> Vec<String> {
    let most = if signer.config.time_stamps.is_some() { Level::Lta } else { Level::B };
    Level::NAMES.iter().filter(|(_, level)| *level <= most).map(|(name, _)| (*name).to_owned()).collect()
}

/// 10.1: 501 for a method that is not implemented.
pub(crate) async fn not_implemented() -> CscAnswer {
    CscAnswer::new(StatusCode::NOT_IMPLEMENTED, "invalid_request", "This method is not implemented")
}
