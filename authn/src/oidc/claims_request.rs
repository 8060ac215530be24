//! The parameter `claims`: OpenID Connect Core 5.5.

use platform::id::UserId;
use serde_json::Value;

use super::refusal::{Code, Refusal};

/// How many claims one request names.
const MOST: usize = 50;

/// The claims that were asked for by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Named {
    /// In the ID token.
    pub(crate) id_token: Vec<String>,
    /// At userinfo.
    pub(crate) userinfo: Vec<String>,
    /// The classes of sign-in that were asked for there.
    pub(crate) acr: Vec<String>,
    /// Those of them that the ID token has to name one of.
    pub(crate) essential: Vec<String>,
    /// Whom the tokens have to be of.
    pub(crate) sub: Option<UserId>,
}

/// Reads the parameter. Claims that are not known are left out later, as the standard asks.
pub(crate) fn read(text: Option<&str>) -> Result<Named, Refusal> {
    let Some(text) = text else { return Ok(Named::default()) };
    let bad = |sentence: &str| Refusal::new(Code::InvalidRequest, sentence);
    let whole: Value = serde_json::from_str(text).map_err(|_| bad("claims is not JSON."))?;
    let part = |name: &str| match whole.get(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Object(members)) if members.len() <= MOST => Ok(members.keys().cloned().collect()),
        Some(_) => Err(bad("In claims, id_token and userinfo are objects of at most 50 members.")),
    };
    if !whole.is_object() {
        return Err(bad("claims is a JSON object."));
    }
    let acr = whole.pointer("/id_token/acr");
    let words = |value: &Value| value.as_str().map(str::to_owned);
    let mut asked: Vec<String> = acr.and_then(|acr| acr.get("value")).and_then(words).into_iter().collect();
    let values = acr.and_then(|acr| acr.get("values")).and_then(Value::as_array);
    asked.extend(values.into_iter().flatten().take(MOST).filter_map(words));
    // 5.5.1.1: one of these, or an error.
    let needed = acr.and_then(|acr| acr.get("essential")).and_then(Value::as_bool) == Some(true);
    let essential = if needed { asked.clone() } else { Vec::new() };
    let (id_token, userinfo) = (part("id_token")?, part("userinfo")?);
    Ok(Named { id_token, userinfo, acr: asked, essential, sub: demanded(&whole)? })
}

/// Whose tokens are asked for: 5.5.1 has `sub` with a value, and 3.1.2.2 has no tokens of anybody else given.
fn demanded(whole: &Value) -> Result<Option<UserId>, Refusal> {
    let bad = |sentence: &str| Refusal::new(Code::InvalidRequest, sentence);
    let mut named: Option<UserId> = None;
    for place in ["/id_token/sub", "/userinfo/sub"] {
        let asked = match whole.pointer(place) {
            None | Some(Value::Null) => continue,
            Some(Value::Object(asked)) => asked,
            Some(_) => return Err(bad("In claims, sub is null or an object.")),
        };
        if asked.contains_key("values") {
            return Err(bad("In claims, sub has one value and no values: the tokens are of one person."));
        }
        let Some(value) = asked.get("value") else { continue };
        let text = value.as_str().ok_or_else(|| bad("In claims, the value of sub is a text."))?;
        let person: UserId = text.parse().map_err(|_| {
            Refusal::new(Code::LoginRequired, "In claims, the value of sub is no subject of this provider.")
        })?;
        if named.as_ref().is_some_and(|other| *other != person) {
            return Err(bad("In claims, id_token and userinfo ask for two people."));
        }
        named = Some(person);
    }
    Ok(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names are read from both parts, classes from `acr`, and what is no such object is refused.
    #[test]
    fn claims_are_read() {
        let text = r#"{"id_token": {"acr": {"essential": true, "values": ["AAL3_ANY"]}, "email": null},
                       "userinfo": {"name": {"essential": true}}}"#;
        let named = read(Some(text)).unwrap();
        assert_eq!(named.id_token, ["acr", "email"]);
        assert_eq!(named.essential, ["AAL3_ANY"]);
        let wished = read(Some(r#"{"id_token": {"acr": {"value": "AAL3_ANY"}}}"#)).unwrap();
        assert_eq!((wished.acr, wished.essential), (vec!["AAL3_ANY".to_owned()], vec![]));
        assert_eq!((named.userinfo, named.acr), (vec!["name".to_owned()], vec!["AAL3_ANY".to_owned()]));
        assert_eq!(read(None).unwrap(), Named::default());
        for wrong in ["no", "[]", r#"{"id_token": 7}"#] {
            assert!(read(Some(wrong)).is_err(), "{wrong}");
        }
    }

    /// The person who is demanded is read from both parts, and what is no one person is refused.
    #[test]
    fn the_demanded_person_is_read() {
        let sub = |text: &str| read(Some(text)).map(|named| named.sub).map_err(|refusal| refusal.code);
        let ann: UserId = "555021942107".parse().unwrap();
        for demand in [
            r#"{"id_token": {"sub": {"value": "555021942107"}}}"#,
            r#"{"userinfo": {"sub": {"value": "555021942107", "essential": true}}, "id_token": {"sub": null}}"#,
            r#"{"userinfo": {"sub": {"value": "555021942107"}}, "id_token": {"sub": {"value": "555021942107"}}}"#,
        ] {
            assert_eq!(sub(demand), Ok(Some(ann.clone())), "{demand}");
        }
        assert_eq!(sub(r#"{"id_token": {"sub": {"essential": true}}}"#), Ok(None));
        assert_eq!(sub(r#"{"id_token": {"sub": {"value": "somebody"}}}"#), Err(Code::LoginRequired));
        for wrong in [
            r#"{"id_token": {"sub": {"value": 555021942107}}}"#,
            r#"{"id_token": {"sub": {"value": null}}}"#,
            r#"{"id_token": {"sub": "555021942107"}}"#,
            r#"{"id_token": {"sub": {"values": ["555021942107"]}}}"#,
            r#"{"userinfo": {"sub": {"value": "555021942107"}}, "id_token": {"sub": {"value": "555021942108"}}}"#,
        ] {
            assert_eq!(sub(wrong), Err(Code::InvalidRequest), "{wrong}");
        }
    }
}
