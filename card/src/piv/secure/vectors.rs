//! Whole conversations as they were computed with pyca/cryptography by `card/tests/vectors/secure_messaging.py`, apart from our code: what
//! we ask, what the card answers, and three commands with their answers.

use std::slice::from_ref;

use aws_lc_rs::agreement::PrivateKey;

use super::{ContentSigner, Establishing, NotBelieved, SecureError, Session, Suite};
use crate::apdu::{Answer, Command, Response, Status};
use crate::tlv;
use crate::transport::Lengths;

/// One conversation.
struct Transcript {
    suite: Suite,
    /// The point of the content signer.
    signer: &'static str,
    asked: &'static str,
    answer: &'static str,
    /// Commands with their answers.
    unlock: (&'static str, &'static str),
    read: (&'static str, &'static str),
    tries: (&'static str, &'static str),
}

const P256: Transcript = Transcript {
    suite: Suite::P256,
    signer: "049d8da3570c171f6cf27e78558463cfb5c6712021fdf67c1520b5923acf35d08d7cfc5ce95a6c15cc401ab0dba3e786bb700e7213ac70a4234d7cb2f05d0b5694",
    asked: "7c4e814a006c616e796172640004515c3d6eb9e396b904d3feca7f54fdcd0cc1e997bf375dca515ad0a6c3b4035f4536be3a50f318fbf9a5475902a221502bef0d57e08c53b2cc0a56f17d9f93548200",
    answer: "7c81f98281f600606162636465666768696a6b6c6d6e6ff9a7792f392aa4379ae3fb3d818858d37f2181d15f290180420840414243444546475f2010202122232425262728292a2b2c2d2e2f7f494d06082a8648ce3d030107864104254ee6d1bad1c74ce2fd28ac529a166af4950a0e3da0bc53d96bf40dce38ebe7df5937f11e869d453729a222f63e709d0740b97544e1416b1e5a401b385fb9505f4c01005f37593057300a06082a8648ce3d0403020349003046022100a5537db9a95badb575ef2effffa949646604cb7e84aeac50a05601039edf0c2d022100ad453679c42ba2be539470bd851d7d3f252664a46d11d1c3b8f302cdf33e2316",
    unlock: (
        "0c2c00802d872101989571153e57c0132d8b0ed153c33d126c801dc677086f535f8f6659d8c1ad168e08cb3fbba8c53c7f7800",
        "990290008e08fb53b9764777fafb9000",
    ),
    read: (
        "0ccb3fff2087110142649dd8d0119b1033ce7634891909ac9701008e08a95cb96146bb74a000",
        "871101a3bf63010d56c03b27afa80fe724e31f990290008e084c85dafeacb7f4969000",
    ),
    tries: ("0c2000800a8e08954b79ac577d28ff00", "990263c28e089dec93da19288e589000"),
};

const P384: Transcript = Transcript {
    suite: Suite::P384,
    signer: "0476b3ba57df76743db9ad5426d85231a83d28987b0d7f7ff901f498da6d49290178c18f2897dc7844c306c6156e2bdddeb5cdc9a1297b06a8c3dc791b6b6d3bdd2482a39dc6f0eb36892475e9621a15a86ae69e2ca427cd63152ec07b8fc04205",
    asked: "7c6e816a006c616e796172640004c76f2283dda95cd49b0ed9e733d2904474e37216f124e13d2c9ab4cf01021c49ad9cabb3d0b97499aef2f0ab313fa02826bc1f83451b5c8962a75caff73588d4400a6296436154fb343c393e91048a6c7bcbadc83cd8a5f26feae883156f92a18200",
    answer: "7c82013f8282013b00606162636465666768696a6b6c6d6e6f70717273747576773d9a62cdfa609e7e7c045d892c41e35a7f2182010d5f290180420840414243444546475f2010202122232425262728292a2b2c2d2e2f7f496a06052b8104002286610463ef7fd80a10d9b162d2ddbd5a3b71c7f6b8c3d33a5f9f1aa51e7ab9b9c9e95b67b1d6a6a3529a085e8019b94f729e3e5027c4f58fb3ca6204e0a826611eb945e20ca52c60ed60f32905e5be6f1828634e4661ebc2250bf124bd6d0fd40acd035f4c01005f37783076300a06082a8648ce3d0403030368003065023002ff070de3142ef3216ba3b234913f0b942446e41d7e95228402f20cd5cfc1af20dfb5605b23e299feec82dd59a5a23c023100a7b39a681e93f549ef54cfabb1d1aac3927eb54e9cff914031a5ce48c845ffd06f2b617ff37971f7866bfeff0e54cfaf",
    unlock: (
        "0c2c00802d872101dc95313e1bda108e7a2c6ba10b5e18cd339e39b0f65bffdb7d9bc0c5fbb3e02c8e08105129628f3a5a4700",
        "990290008e08cdcd434a0e1a4d979000",
    ),
    read: (
        "0ccb3fff208711018bb65b73cc690bb2fd16b7f50dd0ed389701008e086de41830ada40d8000",
        "8711015bff8afff6193a7c3a68ac1a516312b4990290008e08875775030894f7c79000",
    ),
    tries: ("0c2000800a8e08de68652ecbf5dc5f00", "990263c28e08485b98ab0573fdca9000"),
};

fn octets(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap()
}

impl Transcript {
    fn known(&self) -> ContentSigner {
        let curve = tlv::tagged(0x06, self.suite.curve());
        let algorithm = [&b"\x06\x07\x2A\x86\x48\xCE\x3D\x02\x01"[..], &curve[..]].concat();
        let key = [&[0][..], &octets(self.signer)[..]].concat();
        let info = [tlv::tagged(0x30, &algorithm), tlv::tagged(0x03, &key)].concat();
        let identifier: Vec<u8> = (0x40..0x54).collect();
        ContentSigner::new(&identifier, &tlv::tagged(0x30, &info)).unwrap()
    }

