//! What is printed on cards: drawn from the register, in the size of cards.

use http::StatusCode;
use platform::db::testing::TestDb;
use platform::db::{Db, Engine};
use serde_json::{Value, json};

use super::rig::{Chip, Desk, MANAGER, NURSE, STRANGER, settings};

/// A picture of one dot.
const PHOTO: &str = "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415478da6368487000000284012157366e4e0000000049454e44ae426082";

/// Gives the nurse a photograph.
pub(crate) async fn photographed(db: &Db) {
    let photo = hex::decode(PHOTO).unwrap();
    db.write(move |tx| {
        Box::pin(async move {
            sqlx::query(
                "INSERT INTO directory_photo (user_id, media, width, height, sha256, bytes, set_at, version) \
                 VALUES ($1, 'image/png', 1, 1, 'x', $2, 0, 1)",
            )
            .bind(NURSE)
            .bind(photo)
            .execute(tx)
            .await?;
            Ok::<_, platform::db::Error>(())
        })
    })
    .await
    .unwrap();
}

/// The face of a card in use is a page in the size of cards, and a picture of it with 300 dots to the inch, for whoever may issue it; a
/// card that is nobody's, a holder without a photograph and a template or program that is none are refused in words.
#[tokio::test(flavor = "multi_thread")]
async fn faces_are_drawn() {
    let database = TestDb::new(Engine::Sqlite).await;
    let folder = tempfile::tempdir().unwrap();
    let (template, renderer) = (folder.path().join("face.svg"), folder.path().join("renderer"));
    std::fs::write(&template, include_str!("../../../src/cards/face/face.svg")).unwrap();
    std::os::unix::fs::symlink("/usr/bin/rsvg-convert", &renderer).unwrap();
    let mut config = settings();
    config.cards.face_template = Some(template.clone());
    config.cards.face_renderer.clone_from(&renderer);
    let desk = Desk::under(database.db.clone(), config).await;
    let nobodys = desk.stocked(7).await.id;
    let refused = |said: &[u8]| serde_json::from_slice::<Value>(said).unwrap();
    let (status, _, said) = desk.file(MANAGER, &format!("/ca/cards/{nobodys}/face")).await;
    assert_eq!((status, &refused(&said)["code"]), (StatusCode::CONFLICT, &json!("card-state")));

    let chip = Chip::new(4711);
    let face = format!("/ca/cards/{}/face", desk.issued(&chip).await);
    let (status, _, said) = desk.file(MANAGER, &face).await;
    assert_eq!((status, &refused(&said)["code"]), (StatusCode::CONFLICT, &json!("card-no-photo")));
    photographed(&database.db).await;
    for stranger in [STRANGER, NURSE] {
        assert_eq!(desk.file(stranger, &face).await.0, StatusCode::FORBIDDEN, "{stranger}");
    }
    assert_eq!(desk.file(MANAGER, &format!("{face}?form=gif")).await.0, StatusCode::BAD_REQUEST);

    let (status, media, page) = desk.file(MANAGER, &face).await;
    assert_eq!((status, media.as_str()), (StatusCode::OK, "application/pdf"));
    // 85.60 by 53.98 mm in points of 1/72 inch: ISO/IEC 7810 5.
    let text = String::from_utf8_lossy(&page).into_owned();
    assert!(text.starts_with("%PDF-1.") && text.contains("/MediaBox [ 0 0 242.64"), "{}", &text[..200]);
    let (status, media, picture) = desk.file(MANAGER, &format!("{face}?form=png")).await;
    assert_eq!((status, media.as_str()), (StatusCode::OK, "image/png"));
    assert_eq!(picture[16..24], [0, 0, 0x03, 0xF3, 0, 0, 0x02, 0x7E], "1,011 by 638");

    for (text, words) in [("{{shoe_size}}", "shoe_size"), ("no picture", "XML"), ("<svg/>", "librsvg2-bin")] {
        std::fs::write(&template, text).unwrap();
        if words == "librsvg2-bin" {
            std::fs::remove_file(&renderer).unwrap();
        }
        let (status, _, said) = desk.file(MANAGER, &face).await;
        let said = refused(&said);
        assert_eq!((status, &said["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("card-face-not-drawn")));
        assert!(said["detail"].as_str().unwrap().contains(words), "{said}");
    }
}
