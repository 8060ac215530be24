//! Searching a token, which happens when it is opened and when a key is asked for the first time, never to sign.

use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;

use crate::failure::Failure;
use crate::health::{KeyInfo, KeyPurpose};
use crate::session::{attributes, find};
use crate::{Alg, Error, spki};

const WRAPPING_LABEL: &str = "lanyard-wrap-";

/// A private key that was found, with its public key.
pub(crate) struct Found {
    pub(crate) object_id: Vec<u8>,
    pub(crate) alg: Alg,
    pub(crate) spki: Vec<u8>,
}

/// The label of a wrapping key.
pub(crate) fn wrapping_label(version: u32) -> String {
    format!("{WRAPPING_LABEL}{version}")
}

/// The version in the label of a wrapping key.
pub(crate) fn wrapping_version(label: &str) -> Option<u32> {
    label.strip_prefix(WRAPPING_LABEL)?.parse().ok()
}

/// The private token key with this label.
pub(crate) fn private_key(session: &Session, label: &str) -> Result<Option<Found>, Failure> {
    let template = [
        Attribute::Class(ObjectClass::PRIVATE_KEY),
        Attribute::Token(true),
        Attribute::Label(label.as_bytes().to_vec()),
    ];
    match find(session, &template)?[..] {
        [] => Ok(None),
        [handle] => read(session, handle, label).map(Some),
        _ => Err(Error::KeysDiffer { label: label.to_owned() }.into()),
    }
}

/// The handle of a key that was found before.
pub(crate) fn private_key_handle(
    session: &Session,
    label: &str,
    object_id: &[u8],
) -> Result<Option<ObjectHandle>, Failure> {
    let template = [
        Attribute::Class(ObjectClass::PRIVATE_KEY),
        Attribute::Token(true),
        Attribute::Label(label.as_bytes().to_vec()),
        Attribute::Id(object_id.to_vec()),
    ];
    Ok(find(session, &template)?.first().copied())
}

/// Destroys the private token key with this label and then its public half, and says how many objects that were. Stopped
/// in between, it leaves a public half that signs nothing. Wrapping keys are secret keys and never among them.
pub(crate) fn destroy_pair(session: &Session, label: &str) -> Result<usize, Failure> {
    let mut destroyed = 0;
    for class in [ObjectClass::PRIVATE_KEY, ObjectClass::PUBLIC_KEY] {
        let template =
            [Attribute::Class(class), Attribute::Token(true), Attribute::Label(label.as_bytes().to_vec())];
        for object in find(session, &template)? {
            session.destroy_object(object)?;
            destroyed += 1;
        }
    }
    Ok(destroyed)
}

/// Whether any object carries the label.
pub(crate) fn label_in_use(session: &Session, label: &str) -> Result<bool, Failure> {
    let template = [Attribute::Token(true), Attribute::Label(label.as_bytes().to_vec())];
    Ok(!find(session, &template)?.is_empty())
}

/// The wrapping keys by version.
pub(crate) fn wrapping_keys(session: &Session) -> Result<Vec<(u32, ObjectHandle)>, Failure> {
    let template = [Attribute::Class(ObjectClass::SECRET_KEY), Attribute::Token(true), Attribute::Wrap(true)];
    let mut keys = Vec::new();
    for handle in find(session, &template)? {
        let label = label(session, handle)?;
        keys.extend(wrapping_version(&label).map(|version| (version, handle)));
    }
    Ok(keys)
}

