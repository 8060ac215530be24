//! What stands before people come: hosts, workgroups, positions, and who may assign which.

use http::Method;
use serde_json::{Value, json};

use super::{Planting, approval, in_query, items, text};
use crate::seed::speaking::{Speaker, Voice};
use crate::seed::world::Seat;

impl<S: Speaker> Planting<'_, S> {
    /// Says whose registration authority acts for whom.
    pub(super) async fn hosts(&mut self) -> Result<(), S::Error> {
        for place in self.world.places {
            let Some(host) = place.host else { continue };
            let path = format!("/directory/organisations/{}", place.code);
            let found = self.read(&Voice::Operator, path.clone()).await?;
            if found["ra_host"].is_null() {
                let body = json!({"host": host});
                self.make(&Voice::Operator, Method::PUT, format!("{path}/ra-host"), body).await?;
            }
        }
        Ok(())
    }

    /// Every position, with the workgroup that its holders are in; then which positions sponsors may assign.
    pub(super) async fn workgroups_and_positions(&mut self) -> Result<(), S::Error> {
        let manager = self.manager.clone();
        for seat in self.world.seats {
            let workgroup = match seat.workgroup {
                Some(name) => Some(self.workgroup(seat.place, name).await?),
                None => None,
            };
            self.seat(&manager, seat, workgroup).await?;
        }
        for seat in self.world.seats.iter().filter(|seat| !seat.assigns.is_empty()) {
            self.assignable(&manager, seat).await?;
        }
        Ok(())
    }

    /// A position that is there from then on.
    pub(super) async fn seat(
        &mut self,
        voice: &Voice,
        seat: &'static Seat,
        workgroup: Option<String>,
    ) -> Result<(), S::Error> {
        let (place, name) = (seat.place, in_query(seat.name));
        let path = format!("/directory/positions?organisation={place}&name={name}&limit=500");
        let found = self.read(voice, path).await?;
        let there = items(&found).iter().find(|one| text(one, "name") == seat.name);
        let id = if let Some(there) = there {
            text(there, "id")
        } else {
            let body = position(seat, workgroup);
            text(&self.make(voice, Method::POST, "/directory/positions".to_owned(), body).await?, "id")
        };
        self.positions.insert(seat.key, id);
        Ok(())
    }

    /// The id of a workgroup, below the one that is named after its organisation.
    async fn workgroup(&mut self, place: &str, name: &str) -> Result<String, S::Error> {
        let root = self.world.places.iter().find(|one| one.code == place).map_or(place, |one| one.name);
        let root = self.workgroup_below(place, None, root).await?;
        self.workgroup_below(place, Some(&root), name).await
    }

    async fn workgroup_below(
        &mut self,
        place: &str,
        parent: Option<&str>,
        name: &str,
    ) -> Result<String, S::Error> {
        let manager = self.manager.clone();
        let path = format!("/directory/workgroups?organisation={place}&limit=500");
        let found = self.read(&manager, path).await?;
        // The root stays the root, whatever it is called by now.
        let is_it = |one: &&Value| match parent {
            Some(_) => text(one, "name") == name,
            None => one["parent"].is_null(),
        };
        if let Some(there) = items(&found).iter().find(is_it) {
            return Ok(text(there, "id"));
        }
        let body = json!({"organisation": place, "parent": parent, "name": name});
        let made = self.make(&manager, Method::POST, "/directory/workgroups".to_owned(), body).await?;
        Ok(text(&made, "id"))
    }

    async fn assignable(&mut self, voice: &Voice, seat: &Seat) -> Result<(), S::Error> {
        let path = format!("/directory/positions/{}", self.position(seat.key));
        let found = self.read(voice, path.clone()).await?;
        if found["assignable"].as_array().is_some_and(|there| !there.is_empty()) {
            return Ok(());
        }
        let positions: Vec<&str> = seat.assigns.iter().map(|key| self.position(key)).collect();
        let body = json!({"positions": positions, "approval": approval()});
        self.make(voice, Method::PUT, format!("{path}/assignable"), body).await?;
        Ok(())
    }
}

/// What a position is made of.
fn position(seat: &Seat, workgroup: Option<String>) -> Value {
    json!({
        "organisation": seat.place,
        "name": seat.name,
        "approval": approval(),
        "access_profiles": [{
            "organisation": seat.place,
            "job_role": seat.job_role,
            "areas": seat.areas,
            "activities": seat.activities,
            "workgroups": workgroup.into_iter().collect::<Vec<_>>(),
        }],
    })
}
