//! What a connection is over LDAP: as whom it has bound, what is given up, and extensions that it does not know.

use std::time::Duration;

use directory::ldap::{LdapConfig, Rates};
use ldap3_proto::control::LdapControl;
use ldap3_proto::proto::{
    LdapBindCred, LdapBindRequest, LdapCompareRequest, LdapExtendedRequest, LdapMsg, LdapOp, LdapResultCode,
    SaslCredentials,
};
use platform::db::Db;
use platform::problem::Problem;
use tokio::time::timeout;

use crate::ldap_faults::{Secure, persistent, search};
use crate::ldap_rig::{Ldap, NotFoundOut, SECRET, at_once};
use crate::systems::{accredited, register};

/// What a message says.
#[derive(Debug, PartialEq)]
enum Said {
    Entry(String),
    Result(LdapResultCode),
}

impl Secure {
    /// The number of the next message, and what it says.
    async fn said(&mut self) -> (i32, Said) {
        let next = timeout(Duration::from_mins(1), self.next()).await.expect("something is said");
        let message = next.expect("the connection is open");
        let said = match message.op {
            LdapOp::SearchResultEntry(entry) => Said::Entry(entry.dn),
            LdapOp::SearchResultDone(result) | LdapOp::CompareResult(result) => Said::Result(result.code),
            LdapOp::BindResponse(response) => Said::Result(response.res.code),
            LdapOp::ExtendedResponse(response) => Said::Result(response.res.code),
            other => panic!("{other:?}"),
        };
        (message.msgid, said)
    }

    /// As whom the server knows this client; nothing where it does not say.
    async fn whoami(&mut self, msgid: i32) -> Option<String> {
        self.send(extended(msgid, "1.3.6.1.4.1.4203.1.11.3", None)).await;
        let message = self.next().await.expect("the connection is open");
        let LdapOp::ExtendedResponse(response) = message.op else { panic!("{message:?}") };
        assert_eq!(message.msgid, msgid);
        response.value.map(|octets| String::from_utf8(octets).unwrap())
    }
}

/// A request of an extended operation.
pub(crate) fn extended(msgid: i32, name: &str, value: Option<Vec<u8>>) -> LdapMsg {
    let op = LdapOp::ExtendedRequest(LdapExtendedRequest { name: name.to_owned(), value });
    LdapMsg { msgid, op, ctrl: Vec::new() }
}

/// Asks that a request be cancelled. RFC 3909 2.
fn cancel(msgid: i32, which: u8) -> LdapMsg {
    extended(msgid, "1.3.6.1.1.8", Some(vec![0x30, 3, 2, 1, which]))
}

/// A bind with a name and a secret.
fn bind(msgid: i32, dn: &str, secret: &str) -> LdapMsg {
    let cred = LdapBindCred::Simple(secret.to_owned());
    let op = LdapOp::BindRequest(LdapBindRequest { version: 3, dn: dn.to_owned(), cred });
    LdapMsg { msgid, op, ctrl: Vec::new() }
}

/// A bind by the certificate of the connection.
fn external(msgid: i32) -> LdapMsg {
    let sasl = SaslCredentials { mechanism: "EXTERNAL".to_owned(), credentials: Vec::new() };
    let cred = LdapBindCred::SASL(sasl);
    let op = LdapOp::BindRequest(LdapBindRequest { version: 3, dn: String::new(), cred });
    LdapMsg { msgid, op, ctrl: Vec::new() }
}

/// Asks whether an entry has a value.
fn compare(msgid: i32, dn: &str, attribute: &str, value: &str) -> LdapMsg {
    let (dn, atype, val) = (dn.to_owned(), attribute.to_owned(), value.as_bytes().to_vec());
    LdapMsg { msgid, op: LdapOp::CompareRequest(LdapCompareRequest { dn, atype, val }), ctrl: Vec::new() }
}

/// Why it is not found out whose a certificate is; what is answered then to a bind by it, and to anything else.
const NOT_FOUND_OUT: [(NotFoundOut, LdapResultCode, LdapResultCode); 3] = [
    (
        || Problem::unavailable("authority-away", "The authority is away.", Duration::from_secs(1)),
        LdapResultCode::Unavailable,
        LdapResultCode::Unavailable,
    ),
    (
        || Problem::too_many("too-many", "Too many.", Duration::from_secs(1)),
        LdapResultCode::Busy,
        LdapResultCode::Busy,
    ),
    (
        || Problem::unauthenticated("certificate-revoked", "It has been revoked."),
        LdapResultCode::InvalidCredentials,
        LdapResultCode::InsufficentAccessRights,
    ),
];