    fn question(&self) -> Establishing {
        // Octets that are counted from 1.
        let length = u8::try_from(self.suite.curve_octets()).unwrap();
        let key: Vec<u8> = (1..=length).collect();
        let key = PrivateKey::from_private_key(self.suite.agreement(), &key).unwrap();
        Establishing::with_key(self.suite, key).unwrap()
    }

    fn finish(&self, answer: &[u8], known: &[ContentSigner]) -> Result<Session, SecureError> {
        self.question().finish(answer, None, known).map(|(session, identifier)| {
            assert_eq!(identifier.to_vec(), (0x20..0x30).collect::<Vec<u8>>());
            session
        })
    }

    fn session(&self) -> Session {
        self.finish(&octets(self.answer), from_ref(&self.known())).unwrap()
    }
}

impl Suite {
    /// How many octets a private key has.
    fn curve_octets(self) -> usize {
        (self.point_length() - 1) / 2
    }
}

fn unlock() -> Command {
    Command::new(0x2C, 0x00, 0x80).with_data(b"8765432124681012".to_vec())
}

/// Gives a command, and reads the answer to it.
fn exchange(
    session: Session,
    command: &Command,
    (sent, said): (&str, &str),
) -> Result<(Response, Session), SecureError> {
    let (secured, waiting) = session.protect(command)?;
    let pieces = secured.encode(Lengths::Short);
    assert_eq!(pieces.len(), 1);
    assert_eq!(hex::encode(&*pieces[0]), sent);
    waiting.read(&Response::parse(octets(said)).unwrap())
}

/// What another implementation computed is what we do, in both suites: the question, the keys, the card's proof, commands with data, with
/// an answer and with neither, and their answers.
#[test]
fn conversations_are_those_of_others() {
    for transcript in [P256, P384] {
        assert_eq!(hex::encode(transcript.question().command().data()), transcript.asked);
        let session = transcript.session();
        let (response, session) = exchange(session, &unlock(), transcript.unlock).unwrap();
        assert_eq!(response, Response { data: Vec::new(), status: Status::Success });
        let read = Command::new(0xCB, 0x3F, 0xFF).with_data(octets("5c035fc102")).expecting(Answer::ANY);
        let (response, session) = exchange(session, &read, transcript.read).unwrap();
        assert_eq!(response, Response { data: octets("530401020304"), status: Status::Success });
        let tries = Command::new(0x20, 0x00, 0x80);
        let (response, _) = exchange(session, &tries, transcript.tries).unwrap();
        assert_eq!(response, Response { data: Vec::new(), status: Status::WrongWithTries(2) });
    }
}

/// An answer that was changed anywhere, cut, given before or to another command, or without protection, is none, and the conversation is
/// over with it.
#[test]
fn changed_answers_end_it() {
    for transcript in [P256, P384] {
        let good = octets(transcript.unlock.1);
        let outcome = |said: Vec<u8>| {
            let (_, waiting) = transcript.session().protect(&unlock()).unwrap();
            waiting.read(&Response::parse(said).unwrap()).map(drop)
        };
        assert_eq!(outcome(good.clone()), Ok(()));
        for at in 0..good.len() - 2 {
            let mut changed = good.clone();
            changed[at] ^= 1;
            assert_eq!(outcome(changed), Err(SecureError::Forged), "{at}");
        }
        let bare = SecureError::NotProtected(Status::SecureMessagingFailed);
        for (said, expected) in [
            (octets("6988"), bare),
            (octets("9000"), SecureError::Unreadable),
            (octets("990290009000"), SecureError::Unreadable),
            (octets(transcript.read.1), SecureError::Forged),
        ] {
            assert_eq!(outcome(said), Err(expected));
        }
        // The answer to the command before, once more.
        let (_, session) = exchange(transcript.session(), &unlock(), transcript.unlock).unwrap();
        let (_, waiting) = session.protect(&unlock()).unwrap();
        let repeated = waiting.read(&Response::parse(good).unwrap()).map(drop);
        assert_eq!(repeated, Err(SecureError::Forged));
    }
}

/// A card that is not vouched for, whose certificate is changed, or that has not the key of it, is not spoken to.
#[test]
fn cards_that_are_not_vouched_for_are_refused() {
    for transcript in [P256, P384] {
        let (good, known) = (octets(transcript.answer), transcript.known());
        let outcome =
            |answer: &[u8], known: &[ContentSigner]| transcript.finish(answer, known).map(drop).err();
        assert_eq!(outcome(&good, &[]), Some(SecureError::Certificate(NotBelieved::SignerUnknown)));
        let other = if transcript.suite == Suite::P256 { P384.known() } else { P256.known() };
        assert_eq!(
            outcome(&good, from_ref(&other)),
            Some(SecureError::Certificate(NotBelieved::OtherKind)),
            "a key of another kind"
        );
        let start = good.windows(2).position(|two| two == [0x7F, 0x21]).unwrap();
        let nonce = start - 16 - transcript.suite.nonce_length();
        for at in nonce..start {
            let mut changed = good.clone();
            changed[at] ^= 1;
            assert_eq!(outcome(&changed, from_ref(&known)), Some(SecureError::NotConfirmed), "{at}");
        }
        for at in start..good.len() {
            let mut changed = good.clone();
            changed[at] ^= 1;
            let refused = outcome(&changed, from_ref(&known));
            assert!(matches!(refused, Some(SecureError::Certificate(_))), "{at}: {refused:?}");
        }
        for at in 0..good.len() {
            assert!(outcome(&good[..at], from_ref(&known)).is_some(), "{at}");
        }
    }
}
