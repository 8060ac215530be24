use super::*;

const SECRET: &[u8] = b"a shared secret";
const MESSAGE: &[u8] = b"a protected part";
const SALT: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
/// Both by Python's hashlib and hmac, over the secret, message and salt above: SHA-256 500 times and HMAC with SHA-384;
/// PBKDF2 with SHA-512 1,000 times to 32 octets, and HMAC with SHA-256.
const PASSWORD_BASED: &str =
    "2dd045db201bfbe70c158f17ff3b85f03aa8dcc44f8b327439ec678a2897a04b1fbda6f3f8112e4b3fd8ab2ddb24cef1";
const PBMAC_1: &str = "8210bbe006f3fd0c4e621f6faaf794d96595621bdd804a696d86ee147e699a94";

fn both() -> [(SecretProtection, &'static str); 2] {
    let rounds = |count| NonZeroU32::new(count).unwrap();
    let salt = SALT.to_vec();
    let password_based =
        Derivation::PasswordBased { salt: salt.clone(), hash: Hash::Sha256, rounds: rounds(500) };
    let pbkdf2 = Derivation::Pbkdf2 { salt, hash: Hash::Sha512, rounds: rounds(1000), length: 32 };
    [
        (SecretProtection { derivation: password_based, mac: Hash::Sha384 }, PASSWORD_BASED),
        (SecretProtection { derivation: pbkdf2, mac: Hash::Sha256 }, PBMAC_1),
    ]
}

/// Codes are those that another implementation computes, and what is written is read as the same.
#[test]
fn codes_are_those_of_others() {
    for (protection, code) in both() {
        assert_eq!(hex::encode(protection.code(SECRET, MESSAGE)), code);
        assert_eq!(SecretProtection::read(&protection.to_der()), Ok(Some(protection.clone())));
        let code = hex::decode(code).unwrap();
        assert_eq!(protection.verify(SECRET, MESSAGE, &code), Ok(()));
        let salted = protection.salted(&[9; 16]);
        for wrong in [
            protection.verify(b"another secret!", MESSAGE, &code),
            protection.verify(SECRET, b"another message!", &code),
            protection.verify(SECRET, MESSAGE, &code[..code.len() - 1]),
            protection.verify(SECRET, MESSAGE, &[]),
            salted.verify(SECRET, MESSAGE, &code),
        ] {
            assert_eq!(wrong, Err(SecretRefused::Wrong));
        }
        assert_eq!(SecretProtection::read(&salted.to_der()), Ok(Some(salted)));
    }
}

/// Every octet of the parameters changed, and every cut of them: no panic, and nothing else reads as the same.
#[test]
fn damaged_parameters_are_others() {
    for (protection, _) in both() {
        let der = protection.to_der();
        for at in 0..der.len() {
            assert!(SecretProtection::read(&der[..at]).is_err(), "cut at {at}");
            for bit in 0..8 {
                let mut damaged = der.clone();
                damaged[at] ^= 1 << bit;
                assert_ne!(SecretProtection::read(&damaged), Ok(Some(protection.clone())), "octet {at}");
            }
        }
    }
}

/// SHA-1, weak parameters and work without bound are refused by name; a signature's algorithm is none of these.
#[test]
fn bounds_are_held() {
    let with = |change: &dyn Fn(&mut Vec<u8>, &mut NonZeroU32, &mut usize)| {
        both().map(|(mut protection, _)| {
            let mut length = 32;
            match &mut protection.derivation {
                Derivation::PasswordBased { salt, rounds, .. } => change(salt, rounds, &mut length),
                Derivation::Pbkdf2 { salt, rounds, length, .. } => change(salt, rounds, length),
            }
            SecretProtection::read(&protection.to_der())
        })
    };
    let count = |count| {
        move |_: &mut Vec<u8>, rounds: &mut NonZeroU32, _: &mut usize| {
            *rounds = NonZeroU32::new(count).unwrap();
        }
    };
    for rounds in [100, 200_000] {
        assert!(with(&count(rounds)).iter().all(Result::is_ok), "{rounds}");
    }
    for rounds in [1, 99, 200_001, u32::MAX] {
        assert!(with(&count(rounds)).iter().all(Result::is_err), "{rounds}");
    }
    for length in [0, 7, 65] {
        let salted = with(&|salt, _, _| *salt = vec![0; length]);
        assert!(salted.iter().all(|read| matches!(read, Err(SecretRefused::Bounds(_)))), "{length}");
    }
    for octets in [15, 65] {
        assert!(with(&|_, _, length| *length = octets)[1].is_err(), "{octets}");
    }
    for (protection, _) in both() {
        for (from, to) in [
            // hmacWithSHA256, 384 and 512 become hmacWithSHA1, SHA-256 becomes SHA-224.
            (&[0x0d, 2, 9][..], [0x0d, 2, 7]),
            (&[0x0d, 2, 10], [0x0d, 2, 7]),
            (&[0x0d, 2, 11], [0x0d, 2, 7]),
            (&[4, 2, 1], [4, 2, 4]),
        ] {
            let mut der = protection.to_der();
            let Some(at) = der.windows(3).position(|part| part == from) else { continue };
            der[at..at + 3].copy_from_slice(&to);
            assert!(matches!(SecretProtection::read(&der), Err(SecretRefused::Algorithm(_))));
        }
    }
    let ecdsa = [0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
    assert_eq!(SecretProtection::read(&ecdsa), Ok(None));
}
