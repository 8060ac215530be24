//! `info` (11.1), and methods that are not spoken.

use axum::extract::State;
use axum::http::StatusCode;
use platform::web::Json;

use super::CscAnswer;
use crate::api::{Info, InfoRequest, SignAlgorithms, SignatureFormats};
use crate::cades::Level;
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
        logo: signer.config.logo.clone(),
        region: signer.config.region.clone(),
        lang: "en-GB".to_owned(),
        description: signer.config.description.clone(),
        auth_type: strings(&["TLS"]),
        asynchronous_operation_mode: false,
        methods: strings(&[
            "info",
            "credentials/list",
            "credentials/info",
            "credentials/authorize",
            "signatures/signHash",
            "signatures/signDoc",
            "signatures/timestamp",
        ]),
        validation_info: false,
        sign_algorithms: SignAlgorithms { algos: suite::sign_algorithms() },
        signature_formats: SignatureFormats {
            formats: strings(&["C"]),
            envelope_properties: vec![strings(&["Detached", "Attached"])],
        },
        conformance_levels: levels(&signer),
    })
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
