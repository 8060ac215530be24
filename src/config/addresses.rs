//! The addresses under which others know an installation.

use std::net::IpAddr;

use super::Config;

impl Config {
    /// Each address that others keep, or that stands in what is issued, under the name of its setting.
    pub fn addresses(&self) -> Vec<(&'static str, &str)> {
        let acme = self.ca.acme.as_ref().map(|acme| ("ca.acme.url", acme.url.as_str()));
        let issuer = self.authn.as_ref().map(|authn| ("authn.issuer", authn.issuer.as_str()));
        let cards = self.authn.as_ref().and_then(|authn| authn.cards_origin.as_deref());
        let certificates = [
            ("ca.public_url", self.ca.public_url.as_str()),
            ("ca.practice_statement", self.ca.practice_statement.as_str()),
        ];
        let mut all = certificates.to_vec();
        all.extend(acme);
        all.extend(issuer);
        all.extend(cards.map(|origin| ("authn.cards_origin", origin)));
        all.push(("audit.origin", self.audit.origin.as_str()));
        all
    }
}

/// The host of an address, with or without a scheme before it.
pub fn host(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let place = rest.split('/').next().unwrap_or_default();
    match place.strip_prefix('[') {
        Some(literal) => literal.split(']').next().unwrap_or_default(),
        None => place.split(':').next().unwrap_or_default(),
    }
}

/// Whether a host is this machine alone, whoever asks.
pub fn is_loopback(host: &str) -> bool {
    let named = host == "localhost" || host.ends_with(".localhost");
    named || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A host name as it may stand in every address: `localhost`, or a fully qualified one, in small letters.
pub fn host_name(text: &str) -> Result<String, String> {
    let name = text.to_ascii_lowercase();
    // RFC 1123 2.1
    let fits = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let qualified = name.len() <= 253 && name.contains('.') && name.split('.').all(fits);
    let number = |label: &str| label.chars().all(|c| c.is_ascii_digit());
    if name == "localhost" || (qualified && !name.rsplit('.').next().is_some_and(number)) {
        return Ok(name);
    }
    Err("this is not a fully qualified host name such as care.example.org".to_owned())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Template;

    /// One name is in every address of a new configuration; by default each is this machine.
    #[test]
    fn one_name_is_in_every_address() {
        let hosts = |name: &str| {
            let text = Template { host: name.to_owned(), ..Template::example() }.render();
            let config = Config::parse(&text, Path::new("/etc/lanyard/lanyard.toml")).unwrap();
            config.addresses().into_iter().map(|(_, address)| host(address).to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(hosts("care.example"), ["care.example"; 6]);
        let usual = hosts("localhost");
        assert_eq!(usual.len(), 6);
        assert!(usual.iter().all(|host| is_loopback(host)), "{usual:?}");
    }

    /// Hosts are found in addresses of every kind.
    #[test]
    fn hosts_are_found() {
        for (address, expected, loopback) in [
            ("https://id.example:8443", "id.example", false),
            ("http://127.0.0.1:8080/cps", "127.0.0.1", true),
            ("https://[::1]:8443/", "::1", true),
            ("https://[2001:db8::1]", "2001:db8::1", false),
            ("localhost/lanyard", "localhost", true),
            ("https://a.localhost", "a.localhost", true),
            ("https://localhost.example", "localhost.example", false),
        ] {
            assert_eq!((host(address), is_loopback(host(address))), (expected, loopback), "{address}");
        }
    }

    /// What is no name of a host in DNS is refused, and capitals are written small.
    #[test]
    fn names_are_names() {
        for (text, name) in [
            ("care.example", "care.example"),
            ("Care.Example.ORG", "care.example.org"),
            ("localhost", "localhost"),
            ("xn--caf-dma.example", "xn--caf-dma.example"),
        ] {
            assert_eq!(host_name(text).as_deref(), Ok(name));
        }
        let long = format!("{}.example", "a".repeat(64));
        for wrong in [
            "",
            "care",
            "care.example.",
            ".example",
            "-a.example",
            "a-.example",
            "a_b.example",
            "192.0.2.1",
            "a b.example",
            "care.example:8443",
            "https://care.example",
            "café.example",
            long.as_str(),
        ] {
            assert!(host_name(wrong).is_err(), "{wrong}");
        }
    }
}
