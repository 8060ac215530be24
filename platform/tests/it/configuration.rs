//! The configuration refuses what it does not know.

use platform::db::{self, Db};
use platform::{Clock, peer, telemetry, web};

/// A mistyped key is refused with its name and line, in every section.
#[test]
fn unknown_keys_are_refused() {
    fn check<T: serde::de::DeserializeOwned>(good: &str, mistyped: &str) {
        assert!(toml::from_str::<T>(good).is_ok(), "{good}");
        let Err(error) = toml::from_str::<T>(&format!("{good}\n{mistyped}")) else {
            panic!("{mistyped} was taken");
        };
        let line = good.lines().count() + 1;
        assert!(error.to_string().contains("unknown field"), "{error}");
        assert!(error.to_string().contains(&format!("line {line}")), "{error}");
    }
    check::<db::Config>("url = \"sqlite:x.db\"", "qeue = 5");
    check::<web::ListenerConfig>("address = \"127.0.0.1:8080\"", "tsl = 1");
    check::<web::Limits>("body_bytes = 1000", "body_byte = 1000");
    check::<web::Rate>("per_second = 1\nburst = 2", "minute = 3");
    check::<web::TlsConfig>("certificate = \"c\"\nkey = \"k\"", "clients = \"all\"");
    check::<peer::Config>(
        "url = \"u\"\nanchors = \"a\"\ncertificate = \"c\"\nkey = \"k\"",
        "insecure = true",
    );
    check::<telemetry::Config>("filter = \"info\"", "level = \"info\"");
    check::<telemetry::Otlp>("endpoint = \"http://127.0.0.1:4318\"", "token = \"t\"");
}

/// Only a durable database of one's own can be named.
#[tokio::test]
async fn odd_database_urls_are_refused() {
    for url in ["sqlite:", "sqlite::memory:", "sqlite:x.db?mode=memory", "mysql://x", "x.db"] {
        let refused = Db::connect(&db::Config::new(url), Clock::system()).await;
        assert!(matches!(refused, Err(db::Error::Setting { .. })), "{url}");
    }
}
