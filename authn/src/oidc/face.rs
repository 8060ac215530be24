//! The two faces of one provider: plain paths, and those below the realm that relying parties of CIS2 know.

use serde::{Deserialize, Serialize};

use crate::config::Config;

/// The realm of CIS2.
pub(crate) const REALM: &str = "/openam/oauth2/realms/root/realms/NHSIdentity/realms/Healthcare";

/// Under which paths a relying party speaks to the provider. Where browsers begin under one, codes and refresh tokens are exchanged under
/// the same: the issuer in tokens is that of the request that began, and the other one is another issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Face {
    /// Plain paths.
    Plain,
    /// Those of CIS2.
    Cis2,
}

impl Face {
    /// Its name in rows.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Cis2 => "cis2",
        }
    }

    /// Reads it from a row.
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        [Self::Plain, Self::Cis2].into_iter().find(|face| face.word() == word)
    }

    /// The face whose path this is.
    pub(crate) fn of_path(path: &str) -> Self {
        if path.starts_with(REALM) { Self::Cis2 } else { Self::Plain }
    }
}

/// What a relying party calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// Where browsers are sent.
    Authorise,
    /// Where codes become tokens.
    Token,
    /// Where tokens become claims.
    Userinfo,
    /// Our public keys.
    Keys,
    /// Where browsers sign out.
    EndSession,
    /// What a token is worth.
    Introspect,
    /// Where tokens are given back.
    Revoke,
    /// Where authorisation requests are pushed.
    Push,
}

impl Endpoint {
    /// Every endpoint that takes proof of who the client is.
    const AUTHENTICATED: [Self; 4] = [Self::Token, Self::Introspect, Self::Revoke, Self::Push];

    fn path(self, face: Face) -> &'static str {
        match (self, face) {
            (Self::Authorise, _) => "/authorize",
            (Self::Token, Face::Plain) => "/token",
            (Self::Token, Face::Cis2) => "/access_token",
            (Self::Userinfo, _) => "/userinfo",
            (Self::Keys, Face::Plain) => "/jwks",
            (Self::Keys, Face::Cis2) => "/connect/jwk_uri",
            (Self::EndSession, Face::Plain) => "/end-session",
            (Self::EndSession, Face::Cis2) => "/connect/endSession",
            (Self::Introspect, _) => "/introspect",
            (Self::Revoke, Face::Plain) => "/revoke",
            (Self::Revoke, Face::Cis2) => "/token/revoke",
            (Self::Push, _) => "/par",
        }
    }
}

/// The issuers, and what may stand in the `aud` of an assertion.
#[derive(Debug, Clone)]
pub(crate) struct Faces {
    plain: String,
    cis2: String,
    /// The origin of the port for systems.
    systems: Option<String>,
    audiences: Vec<String>,
}

impl Faces {
    /// As the configuration says. The issuer was checked there.
    pub(crate) fn of(config: &Config) -> Self {
        let plain = config.issuer.clone();
        let base = if config.cis2_port_in_issuer { with_port(&plain) } else { plain.clone() };
        let systems = config.systems_origin.clone();
        let mut faces = Self { plain, cis2: format!("{base}{REALM}"), systems, audiences: Vec::new() };
        for face in [Face::Plain, Face::Cis2] {
            let urls = Endpoint::AUTHENTICATED.into_iter().map(|endpoint| faces.url(face, endpoint));
            let of_systems =
                Endpoint::AUTHENTICATED.into_iter().filter_map(|endpoint| faces.for_systems(face, endpoint));
            for url in urls.chain(of_systems).chain([faces.issuer(face).to_owned()]).collect::<Vec<_>>() {
                faces.audiences.extend([with_port(&url), without_port(&url)]);
            }
        }
        faces.audiences.sort();
        faces.audiences.dedup();
        faces
    }

    /// The issuer.
    pub(crate) fn issuer(&self, face: Face) -> &str {
        match face {
            Face::Plain => &self.plain,
            Face::Cis2 => &self.cis2,
        }
    }

