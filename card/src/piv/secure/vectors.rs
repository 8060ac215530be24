//! Whole conversations as they were computed with pyca/cryptography by `card/tests/vectors/secure_messaging.py`, apart from our code: what
//! we ask, what the card answers, and three commands with their answers.

use std::slice::from_ref;

use aws_lc_rs::agreement::PrivateKey;

use super::certificate::believe;
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

/// A content signer's `SubjectPublicKeyInfo` with RSA, an intermediate certificate that it has signed, and a card's by that.
const BY_INTERMEDIATE: [&str; 3] = [
    "30820122300d06092a864886f70d01010105000382010f003082010a0282010100b92703c7ef220a0d020dc8e99ff6ba8b50c4a65e9440a7a89182ea3ad8e8167ee56b2bae5cba5477b515d748f83a4747cc6f8ac6c87353875479a46302f5d68eba003278a09fff99075f540174e12114992257bbc995be026264aa0031b963bf634c987330652147cf7b4c55e6ebb5d258fd56d8b4bab3dd8eed7a61ad9ac1cd8958e1f7c2f35d8775acf9107984376b01c82791143ad7563080bac6dec7b19a97f36418472a31e206f6a17a1352b2af8138a64af37b7b7c62cd6eb8f6bfa1a6875a52c7fbbc7e1fa7e4783e4d7ccbc2902e44943a11517da1eede9d75301cd432f9e369d87c55e3bc60f00c9feef656f4abef4e4c7cb73221aab373280eec2b0203010001",
    "7f2182018a5f290180420840414243444546475f2008a6552b15360575827f494d06082a8648ce3d030107864104088bb9ff22ab291a74c86fc677ba897baadee370cc6129b82d170ba3fc26415c442da9a716067956d91eaa02b93ad409490e87cd5e758ea6a331a1deb75ba8465f4c01125f3782011830820114300d06092a864886f70d01010b050003820101009ebad1921e12abaa8236adcf704bf7ee15c9293bb6508e4ac9b5c57bb83d0d428976f16a69f4b7dedbbdb4156308a9c6b5cb6f5d2094bf6d824da047a807e3e3281306c5bb4887ffe793f680b0c9c23805825f88d2e36747bbd522586d6fe403a80caa19c5da09ef1841a56d90d6888cb422cc7fe3fae52d2eacc16390ca89e173cf866fcc959b6f1652666d86a7aeebbab403eac81f574f99c9b60b10bb48b110c53ba322943b4657b2a737dce46016a082a5493259dd53c87d05ffbe1cb680c5cf367fff15bcd266362039c2797903fbf78f3b29a885ca8dcb1a85075dd1c7daeac522d8ec7d9535e9744dda7aa7618d926e99f48a343f5aebd2b82185666e",
    "7f2181d05f2901804208a6552b15360575825f2010202122232425262728292a2b2c2d2e2f7f494d06082a8648ce3d03010786410410a490523955cbc2c2d3452458fcdf97c4733469f187905f5cb67347f4244eb8725142ef53dc5f96cd9b28a7cdb01259e21aad08c2c137fe1689d6315d37a37f5f4c01005f37583056300a06082a8648ce3d0403020348003045022045edd3a52ed50fc887f45d97907091e9616426fc4feb40ae608d761f5af42a590221009605a8c70d7cd3d717dc391a6f791a52bb1246b01d045e6d75539f868548f029",
];

/// An intermediate certificate is signed with RSA, as the standard has it, and what it vouches for is believed; changed anywhere it vouches
/// for nothing, nor does it where it is left out.
#[test]
fn intermediates_are_signed_with_rsa() {
    let [signer, above, card] = BY_INTERMEDIATE.map(octets);
    let identifier: Vec<u8> = (0x40..0x54).collect();
    let known = [ContentSigner::new(&identifier, &signer).unwrap()];
    let outcome = |above: Option<&[u8]>| {
        believe(&card, above, &known, Suite::P256).map(|believed| believed.identifier.to_vec())
    };
    assert_eq!(outcome(Some(&above[..])), Ok((0x20..0x30).collect::<Vec<u8>>()));
    assert_eq!(outcome(None), Err(NotBelieved::SignerUnknown));
    for at in 0..above.len() {
        let mut changed = above.clone();
        changed[at] ^= 1;
        assert!(outcome(Some(&changed[..])).is_err(), "{at}");
    }
}
