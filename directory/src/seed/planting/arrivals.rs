//! People come: their profile, and the position that they are put into.

use http::Method;
use platform::id::UserId;
use serde_json::{Value, json};

use super::{Planting, Somebody, demanded, in_query, items, text};
use crate::seed::speaking::{Body, Refused, Speaker, Voice};
use crate::seed::world::{Life, Newcomer};

/// Whence people are taken over.
const SOURCE: &str = "former-register";
/// For how many days somebody is here who is here for a while.
const A_WHILE: i64 = 90;

impl<'w, S: Speaker> Planting<'w, S> {
    /// The first manager of the registration authority, whom an operator makes.
    pub(super) async fn manager(&mut self) -> Result<(), S::Error> {
        let Some((newcomer, seat)) =
            self.world.people.first().and_then(|first| Some((first, self.world.seat(first.seat)?)))
        else {
            return Ok(());
        };
        self.seat(&Voice::Operator, seat, None).await?;
        let user_id = self.profile(&Voice::Operator, newcomer).await?;
        self.assigned(&Voice::Operator, newcomer, &user_id).await?;
        self.manager = Voice::Person { user_id, name: newcomer.name.clone() };
        Ok(())
    }

    /// Takes over those who bring their user ids, and verifies them: nobody is put into a position before.
    pub(super) async fn taken_over(&mut self) -> Result<(), S::Error> {
        let world = self.world;
        let with_ids = || world.people.iter().filter_map(|one| Some((one, one.life.user_id()?)));
        for (newcomer, id) in with_ids() {
            let path = format!("/directory/people/{id}");
            let there = self.say(&Voice::Operator, Method::GET, path.clone(), Body::Nothing).await?;
            if there.status == 404 {
                self.import(newcomer, id).await?;
            } else {
                demanded(&Method::GET, path.clone(), there)?;
            }
            let found = self.read(&Voice::Operator, path.clone()).await?;
            if text(&found, "standing") == "unverified" {
                let manager = self.manager.clone();
                let body = json!({"evidence": evidence(newcomer)});
                self.make(&manager, Method::POST, format!("{path}/verification"), body).await?;
            }
        }
        Ok(())
    }

    async fn import(&mut self, newcomer: &Newcomer, id: &str) -> Result<(), S::Error> {
        let registered = newcomer.registration.as_ref();
        let file = format!(
            "external_id,user_id,title,given,family,birth,email,registration_body,registration_number\n\
             former-{id},{id},{},{},{},{},{},{},{}\n",
            newcomer.name.title.as_deref().unwrap_or_default(),
            newcomer.name.given,
            newcomer.name.family,
            newcomer.birth,
            newcomer.email(),
            registered.map_or("", |one| one.body.word()),
            registered.map_or("", |one| one.number.as_str()),
        );
        let path = format!("/directory/people/import?source={SOURCE}");
        let answer = self.say(&Voice::Operator, Method::POST, path.clone(), Body::Csv(file)).await?;
        let done = demanded(&Method::POST, path.clone(), answer)?;
        if done["refused"] != 0 {
            let said = text(&done["rows"][0], "error");
            return Err(Refused { method: Method::POST, path, status: 200, said }.into());
        }
        self.made += 1;
        Ok(())
    }

    /// Somebody comes, and is put into their position.
    pub(super) async fn arrive(&mut self, newcomer: &'w Newcomer) -> Result<(), S::Error> {
        let manager = self.manager.clone();
        let user_id = match &manager {
            Voice::Person { user_id, name } if *name == newcomer.name => user_id.clone(),
            _ => {
                let user_id = self.profile(&manager, newcomer).await?;
                self.assigned(&manager, newcomer, &user_id).await?;
                user_id
            }
        };
        if let Some(seat) = self.world.seat(newcomer.seat) {
            let somebody = Somebody {
                user_id,
                name: newcomer.name.clone(),
                position: seat.name,
                organisation: seat.place,
                seat: seat.key,
            };
            self.people.push((newcomer, somebody));
        }
        Ok(())
    }

    /// The user id of somebody, whose profile is there from then on.
    async fn profile(&mut self, voice: &Voice, newcomer: &Newcomer) -> Result<UserId, S::Error> {
        let name = &newcomer.name;
        if let Some(there) = self.found(voice, &name.given, &name.family).await? {
            return Ok(there);
        }
        let path = "/directory/people".to_owned();
        let body = json!({
            "name": name,
            "birth": newcomer.birth,
            "gender": newcomer.gender,
            "evidence": evidence(newcomer),
            "emails": [newcomer.email()],
            "mobiles": [newcomer.mobile],
            "registrations": newcomer.registration.iter().collect::<Vec<_>>(),
        });
        let made = self.make(voice, Method::POST, path.clone(), body).await?;
        read_id(&made, Method::POST, path).map_err(S::Error::from)
    }

    /// Somebody who is here already, by their name of now or before.
    pub(super) async fn found(
        &self,
        voice: &Voice,
        given: &str,
        family: &str,
    ) -> Result<Option<UserId>, S::Error> {
        let path = format!("/directory/people?family={}&given={}", in_query(family), in_query(given));
        let found = self.read(voice, path.clone()).await?;
        let first = items(&found).first();
        first.map(|one| read_id(one, Method::GET, path)).transpose().map_err(S::Error::from)
    }

    /// Puts somebody into their position, unless they are or were in it.
    async fn assigned(
        &mut self,
        voice: &Voice,
        newcomer: &Newcomer,
        user_id: &UserId,
    ) -> Result<(), S::Error> {
        let position = self.position(newcomer.seat).to_owned();
        let path = format!("/directory/people/{user_id}/assignments?state=all&limit=500");
        let held = self.read(voice, path).await?;
        if items(&held).iter().any(|one| text(one, "position") == position) {
            return Ok(());
        }
        let mut body = json!({"person": user_id, "position": position});
        if newcomer.life == Life::ForAWhile {
            body["end"] = json!(self.day(A_WHILE));
            body["notes"] = json!("Agency, winter rota");
        }
        self.make(voice, Method::POST, "/directory/assignments".to_owned(), body).await?;
        Ok(())
    }
}

/// Three documents, as somebody shows them in person.
fn evidence(newcomer: &Newcomer) -> Value {
    json!([
        {"document": "passport", "issuer": "United Kingdom", "number": newcomer.passport, "method": "f2f"},
        {"document": "utility-bill", "issuer": "Nowhere Water", "method": "f2f"},
        {"document": "bank-statement", "issuer": "Bank of Nowhere", "method": "f2f"},
    ])
}

fn read_id(row: &Value, method: Method, path: String) -> Result<UserId, Refused> {
    text(row, "user_id").parse().map_err(|_| Refused {
        method,
        path,
        status: 200,
        said: "the answer has no user id".to_owned(),
    })
}