    /// The address of an endpoint, as discovery has it.
    pub(crate) fn url(&self, face: Face, endpoint: Endpoint) -> String {
        format!("{}{}", self.issuer(face), endpoint.path(face))
    }

    /// The address of an endpoint on the port for systems, if that is known. RFC 8705 5.
    pub(crate) fn for_systems(&self, face: Face, endpoint: Endpoint) -> Option<String> {
        let realm = match face {
            Face::Plain => "",
            Face::Cis2 => REALM,
        };
        self.systems.as_ref().map(|origin| format!("{origin}{realm}{}", endpoint.path(face)))
    }

    /// Every origin under which this provider is reached.
    pub(crate) fn origins(&self) -> impl Iterator<Item = &str> {
        [Some(self.plain.as_str()), self.systems.as_deref()].into_iter().flatten()
    }

    /// Whether an assertion is for the issuer itself, in one of its spellings.
    pub(crate) fn is_issuer(&self, audience: &str) -> bool {
        self.face_of(audience).is_some()
    }

    /// Whose issuer this is, in one of its spellings.
    pub(crate) fn face_of(&self, issuer: &str) -> Option<Face> {
        let is_its = |face: &Face| without_port(self.issuer(*face)) == without_port(issuer);
        [Face::Plain, Face::Cis2].into_iter().find(is_its)
    }

    /// Every address under which a path of ours is reached.
    pub(crate) fn addresses(&self, path: &str) -> Vec<String> {
        self.origins().map(|origin| format!("{origin}{path}")).collect()
    }

    /// Whether an assertion with this `aud` is for us: an endpoint or an issuer, with the default port or without it.
    pub(crate) fn is_audience(&self, audience: &str) -> bool {
        self.audiences.iter().any(|ours| ours == audience)
    }

    /// The address that the answer to a wrong `aud` names.
    pub(crate) fn audience(&self) -> String {
        self.url(Face::Plain, Endpoint::Token)
    }
}

/// The same address with the default port said, where no port is.
fn with_port(url: &str) -> String {
    let Some(rest) = url.strip_prefix("https://") else { return url.to_owned() };
    let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let has_port =
        host.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    if has_port { url.to_owned() } else { format!("https://{host}:443{path}") }
}

/// The same address without the default port.
fn without_port(url: &str) -> String {
    let Some(rest) = url.strip_prefix("https://") else { return url.to_owned() };
    let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    format!("https://{}{path}", host.strip_suffix(":443").unwrap_or(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The issuer of CIS2 says its port, discovery of the plain face does not, and both spellings are taken as audience.
    #[test]
    fn faces_have_their_issuers() {
        let faces = Faces::of(&Config::new("https://id.example.org"));
        assert_eq!(faces.issuer(Face::Plain), "https://id.example.org");
        assert_eq!(faces.issuer(Face::Cis2), format!("https://id.example.org:443{REALM}"));
        assert_eq!(
            faces.url(Face::Cis2, Endpoint::Token),
            format!("https://id.example.org:443{REALM}/access_token")
        );
        for audience in [
            "https://id.example.org/token",
            "https://id.example.org:443/token",
            "https://id.example.org",
            &format!("https://id.example.org{REALM}/access_token"),
            &format!("https://id.example.org:443{REALM}/access_token"),
        ] {
            assert!(faces.is_audience(audience), "{audience}");
        }
        for audience in [
            "https://id.example.org:8443/token",
            "https://id.example.org/token/",
            "http://id.example.org/token",
            "",
        ] {
            assert!(!faces.is_audience(audience), "{audience}");
        }
    }

    /// A port that is not the default one stays in every spelling.
    #[test]
    fn other_ports_stay() {
        let faces = Faces::of(&Config::new("https://localhost:8443"));
        assert_eq!(faces.issuer(Face::Cis2), format!("https://localhost:8443{REALM}"));
        assert!(faces.is_audience("https://localhost:8443/token"));
        assert!(!faces.is_audience("https://localhost/token"));
    }
}
