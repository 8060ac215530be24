//! In which form is answered.

/// A form of resources, with the type that the answer bears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Media {
    /// The type of the body.
    pub(crate) name: &'static str,
    pub(crate) is_xml: bool,
}

const fn json(name: &'static str) -> Media {
    Media { name, is_xml: false }
}

const fn xml(name: &'static str) -> Media {
    Media { name, is_xml: true }
}

/// The forms of an API that has JSON alone; the first is taken where anything will do.
pub(crate) const ONLY_JSON: &[Media] = &[json("application/fhir+json"), json("application/json")];
/// The forms of an API that has both.
pub(crate) const JSON_AND_XML: &[Media] = &[
    json("application/fhir+json"),
    json("application/json"),
    json("text/json"),
    xml("application/fhir+xml"),
    xml("application/xml"),
    xml("text/xml"),
];

/// The form that a request asks for: by `_format`, else by `Accept`, of which the best quality that there is wins. `None`:
/// there is none of them.
pub(crate) fn media(there: &'static [Media], accept: Option<&str>, format: Option<&str>) -> Option<Media> {
    let first = there.first().copied()?;
    if let Some(format) = format {
        // A plus sign that was not escaped is a blank by the time it is here.
        return named(there, &format.replace(' ', "+"));
    }
    let Some(accept) = accept.filter(|accept| !accept.trim().is_empty()) else { return Some(first) };
    let mut best: Option<(u16, Media)> = None;
    for one in accept.split(',') {
        let mut parts = one.split(';');
        let name = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
        let quality = parts.find_map(|part| part.trim().strip_prefix("q=").map(quality)).unwrap_or(1000);
        let media = match name.as_str() {
            "*/*" | "application/*" => Some(first),
            name => named(there, name),
        };
        if let Some(media) = media.filter(|_| quality > 0 && best.is_none_or(|best| quality > best.0)) {
            best = Some((quality, media));
        }
    }
    best.map(|best| best.1)
}

fn named(there: &[Media], name: &str) -> Option<Media> {
    let name = name.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let short = |media: &&Media| match name.as_str() {
        "json" => !media.is_xml,
        "xml" => media.is_xml,
        whole => media.name == whole,
    };
    there.iter().find(short).copied()
}

/// A quality in thousandths; what is none counts as whole.
fn quality(text: &str) -> u16 {
    let (whole, rest) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let digits: String = rest.chars().chain("000".chars()).take(3).collect();
    match (whole, digits.parse::<u16>()) {
        ("0", Ok(thousandths)) => thousandths,
        _ => 1000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `_format` goes before `Accept`, the best quality wins, and what is not there is none.
    #[test]
    fn forms_are_chosen() {
        let of = |accept: Option<&str>, format: Option<&str>| {
            media(JSON_AND_XML, accept, format).map(|media| media.name)
        };
        assert_eq!(of(None, None), Some("application/fhir+json"));
        assert_eq!(of(Some("text/html, application/xml;q=0.5, */*;q=0.1"), None), Some("application/xml"));
        assert_eq!(of(Some("application/fhir+xml; fhirVersion=4.0"), None), Some("application/fhir+xml"));
        assert_eq!(of(Some("application/xml"), Some("application/fhir json")), Some("application/fhir+json"));
        assert_eq!(of(None, Some("xml")), Some("application/fhir+xml"));
        assert_eq!((of(Some("text/html"), None), of(None, Some("turtle"))), (None, None));
        assert_eq!(of(Some("application/json;q=0, text/xml"), None), Some("text/xml"));
        assert_eq!(media(ONLY_JSON, Some("application/fhir+xml"), None), None);
    }
}
