//! Calling the servers of relying parties: over https, never where they redirect to, and only into networks that were written down.
//!
//! A name is resolved once; of its addresses those outside are dropped, and the connection goes to one that passed, so that no second
//! answer of a name server changes where it goes.

use std::error::Error as StdError;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use platform::network::Reach;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, RequestBuilder};
use url::{Host, Url};

use crate::config::Config;
use crate::error::Error;

/// How long connecting to a relying party may take.
const CONNECT: Duration = Duration::from_secs(3);
/// How long a call to one may take in all.
pub(crate) const CALL: Duration = Duration::from_secs(8);

/// What calls relying parties.
pub(crate) struct Outward {
    client: Client,
    reach: Reach,
}

/// An address leads nowhere that this server connects to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the address leads into no network of authn.networks")]
pub(crate) struct Outside;

impl Outward {
    /// As the configuration says.
    pub(crate) fn open(config: &Config) -> Result<Self, Error> {
        let reach = Reach::of(&config.networks);
        let mut builder = Client::builder()
            .https_only(true)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .dns_resolver(Inside(reach.clone()))
            .connect_timeout(CONNECT)
            .timeout(CALL)
            .pool_idle_timeout(Duration::from_secs(30));
        if let Some(file) = &config.anchors {
            let mut anchors = Vec::new();
            for certificate in platform::tls::certificates(file)? {
                anchors.push(reqwest::Certificate::from_der(&certificate).map_err(Error::Caller)?);
            }
            builder = builder.tls_certs_merge(anchors);
        }
        Ok(Self { client: builder.build().map_err(Error::Caller)?, reach })
    }

    /// Begins to read what is there.
    pub(crate) fn get(&self, uri: &str) -> Result<RequestBuilder, Outside> {
        self.admits(uri)?;
        Ok(self.client.get(uri))
    }

    /// Begins to send something there.
    pub(crate) fn post(&self, uri: &str) -> Result<RequestBuilder, Outside> {
        self.admits(uri)?;
        Ok(self.client.post(uri))
    }

    /// An address that is written as such is resolved by nobody.
    fn admits(&self, uri: &str) -> Result<(), Outside> {
        let address = match Url::parse(uri).ok().as_ref().and_then(Url::host) {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(_)) => return Ok(()),
            None => return Err(Outside),
        };
        if self.reach.admits(address) { Ok(()) } else { Err(Outside) }
    }
}

/// Resolves names to addresses that may be connected to.
struct Inside(Reach);

impl Resolve for Inside {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let inside: Vec<SocketAddr> = found.filter(|address| reach.admits(address.ip())).collect();
            if inside.is_empty() {
                tracing::warn!(
                    name = name.as_str(),
                    "a relying party's address leads into no network of authn.networks"
                );
                return Err(Box::new(Outside) as Box<dyn StdError + Send + Sync>);
            }
            Ok(Box::new(inside.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outward(networks: &[&str]) -> Outward {
        platform::tls::install_crypto_provider();
        let mut config = Config::new("https://id.example.org");
        config.networks = networks.iter().map(|network| network.parse().unwrap()).collect();
        Outward::open(&config).unwrap()
    }

    /// An address of this machine or of a site is not called, in no spelling, and neither is a name that leads there.
    #[tokio::test]
    async fn nothing_leads_inside() {
        let outward_public = outward(&[]);
        for uri in [
            "https://127.0.0.1/jwks",
            "https://2130706433/jwks",
            "https://0x7f.1/jwks",
            "https://[::1]/jwks",
            "https://[::ffff:10.0.0.1]/jwks",
            "https://169.254.169.254/latest",
            "https://10.1.2.3:8443/jwks",
        ] {
            assert_eq!(outward_public.get(uri).err(), Some(Outside), "{uri}");
            assert!(outward_public.post(uri).is_err(), "{uri}");
        }
        let error = outward_public.get("https://localhost:1/jwks").unwrap().send().await.unwrap_err();
        let mut cause: Option<&(dyn StdError + 'static)> = Some(&error);
        let mut said = String::new();
        while let Some(error) = cause {
            said.extend([error.to_string().as_str(), "; "]);
            cause = error.source();
        }
        assert!(said.contains("no network of authn.networks"), "{said}");
        assert!(outward(&["10.0.0.0/8"]).get("https://10.1.2.3/jwks").is_ok());
        assert!(outward(&["10.0.0.0/8"]).get("https://192.0.1.1/jwks").is_err(), "nowhere else");
    }
}