/// The private keys and wrapping keys of a token.
pub(crate) fn inventory(session: &Session, token: &str) -> Result<Vec<KeyInfo>, Failure> {
    let mut keys = Vec::new();
    let template = [Attribute::Class(ObjectClass::PRIVATE_KEY), Attribute::Token(true)];
    for handle in find(session, &template)? {
        let label = label(session, handle)?;
        let found = match read(session, handle, &label) {
            Ok(found) => Some(found),
            // A key of a kind that is not ours, or one whose public half is missing, is listed without it.
            Err(Failure::Answer(_)) => None,
            Err(failure) => return Err(failure),
        };
        let id = match &found {
            Some(found) => found.object_id.clone(),
            None => object_id(session, handle)?,
        };
        keys.push(KeyInfo {
            token: token.to_owned(),
            label,
            id,
            purpose: KeyPurpose::Sign,
            alg: found.as_ref().map(|found| found.alg),
            public_key: found.map(|found| found.spki),
        });
    }
    for (version, handle) in wrapping_keys(session)? {
        keys.push(KeyInfo {
            token: token.to_owned(),
            label: wrapping_label(version),
            id: object_id(session, handle)?,
            purpose: KeyPurpose::Wrap,
            alg: None,
            public_key: None,
        });
    }
    Ok(keys)
}

/// The public key of a public key object, or of an RSA private key, which shows it too.
pub(crate) fn public_key(session: &Session, object: ObjectHandle) -> Result<(Alg, Vec<u8>), Failure> {
    match attributes(session, object, &[AttributeType::KeyType])?[..] {
        [Attribute::KeyType(KeyType::RSA)] => rsa(session, object),
        [Attribute::KeyType(KeyType::ML_DSA)] => ml_dsa(session, object),
        _ => point(session, object),
    }
}

fn rsa(session: &Session, object: ObjectHandle) -> Result<(Alg, Vec<u8>), Failure> {
    let numbers = attributes(session, object, &[AttributeType::Modulus, AttributeType::PublicExponent])?;
    match &numbers[..] {
        [Attribute::Modulus(modulus), Attribute::PublicExponent(exponent)] => {
            Ok(spki::from_rsa(modulus, exponent)?)
        }
        _ => Err(Error::Unreadable("an RSA public key").into()),
    }
}

fn ml_dsa(session: &Session, object: ObjectHandle) -> Result<(Alg, Vec<u8>), Failure> {
    let key = attributes(session, object, &[AttributeType::ParameterSet, AttributeType::Value])?;
    match &key[..] {
        [Attribute::ParameterSet(set), Attribute::Value(value)] => {
            Ok(spki::from_ml_dsa((*set).into(), value)?)
        }
        _ => Err(Error::Unreadable("an ML-DSA public key").into()),
    }
}

fn point(session: &Session, object: ObjectHandle) -> Result<(Alg, Vec<u8>), Failure> {
    let curve = attributes(session, object, &[AttributeType::EcParams, AttributeType::EcPoint])?;
    match &curve[..] {
        [Attribute::EcParams(params), Attribute::EcPoint(point)] => {
            let alg = spki::alg_of_ec_params(params)
                .ok_or(Error::NotSupported { what: "this elliptic curve".to_owned() })?;
            Ok((alg, spki::from_point(alg, point)?))
        }
        _ => Err(Error::Unreadable("a public point").into()),
    }
}

fn read(session: &Session, handle: ObjectHandle, label: &str) -> Result<Found, Failure> {
    let object_id = object_id(session, handle)?;
    let same_key = if object_id.is_empty() {
        Attribute::Label(label.as_bytes().to_vec())
    } else {
        Attribute::Id(object_id.clone())
    };
    let template = [Attribute::Class(ObjectClass::PUBLIC_KEY), Attribute::Token(true), same_key];
    let public = find(session, &template)?.first().copied();
    let (alg, spki) = public_key(session, public.unwrap_or(handle))?;
    Ok(Found { object_id, alg, spki })
}

fn label(session: &Session, object: ObjectHandle) -> Result<String, Failure> {
    Ok(match &attributes(session, object, &[AttributeType::Label])?[..] {
        [Attribute::Label(label)] => String::from_utf8_lossy(label).into_owned(),
        _ => String::new(),
    })
}

fn object_id(session: &Session, object: ObjectHandle) -> Result<Vec<u8>, Failure> {
    Ok(match &attributes(session, object, &[AttributeType::Id])?[..] {
        [Attribute::Id(id)] => id.clone(),
        _ => Vec::new(),
    })
}
