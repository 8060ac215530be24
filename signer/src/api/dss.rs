//! Wire types of the Digital Signature Service.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// The word of an application for its request.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct StateQuery {
    /// It comes back with the browser, as it is.
    pub state: String,
}

/// A request waits for its person.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SigningRequested {
    /// Under this the signatures are fetched.
    pub token: String,
    /// Where the browser is to be sent.
    pub redirect_uri: String,
}

/// The signatures of a request.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct SigningResponse {
    /// One for each document.
    pub signatures: Vec<SignedPayload>,
    /// The certificate of all of them, base64 of its DER.
    pub certificate: String,
}

/// A signature.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct SignedPayload {
    /// The application's name for the document.
    pub id: String,
    /// The signature value, base64.
    pub signature: String,
}

/// Which program answers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Ping {
    /// Its version.
    pub version: String,
    /// The revision of the API that it speaks.
    pub revision: String,
}

/// How the service is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// `pass`, or `fail` where nothing can be signed now.
    pub status: String,
    /// Its version.
    pub version: String,
}
