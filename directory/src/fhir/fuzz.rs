//! What strangers send over FHIR, for mutation and fuzzing: each function takes any octets and must come back.

use super::kit::{Asked, JSON_AND_XML, Outcome, Shape, media, token};
use super::{organisations, spine, workers};
use crate::span::Span;

/// The query of a search, read as each face reads it.
///
/// # Panics
///
/// If one is refused for another fault than that of whoever asks.
pub fn search(octets: &[u8]) {
    let query = String::from_utf8_lossy(octets);
    let asked = Asked::read(&query, octets);
    for parameter in &asked.0 {
        let _values = parameter.any().iter().map(|value| token(value).1.len()).sum::<usize>();
        let _span = Span::read(&parameter.value).map(|span| span.and(span));
        let _media = media(JSON_AND_XML, Some(&parameter.value), Some(&parameter.whole()));
    }
    told(Shape::read(&asked, 100));
    for (is_strict, refuses) in [(true, false), (false, true), (false, false)] {
        let rules = workers::Rules { is_strict, refuses };
        told(workers::wanted(workers::Kind::Practitioner, &asked, rules));
        told(workers::wanted(workers::Kind::Role, &asked, rules));
        told(organisations::wanted(&asked, is_strict, !refuses));
        told(organisations::affiliations_wanted(&asked, is_strict, !refuses));
    }
    for kind in [spine::Kind::Device, spine::Kind::Endpoint] {
        if let Err(outcome) = spine::asked(kind, &query, octets, spine::Rules::default()) {
            assert_eq!(outcome.status, 400);
        }
    }
}

/// `Parameters` of an operation, in JSON and in XML, and the set that they ask for.
///
/// # Panics
///
/// If they are refused for another fault than that of whoever asks.
pub fn parameters(octets: &[u8]) {
    for is_xml in [true, false] {
        match organisations::given(&Asked::default(), octets, is_xml) {
            Ok(given) => told(organisations::set_of(&given)),
            Err(outcome) => told::<()>(Err(outcome)),
        }
    }
}

fn told<T>(read: Result<T, Outcome>) {
    if let Err(outcome) = read {
        assert!((400..500).contains(&outcome.status), "{outcome:?}");
        let _body = (outcome.narrated().xml(), outcome.resource(None).json());
    }
}
