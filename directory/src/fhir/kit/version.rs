//! Which version a resource is of, and what it was before.

use platform::clock::Millis;
use serde_json::{Map, Value, json};

use super::tree::{Parts, Tree, digest, parts, resource};
use crate::version::Version;

/// Which version a resource is of, and since when it is so, where that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) version: String,
    pub(crate) since: Option<Millis>,
}

impl Stamp {
    /// Of what the register counts versions.
    pub(crate) fn of(version: Version, since: Option<Millis>) -> Self {
        Self { version: version.to_string(), since }
    }

    /// The weak entity tag.
    pub(crate) fn tag(&self) -> String {
        tag(&self.version)
    }

    /// Of what is made of several things of the register: the version is told from every other by what it says.
    pub(crate) fn of_content(whole: &Parts, since: Option<Millis>) -> Self {
        Self { version: whole.digest(), since }
    }

    /// The same of a resource that is no tree.
    pub(crate) fn of_value(whole: &Value, since: Option<Millis>) -> Self {
        Self { version: digest(&whole.to_string()), since }
    }
}

/// The weak entity tag of a version (FHIR R4 3.1.0.5).
pub(crate) fn tag(version: &str) -> String {
    format!("W/\"{version}\"")
}

impl Parts {
    /// The resource with its version in `meta`.
    #[must_use]
    pub(crate) fn stamped(self, stamp: &Stamp) -> Self {
        let mut meta = parts()
            .with("versionId", &stamp.version)
            .with("lastUpdated", stamp.since.map(|at| at.to_string()));
        let Self { kind, mut members } = self;
        if let Some(place) = members.iter().position(|member| member.0 == "meta")
            && let (_, Tree::Parts(own)) = members.remove(place)
        {
            meta.members.extend(own.members);
        }
        // Behind the id.
        let place = members.iter().position(|member| member.0 == "id").map_or(0, |place| place + 1);
        members.insert(place, ("meta", Tree::Parts(meta)));
        Self { kind, members }
    }
}

/// The same of a resource that is no tree.
pub(crate) fn stamped(whole: Value, stamp: &Stamp) -> Value {
    let Value::Object(mut members) = whole else { return whole };
    let mut meta = Map::new();
    meta.insert("versionId".to_owned(), json!(stamp.version));
    if let Some(since) = stamp.since {
        meta.insert("lastUpdated".to_owned(), json!(since.to_string()));
    }
    members.insert("meta".to_owned(), Value::Object(meta));
    Value::Object(members)
}

/// A version of a resource: what it was, or nothing where it was not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Past<T> {
    pub(crate) stamp: Stamp,
    pub(crate) was: Option<T>,
}

/// What resources of a kind are and were (FHIR R4 3.1.0.11).
#[derive(Debug)]
pub(crate) struct History<T> {
    pub(crate) id: String,
    /// The address below which resources lie.
    pub(crate) base: String,
    pub(crate) kind: &'static str,
    /// How many versions there are, if that is known.
    pub(crate) total: Option<usize>,
    /// Relations and addresses.
    pub(crate) links: Vec<(&'static str, String)>,
    /// Versions, each with the id of its resource.
    pub(crate) past: Vec<(String, Past<T>)>,
}

impl<T: Into<Tree>> History<T> {
    /// As FHIR has it.
    pub(crate) fn resource(self) -> Parts {
        let (kind, base) = (self.kind, self.base);
        let entry = |(own, past): (String, Past<T>)| {
            let place = format!("{kind}/{own}");
            let is_first = past.stamp.version == Version::FIRST.to_string();
            let (method, url, status) = match past.was {
                None => ("DELETE", place.as_str(), "204"),
                Some(_) if is_first => ("POST", kind, "201"),
                Some(_) => ("PUT", place.as_str(), "200"),
            };
            let response = parts()
                .with("status", status)
                .with("etag", tag(&past.stamp.version))
                .with("lastModified", past.stamp.since.map(|at| at.to_string()));
            parts()
                .with("fullUrl", format!("{base}/{place}"))
                .with("resource", past.was)
                .with("request", parts().with("method", method).with("url", url))
                .with("response", response)
        };
        let entries: Vec<Parts> = self.past.into_iter().map(entry).collect();
        let link =
            |(relation, url): (&'static str, String)| parts().with("relation", relation).with("url", url);
        let links: Vec<Parts> = self.links.into_iter().map(link).collect();
        resource("Bundle")
            .with("id", self.id)
            .with("type", "history")
            .with("total", self.total)
            .with("link", links)
            .with("entry", entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A version stands in `meta` before what is there, behind the id; the tag is the version.
    #[test]
    fn versions_stand_in_meta() {
        let stamp = Stamp::of(Version(3), Some(Millis(0)));
        let whole = resource("Basic")
            .with("id", "1")
            .with("active", true)
            .with("meta", parts().with("profile", vec!["p"]));
        let told = whole.stamped(&stamp);
        assert_eq!(
            told.json(),
            r#"{"resourceType":"Basic","id":"1","meta":{"versionId":"3","lastUpdated":"1970-01-01T00:00:00.000Z","profile":["p"]},"active":true}"#
        );
        assert_eq!(told.tag(), "W/\"3\"");
        let value = stamped(json!({"resourceType": "Basic"}), &Stamp { since: None, ..stamp });
        assert_eq!(value, json!({"resourceType": "Basic", "meta": {"versionId": "3"}}));
    }

    /// A history says how each version came to be, and that one is a deletion.
    #[test]
    fn histories_say_what_was_done() {
        let past = |version, was| ("1".to_owned(), Past { stamp: Stamp::of(Version(version), None), was });
        let basic = |id: &str| Some(resource("Basic").with("id", id));
        let history = History {
            id: "b".to_owned(),
            base: "https://h".to_owned(),
            kind: "Basic",
            total: Some(3),
            links: vec![("self", "l".to_owned())],
            past: vec![past(3, None), past(2, basic("1")), past(1, basic("1"))],
        };
        let told: Value = serde_json::from_str(&history.resource().json()).unwrap();
        let of =
            |place: usize, name: &str| told["entry"][place]["request"][name].as_str().unwrap().to_owned();
        assert_eq!((told["type"].as_str(), told["total"].as_i64()), (Some("history"), Some(3)));
        assert_eq!((of(0, "method"), of(0, "url")), ("DELETE".to_owned(), "Basic/1".to_owned()));
        assert_eq!(
            (of(1, "method"), of(2, "method"), of(2, "url")),
            ("PUT".to_owned(), "POST".to_owned(), "Basic".to_owned())
        );
        assert!(told["entry"][0]["resource"].is_null() && told["entry"][1]["resource"]["id"] == "1");
        assert_eq!(told["entry"][1]["response"]["etag"], "W/\"2\"");
        assert_eq!(told["entry"][1]["fullUrl"], "https://h/Basic/1");
    }
}
