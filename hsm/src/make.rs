//! Making keys, with every attribute said.

use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, KeyType, MlDsaParameterSetType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;

use crate::failure::Failure;
use crate::{Alg, Error, Family, find, spki};

/// Where a new private key lives and whether it can leave.
pub(crate) enum Residence<'a> {
    /// For good in the token, and never leaves.
    Token { label: &'a str, object_id: &'a [u8] },
    /// As long as the session, and never leaves.
    Session,
    /// As long as the session, and can be wrapped.
    Wrappable,
}

/// A new key pair.
pub(crate) struct Pair {
    pub(crate) public: ObjectHandle,
    pub(crate) private: ObjectHandle,
    pub(crate) spki: Vec<u8>,
}

/// Makes a key pair for signing.
pub(crate) fn key_pair(session: &Session, alg: Alg, residence: &Residence<'_>) -> Result<Pair, Failure> {
    let mechanism = match alg.family() {
        Family::Rsa => Mechanism::RsaPkcsKeyPairGen,
        Family::Ecdsa => Mechanism::EccKeyPairGen,
        Family::EdDsa => Mechanism::EccEdwardsKeyPairGen,
        Family::MlDsa => Mechanism::MlDsaKeyPairGen,
    };
    let mut private = private_attributes(residence);
    let mut public = vec![Attribute::Private(false), Attribute::Verify(true)];
    match residence {
        Residence::Token { label, object_id } => {
            for template in [&mut public, &mut private] {
                template.push(Attribute::Label(label.as_bytes().to_vec()));
                template.push(Attribute::Id(object_id.to_vec()));
            }
            public.push(Attribute::Token(true));
        }
        Residence::Session | Residence::Wrappable => public.push(Attribute::Token(false)),
    }
    public.extend(size(alg));
    let (public, private) = session.generate_key_pair(&mechanism, &public, &private)?;
    let (made, spki) = find::public_key(session, public)?;
    if made != alg {
        return Err(Error::Unreadable("a new key of another kind than asked for").into());
    }
    Ok(Pair { public, private, spki })
}

/// What says how long the key is, or on which curve.
fn size(alg: Alg) -> Vec<Attribute> {
    let curve = || vec![Attribute::EcParams(spki::ec_params(alg).unwrap_or_default())];
    let set = |set: MlDsaParameterSetType| vec![Attribute::ParameterSet(set.into())];
    match alg {
        Alg::Rsa2048 | Alg::Rsa3072 | Alg::Rsa4096 => vec![
            Attribute::ModulusBits(alg.modulus_bits().unwrap_or_default().into()),
            Attribute::PublicExponent(vec![0x01, 0x00, 0x01]),
        ],
        Alg::P256 | Alg::P384 | Alg::Ed25519 => curve(),
        Alg::MlDsa44 => set(MlDsaParameterSetType::ML_DSA_44),
        Alg::MlDsa65 => set(MlDsaParameterSetType::ML_DSA_65),
        Alg::MlDsa87 => set(MlDsaParameterSetType::ML_DSA_87),
    }
}

/// Makes an AES-256 key that wraps and unwraps and does nothing else.
pub(crate) fn wrapping_key(session: &Session, label: Option<&str>) -> Result<ObjectHandle, Failure> {
    let mut template = vec![
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::AES),
        Attribute::ValueLen(32.into()),
        Attribute::Token(label.is_some()),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Wrap(true),
        Attribute::Unwrap(true),
        Attribute::Encrypt(false),
        Attribute::Decrypt(false),
        Attribute::Sign(false),
        Attribute::Verify(false),
        Attribute::Derive(false),
    ];
    if let Some(label) = label {
        template.push(Attribute::Label(label.as_bytes().to_vec()));
        template.push(Attribute::Id(label.as_bytes().to_vec()));
    }
    let key = session.generate_key(&Mechanism::AesKeyGen, &template)?;
    if label.is_some() {
        // Most tokens let only the security officer say so. Asked for in the template, a refusal would leave half a
        // key behind in SoftHSM.
        if let Err(error) = session.update_attributes(key, &[Attribute::Trusted(true)]) {
            let error = Failure::from(error).into_error();
            tracing::info!(error = %error, "the token does not let us mark the wrapping key trusted: {error}");
        }
    }
    Ok(key)
}

/// What a data key may do: it encrypts one secret, is wrapped once and destroyed.
pub(crate) fn fresh_data_key() -> Vec<Attribute> {
    let mut template = data_key();
    template.extend([
        Attribute::ValueLen(32.into()),
        Attribute::Extractable(true),
        Attribute::Encrypt(true),
        Attribute::Decrypt(false),
    ]);
    template
}

/// What a data key may do once it is unwrapped: it decrypts, and cannot leave again.
pub(crate) fn unwrapped_data_key() -> Vec<Attribute> {
    let mut template = data_key();
    template.extend([
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::AES),
        Attribute::Extractable(false),
        Attribute::Encrypt(false),
        Attribute::Decrypt(true),
    ]);
    template
}

/// What a data key may do on its way to another wrapping key: nothing but leave.
pub(crate) fn moving_data_key() -> Vec<Attribute> {
    let mut template = data_key();
    template.extend([
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::AES),
        Attribute::Extractable(true),
        Attribute::Encrypt(false),
        Attribute::Decrypt(false),
    ]);
    template
}

fn data_key() -> Vec<Attribute> {
    vec![
        Attribute::Token(false),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Wrap(false),
        Attribute::Unwrap(false),
        Attribute::Sign(false),
        Attribute::Verify(false),
        Attribute::Derive(false),
    ]
}

/// The attributes of a private key that is unwrapped: it signs, and cannot be wrapped again unless it must be.
pub(crate) fn unwrapped_attributes(alg: Alg, residence: &Residence<'_>) -> Vec<Attribute> {
    let key_type = match alg.family() {
        Family::Rsa => KeyType::RSA,
        Family::Ecdsa => KeyType::EC,
        Family::EdDsa => KeyType::EC_EDWARDS,
        Family::MlDsa => KeyType::ML_DSA,
    };
    let mut template = private_attributes(residence);
    template.push(Attribute::Class(ObjectClass::PRIVATE_KEY));
    template.push(Attribute::KeyType(key_type));
    template
}

fn private_attributes(residence: &Residence<'_>) -> Vec<Attribute> {
    vec![
        Attribute::Token(matches!(residence, Residence::Token { .. })),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(matches!(residence, Residence::Wrappable)),
        Attribute::Sign(true),
        Attribute::SignRecover(false),
        Attribute::Decrypt(false),
        Attribute::Unwrap(false),
        Attribute::Derive(false),
    ]
}
