//! The logo that the CSC API names.

use axum::body::Body;
use http::Request;
use platform::db::Db;
use serde_json::json;

use super::{ISSUER, World};

platform::both_engines! {
    /// Both versions name a logo below the issuer, which is there, and of a kind and size that the CSC API takes.
    async fn the_logo_is_where_it_is_said(db: Db) {
        let world = World::new(db).await;
        for version in ["/csc/v2/info", "/csc/v1/info"] {
            let told = world.send("POST", version, Some(&json!({})), None).await.json();
            let logo = told["logo"].as_str().unwrap().to_owned();
            let place = logo.strip_prefix(ISSUER).unwrap_or_else(|| panic!("{version}: {logo}"));
            let asked = Request::builder().uri(place).body(Body::empty()).unwrap();
            let (status, kind, image) = crate::rig::raw(world.rig.routes(), asked).await;
            assert_eq!((status, kind.as_str()), (200, "image/png"), "{place}");
            assert!(image.starts_with(b"\x89PNG\r\n\x1a\n"), "{place}");
            // Its width and its height, of the first chunk.
            let side = |at: usize| u32::from_be_bytes(image[at..at + 4].try_into().unwrap());
            assert!((1..=256).contains(&side(16)) && (1..=256).contains(&side(20)), "{place}");
        }
    }
}
