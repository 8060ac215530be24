//! Access tokens against the whole server: what a system may by its certificate, a client may by a token that was granted the same.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::callers::issued;
use crate::rig::{Demo, Site, free_ports};

/// The register's changes, and the credentials of somebody who has none.
const CHANGES: &str = "/directory/changes?after=0";
const CREDENTIALS: &str = "/csc/v2/credentials/list";

/// A client without a certificate.
pub(crate) struct Plain {
    http: reqwest::Client,
    base: String,
}

impl Plain {
    pub(crate) fn new(site: &Site, port: u16) -> Self {
        let root = reqwest::Certificate::from_pem(&std::fs::read(site.root()).unwrap()).unwrap();
        let http = reqwest::Client::builder().tls_certs_only([root]).no_proxy().build().unwrap();
        Self { http, base: format!("https://localhost:{}", site.base + port) }
    }

    /// A token of the client for itself, for this.
    pub(crate) async fn token(&self, secret: &str, scope: &str) -> String {
        let body = format!("grant_type=client_credentials&scope={scope}");
        let request =
            self.http.post(format!("{}/token", self.base)).basic_auth("prescriber.app", Some(secret));
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
        let answer: Value =
            serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap();
        answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    async fn asks(&self, request: reqwest::RequestBuilder, token: Option<&str>) -> (u16, String) {
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn changes(&self, token: Option<&str>) -> (u16, String) {
        self.asks(self.http.get(format!("{}{CHANGES}", self.base)), token).await
    }

    /// Asks for a token in the name of another client, whose certificate a token is to pass for.
    async fn passed_off(&self, token: &str) -> (u16, String) {
        let request = self.http.post(format!("{}/token", self.base));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        self.asks(request.body("grant_type=client_credentials&client_id=by-tls"), Some(token)).await
    }

    async fn credentials(&self, token: Option<&str>) -> (u16, String) {
        let body = json!({"userID": "555000000108"}).to_string();
        let request = self.http.post(format!("{}{CREDENTIALS}", self.base));
        self.asks(request.header("content-type", "application/json").body(body), token).await
    }
}

/// On the public port and on that for systems a token opens register and signing as the certificate of a system does, for what it was
/// asked for and no more, and the answers are the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_what_a_certificate_does() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let dir = tempfile::tempdir().unwrap();
    let site = Site { folder: dir.path().join("demo"), base: free_ports() };
    Demo::run_once(&site.folder, site.base);
    let file = site.folder.join("lanyard.toml");
    let mut text = std::fs::read_to_string(&file).unwrap();
    let acts = r#"["authn:clients", "signer:sign", "directory:changes"]"#;
    write!(text, "\n[clients.registrar]\nacts = {acts}\nteam = \"apps\"\n").unwrap();
    std::fs::write(&file, text).unwrap();
    let _demo = Demo::start(&site.folder, site.base);
    let (pair, _) = issued(&site, "registrar", "system-tls-client", None).await;
    let registrar = site.systems(&pair);
    let registration = json!({"config_name": "prescriber.app", "client_config": {
        "client_name": "Prescriber", "token_endpoint_auth_method": "client_secret_basic", "scopes": [],
        "grant_types": ["client_credentials"], "acts": ["signer:sign", "directory:changes"]}});
    let made: Value = registrar.post("/authn/configs/apps", &registration).await.unwrap();
    let secret = made["client_secret"].as_str().unwrap();
    // Another client, which proves who it is by the certificate of a system that has the name of the first.
    let by_tls = json!({"config_name": "by-tls", "client_config": {
        "client_name": "Other", "token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_subject_dn": "CN=prescriber.app",
        "scopes": ["reports"], "grant_types": ["client_credentials"]}});
    let _: Value = registrar.post("/authn/configs/apps", &by_tls).await.unwrap();
    let by_certificate: Value =
        registrar.post(CREDENTIALS, &json!({"userID": "555000000108"})).await.unwrap();
    for port in [0, 1] {
        let client = Plain::new(&site, port);
        let (all, one) = (client.token(secret, "").await, client.token(secret, "directory:changes").await);
        assert_eq!(client.changes(Some(&all)).await.0, 200);
        assert_eq!(client.changes(None).await.0, 401, "without a token");
        let (status, told) = client.passed_off(&all).await;
        assert_eq!(status, 401, "a token is no certificate: {told}");
        let (status, told) = client.credentials(Some(&all)).await;
        assert_eq!((status, serde_json::from_str::<Value>(&told).unwrap()), (200, by_certificate.clone()));
        let (status, told) = client.credentials(Some(&one)).await;
        assert_eq!(status, 403, "it was asked for less: {told}");
        let (status, told) = client.credentials(Some("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")).await;
        assert_eq!(status, 401, "{told}");
        // In the words of the signing API (CSC API v2, 10.1).
        assert_eq!(serde_json::from_str::<Value>(&told).unwrap()["error"], "unauthorized_client");
    }
}
