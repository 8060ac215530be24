//! The face of a card: what is printed on it, as a page of PDF or a picture of 300 dots to the inch, in the size of cards (ISO/IEC
//! 7810 ID-1, which printers call CR80).
//!
//! A template in SVG is filled with what the register says of the holder (`template`), and drawn by a program of its own (`drawing`): fonts
//! and pictures of strangers are read outside of this process.

mod drawing;
mod template;

use platform::caller::Caller;
use platform::id::UserId;

use directory::api::CardAct as May;

use self::template::Face;
use super::{CardRefused, Cards};
use crate::api::CardFaceForm;
use crate::error::Error;
use crate::store::cards::Card;

/// A template is no larger, in octets.
const LARGEST_TEMPLATE: u64 = 1024 * 1024;

impl Cards {
    /// The face of somebody's card: its media type and the file.
    pub(crate) async fn face(
        &self,
        caller: &Caller,
        id: &str,
        form: CardFaceForm,
    ) -> Result<(&'static str, Vec<u8>), Error> {
        let card = self.found(id).await?;
        self.may(caller, May::Issue, &card).await?;
        let octets = self.drawn(&card, form).await?;
        Ok((form.media_type(), octets))
    }

    /// Draws the face of a card that is somebody's.
    pub(super) async fn drawn(&self, card: &Card, form: CardFaceForm) -> Result<Vec<u8>, Error> {
        let settings = self.settings();
        let text = match &settings.face_template {
            Some(path) => read(path).await?,
            None => template::BUILT_IN.to_owned(),
        };
        let face = self.face_of(card).await?;
        let filled = template::fill(&text, &face).map_err(|place| CardRefused::FaceTemplate(place.0))?;
        Ok(drawing::draw(&settings.face_renderer, filled.into_bytes(), form).await?)
    }

    /// What stands on it, as the register has it now.
    async fn face_of(&self, card: &Card) -> Result<Face, Error> {
        let person = card.user_id.as_deref().and_then(|id| id.parse::<UserId>().ok());
        let person = person.ok_or(CardRefused::NoOwner)?;
        let name = self.register.claims(&person, &[]).await?.name;
        let photo = self.register.photo(&person).await?.ok_or(CardRefused::NoPhoto)?;
        let printed = &self.settings().organisation;
        let organisation = if printed.is_empty() { &card.organisation } else { printed };
        Ok(Face {
            name: name.on_card.unwrap_or_else(|| format!("{} {}", name.given, name.family)),
            user_id: person.to_string(),
            organisation: organisation.clone(),
            photo,
        })
    }
}

async fn read(path: &std::path::Path) -> Result<String, CardRefused> {
    let unreadable = || CardRefused::FaceTemplate(path.display().to_string());
    let size = tokio::fs::metadata(path).await.map_err(|_| unreadable())?.len();
    if size > LARGEST_TEMPLATE {
        return Err(unreadable());
    }
    tokio::fs::read_to_string(path).await.map_err(|_| unreadable())
}