/// A control that nobody knows, and without which nothing is to be done.
pub(crate) fn unknown_control() -> Vec<LdapControl> {
    vec![LdapControl::Unknown { oid: "1.2.3.4".to_owned(), criticality: true, value: None }]
}

platform::both_engines! {
    /// What would go on for ever and is abandoned has no answer, what is cancelled has its own, and nothing of either comes behind that; whoever
    /// binds anew is told nothing more of what they asked before.
    async fn what_is_given_up_says_nothing_more(db: Db) {
        let ldap = Ldap::new(db).await;
        let there = register(&ldap.rig, &accredited("RXX")).await;
        let mut client = Secure::connect(&ldap).await;
        for msgid in [1, 2, 3] {
            client.send(persistent(msgid, 15, "(objectClass=nhsAs)")).await;
            assert!(matches!(client.said().await, (said, Said::Entry(dn)) if said == msgid && dn.contains(&there)));
        }
        client.send(LdapMsg { msgid: 0, op: LdapOp::AbandonRequest(1), ctrl: Vec::new() }).await;
        client.send(cancel(4, 2)).await;
        assert_eq!(client.said().await, (2, Said::Result(LdapResultCode::Canceled)));
        assert_eq!(client.said().await, (4, Said::Result(LdapResultCode::Success)));
        for (msgid, which) in [(5, 2), (6, 1)] {
            client.send(cancel(msgid, which)).await;
            assert_eq!(client.said().await, (msgid, Said::Result(LdapResultCode::NoSuchOperation)), "once and no more");
        }
        for _ in 0..3 {
            let next = register(&ldap.rig, &accredited("RYY")).await;
            assert!(matches!(client.said().await, (3, Said::Entry(dn)) if dn.contains(&next)), "one alone goes on");
        }
        client.send(bind(7, "", "")).await;
        assert_eq!(client.said().await, (7, Said::Result(LdapResultCode::Success)));
        let last = register(&ldap.rig, &accredited("RZZ")).await;
        client.send(persistent(8, 15, "(nhsIDCode=RZZ)")).await;
        assert!(matches!(client.said().await, (8, Said::Entry(dn)) if dn.contains(&last)));
        register(&ldap.rig, &accredited("RZZ")).await;
        assert!(matches!(client.said().await, (8, Said::Entry(_))), "what was asked before the bind is over");
    }

    /// An extended operation with a control that is critical and unknown is not done, and neither is an abandon: the search goes on.
    async fn unknown_controls_refuse_every_operation(db: Db) {
        let ldap = Ldap::new(db).await;
        let there = register(&ldap.rig, &accredited("RXX")).await;
        let mut client = Secure::connect(&ldap).await;
        client.send(persistent(1, 15, "(objectClass=nhsAs)")).await;
        assert!(matches!(client.said().await, (1, Said::Entry(dn)) if dn.contains(&there)));
        let whoami = extended(2, "1.3.6.1.4.1.4203.1.11.3", None);
        for asked in [whoami, cancel(2, 1), extended(2, "1.3.6.1.4.1.1466.20037", None)] {
            client.send(LdapMsg { ctrl: unknown_control(), ..asked }).await;
            assert_eq!(client.said().await, (2, Said::Result(LdapResultCode::UnavailableCriticalExtension)));
        }
        client.send(LdapMsg { msgid: 3, op: LdapOp::AbandonRequest(1), ctrl: unknown_control() }).await;
        client.send(extended(4, "1.3.6.1.4.1.4203.1.11.3", None)).await;
        assert_eq!(client.said().await, (4, Said::Result(LdapResultCode::Success)), "without it the operation is done");
        let next = register(&ldap.rig, &accredited("RYY")).await;
        assert!(matches!(client.said().await, (1, Said::Entry(dn)) if dn.contains(&next)), "nothing was given up");
    }

    /// Of whom it cannot be found out at the moment who they are is told to come again, whatever they ask, and what they follow ends so;
    /// that somebody may not is told of a certificate that is not good alone.
    async fn what_passes_is_told_as_that(db: Db) {
        let ldap = Ldap::new(db).await;
        let there = register(&ldap.rig, &accredited("RXX")).await;
        let dn = format!("uniqueIdentifier={there},ou=Services,o=nhs");
        for (problem, binding, asking) in NOT_FOUND_OUT {
            let mut client = Secure::connect(&ldap).await;
            client.send(external(1)).await;
            assert_eq!(client.said().await, (1, Said::Result(LdapResultCode::Success)));
            client.send(persistent(2, 15, "(objectClass=nhsAs)")).await;
            assert!(matches!(client.said().await, (2, Said::Entry(_))));
            *ldap.problem.lock().unwrap() = Some(problem);
            register(&ldap.rig, &accredited("RYY")).await;
            assert_eq!(client.result(2).await, asking, "what was followed");
            client.send(search(3, "(nhsIDCode=RXX)")).await;
            assert_eq!(client.said().await, (3, Said::Result(asking.clone())));
            client.send(compare(4, &dn, "nhsIDCode", "RXX")).await;
            assert_eq!(client.said().await, (4, Said::Result(asking.clone())));
            // Who is nobody is told so.
            let is_nobody = asking == LdapResultCode::InsufficentAccessRights;
            client.send(extended(5, "1.3.6.1.4.1.4203.1.11.3", None)).await;
            let told = if is_nobody { LdapResultCode::Success } else { asking };
            assert_eq!(client.said().await, (5, Said::Result(told)));
            client.send(external(6)).await;
            assert_eq!(client.said().await, (6, Said::Result(binding)));
            // The connection is the same, and so is who it is once that can be found out.
            *ldap.problem.lock().unwrap() = None;
            client.send(external(7)).await;
            assert_eq!(client.said().await, (7, Said::Result(LdapResultCode::Success)));
            client.send(compare(8, &dn, "nhsIDCode", "RXX")).await;
            assert_eq!(client.said().await, (8, Said::Result(LdapResultCode::CompareTrue)));
        }
    }

    /// A program that binds for each of its searches is not held up, however often it does; one that tries secrets out is, and is not told then that
    /// one of them is right.
    async fn wrong_secrets_alone_are_counted(db: Db) {
        let ldap = Ldap::new(db).await;
        let mut client = Secure::connect_as_stranger(&ldap).await;
        let mut msgid = 0;
        let mut tried = async |secret: &str| {
            msgid += 1;
            client.send(bind(msgid, "cn=reader,o=nhs", secret)).await;
            client.result(msgid).await
        };
        for number in 0..100 {
            assert_eq!(tried(SECRET).await, LdapResultCode::Success, "{number}");
        }
        let wrong = "08".repeat(32);
        let mut right_ones = Vec::new();
        for round in 0..10 {
            let mut many = 0;
            while tried(&wrong).await != LdapResultCode::Busy {
                many += 1;
                assert!(many <= 1_000, "{round}: nobody is slowed");
            }
            assert!(many >= 20 || round > 0, "{many}: a few are a mistake");
            right_ones.push(tried(SECRET).await);
        }
        // Now and then the time for one more has just come.
        assert!(right_ones.contains(&LdapResultCode::Busy), "{right_ones:?}");
    }

    /// Whoever was somebody and asks to bind anew is nobody, whether that was refused for a control, could not be read, or came too soon.
    async fn who_fails_to_bind_is_nobody(db: Db) {
        let (known, few) = (at_once(1_000_000), at_once(1));
        for (name, strangers, expected) in [
            ("a control", known, LdapResultCode::UnavailableCriticalExtension),
            ("an octet", known, LdapResultCode::ProtocolError),
            ("too soon", few, LdapResultCode::Busy),
        ] {
            let ldap = Ldap::counted(db.clone(), LdapConfig::default(), Rates { known, strangers }).await;
            let mut client = Secure::connect_as_stranger(&ldap).await;
            let again = |msgid| bind(msgid, "cn=reader,o=nhs", SECRET);
            client.send(again(1)).await;
            assert_eq!(client.said().await, (1, Said::Result(LdapResultCode::Success)), "{name}");
            assert_eq!(client.whoami(2).await.as_deref(), Some("dn:cn=reader,o=nhs"), "{name}");
            let mut msgid = 3;
            let code = loop {
                match name {
                    "a control" => client.send(LdapMsg { ctrl: unknown_control(), ..again(msgid) }).await,
                    "an octet" => client.raw(&[0x30, 7, 2, 1, 3, 0x60, 2, 4, 0]).await,
                    _ => client.send(again(msgid)).await,
                }
                let code = client.result(msgid).await;
                // Of those that come too soon the first may be in time.
                if code != LdapResultCode::Success || msgid == 100 {
                    break code;
                }
                msgid += 1;
            };
            assert_eq!(code, expected, "{name}");
            // Who is nobody may have asked too often here, and is told nothing then.
            assert_eq!(client.whoami(101).await.unwrap_or_default(), "", "{name}");
            client.send(search(102, "(objectClass=*)")).await;
            assert_ne!(client.result(102).await, LdapResultCode::Success, "{name}");
            ldap.stop().await;
        }
    }
}
