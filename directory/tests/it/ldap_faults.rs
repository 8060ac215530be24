//! Bad input over LDAP: what lies, nests, stays silent, reads slowly or asks for too much does no harm to anybody else.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use directory::ldap::{LdapConfig, fuzz};
use ldap3_proto::LdapCodec;
use ldap3_proto::control::{LdapControl, ServerSortRequet};
use ldap3_proto::parse_ldap_filter_str;
use ldap3_proto::proto::{
    LdapBindCred, LdapBindRequest, LdapDerefAliases, LdapMsg, LdapOp, LdapResultCode, LdapSearchRequest,
    LdapSearchScope,
};
use platform::db::testing::TestDb;
use platform::db::{Db, Engine};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_util::codec::{Decoder as _, Encoder as _};

use crate::ldap_rig::{As, Ldap, SECRET, names};
use crate::ldap_sessions::{extended, unknown_control};
use crate::systems::{accredited, register};

/// A client that says what it likes.
pub(crate) struct Client<S> {
    stream: S,
    buffer: BytesMut,
    codec: LdapCodec,
}

pub(crate) type Secure = Client<TlsStream<TcpStream>>;

impl Secure {
    pub(crate) async fn connect(ldap: &Ldap) -> Self {
        let files = ["server.pem", "client.pem", "client.key"].map(|name| ldap.folder.path().join(name));
        let config = platform::tls::client(&files[0], &files[1], &files[2]).unwrap();
        let stream = TcpStream::connect(ldap.tls).await.unwrap();
        Self::over(stream, config).await
    }

    /// As somebody who shows no certificate.
    pub(crate) async fn connect_as_stranger(ldap: &Ldap) -> Self {
        let config = platform::tls::trusting(&ldap.folder.path().join("server.pem")).unwrap();
        Self::over(TcpStream::connect(ldap.tls).await.unwrap(), config).await
    }

    async fn over(stream: TcpStream, config: ClientConfig) -> Self {
        let name = "localhost".try_into().unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
        Client { stream, buffer: BytesMut::new(), codec: LdapCodec::new(Some(1 << 24), None) }
    }
}

impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin> Client<S> {
    pub(crate) async fn send(&mut self, message: LdapMsg) {
        let mut octets = BytesMut::new();
        self.codec.encode(message, &mut octets).unwrap();
        self.stream.write_all(&octets).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    pub(crate) async fn raw(&mut self, octets: &[u8]) {
        self.stream.write_all(octets).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// The next message; `None` when the server has ended the connection.
    pub(crate) async fn next(&mut self) -> Option<LdapMsg> {
        loop {
            if let Some(message) = self.codec.decode(&mut self.buffer).unwrap() {
                return Some(message);
            }
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The result of a request, passing over entries.
    pub(crate) async fn result(&mut self, msgid: i32) -> LdapResultCode {
        loop {
            let message = self.next().await.expect("the connection is open");
            if message.msgid != msgid {
                continue;
            }
            match message.op {
                LdapOp::SearchResultDone(result) => return result.code,
                LdapOp::BindResponse(response) => return response.res.code,
                LdapOp::ExtendedResponse(response) => return response.res.code,
                _ => {}
            }
        }
    }
}

impl Secure {
    /// Sends so many searches, each abandoned at once, and waits for the answer to one behind them.
    async fn abandon(&mut self, many: i32) {
        let mut octets = BytesMut::new();
        for msgid in 1..=many {
            self.codec.encode(search(msgid, "(|(description=a*b*c*d*e)(o=*x*y*z))"), &mut octets).unwrap();
            let abandon = LdapMsg { msgid: 0, op: LdapOp::AbandonRequest(msgid), ctrl: Vec::new() };
            self.codec.encode(abandon, &mut octets).unwrap();
        }
        self.codec.encode(search(many + 1, "(nhsIDCode=RXX)"), &mut octets).unwrap();
        self.raw(&octets).await;
        assert_eq!(self.result(many + 1).await, LdapResultCode::Success);
    }
}

/// The memory of this process that is no file's, in kB.
fn memory() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// A search below the root.
pub(crate) fn search(msgid: i32, filter: &str) -> LdapMsg {
    let op = LdapOp::SearchRequest(LdapSearchRequest {
        base: "o=nhs".to_owned(),
        scope: LdapSearchScope::Subtree,
        aliases: LdapDerefAliases::Always,
        sizelimit: 0,
        timelimit: 0,
        typesonly: false,
        filter: parse_ldap_filter_str(filter).unwrap(),
        attrs: Vec::new(),
    });
    LdapMsg { msgid, op, ctrl: Vec::new() }
}

/// The same that goes on: what there is first, then changes of these kinds, each with a notice.
pub(crate) fn persistent(msgid: i32, kinds: u8, filter: &str) -> LdapMsg {
    let value = Some(vec![0x30, 9, 2, 1, kinds, 1, 1, 0, 1, 1, 0xff]);
    let oid = "2.16.840.1.113730.3.4.3".to_owned();
    let ctrl = vec![LdapControl::Unknown { oid, criticality: true, value }];
    LdapMsg { ctrl, ..search(msgid, filter) }
}

/// A value of BER.
fn value(tag: u8, inner: &[u8]) -> Vec<u8> {
    let length = u32::try_from(inner.len()).unwrap().to_be_bytes();
    [&[tag, 0x84][..], &length, inner].concat()
}

/// A search whose filter has so many negations, one in the other.
pub(crate) fn nested(msgid: u8, depth: usize) -> Vec<u8> {
    let mut filter = vec![0x87, 1, b'o'];
    for _ in 0..depth {
        filter = value(0xa2, &filter);
    }
    let head = [4, 5, b'o', b'=', b'n', b'h', b's', 10, 1, 2, 10, 1, 0, 2, 1, 0, 2, 1, 0, 1, 1, 0];
    let search = value(0x63, &[&head[..], &filter, &[0x30, 0]].concat());
    value(0x30, &[&[2, 1, msgid][..], &search].concat())
}

platform::both_engines! {
    /// A filter that nests too deep is refused and the connection goes on; what lies about its length ends it with a reason.
    async fn lies_and_depths_are_refused(db: Db) {
        let ldap = Ldap::new(db).await;
        let mut client = Secure::connect(&ldap).await;
        client.raw(&nested(1, 1000)).await;
        assert_eq!(client.result(1).await, LdapResultCode::ProtocolError);
        client.raw(&nested(2, 100)).await;
        assert_eq!(client.result(2).await, LdapResultCode::Success);
        for lie in [&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff][..], b"GET / HTTP/1.1\r\n\r\n", &[0x30, 0x03, 0x02, 0x01, 0x01]] {
            let mut client = Secure::connect(&ldap).await;
            client.raw(lie).await;
            let last = client.next().await.expect("it is told why");
            assert!(last.msgid == 0 && matches!(last.op, LdapOp::ExtendedResponse(_)), "{last:?}");
            assert!(client.next().await.is_none());
        }
        client.send(search(3, "(objectClass=*)")).await;
        assert_eq!(client.result(3).await, LdapResultCode::Success, "others go on");
    }

    /// Searches that are abandoned, however many, hold up nothing that is asked between them; what nobody asked cannot be cancelled.
    async fn abandoned_searches_end(db: Db) {
        let ldap = Ldap::new(db).await;
        register(&ldap.rig, &accredited("RXX")).await;
        let mut client = Secure::connect(&ldap).await;
        for msgid in 1..=2_000 {
            client.send(search(msgid, "(|(description=a*b*c*d*e)(o=*x*y*z))")).await;
            client.send(LdapMsg { msgid: 0, op: LdapOp::AbandonRequest(msgid), ctrl: Vec::new() }).await;
            if msgid % 100 == 0 {
                client.send(search(5_000 + msgid, "(nhsIDCode=RXX)")).await;
                assert_eq!(client.result(5_000 + msgid).await, LdapResultCode::Success);
            }
        }
        client.send(extended(9_999, "1.3.6.1.1.8", Some(vec![0x30, 4, 2, 2, 0x7f, 0x7f]))).await;
        assert_eq!(client.result(9_999).await, LdapResultCode::NoSuchOperation);
    }

    /// Whoever asks and reads nothing is cut off, and holds nobody else up.
    async fn slow_readers_are_cut_off(db: Db) {
        let config = LdapConfig { stall_time_out_ms: 300, ..LdapConfig::default() };
        let ldap = Ldap::with(db, config).await;
        let mut large = accredited("RXX");
        let many: Vec<String> = (0..2_000).map(|number| format!("urn:nhs:names:services:{number}:{}", "x".repeat(200))).collect();
        large["interactions"] = serde_json::json!(many);
        register(&ldap.rig, &large).await;
        let mut slow = Secure::connect(&ldap).await;
        // More than the buffers of both sides hold.
        for msgid in 1..=80 {
            slow.send(search(msgid, "(nhsIDCode=RXX)")).await;
        }
        // The server gives up in the meantime, and what is sent to it then is refused by its side of the connection.
        let mut ask = BytesMut::new();
        slow.codec.encode(search(81, "(nhsIDCode=RXX)"), &mut ask).unwrap();
        timeout(Duration::from_mins(1), async {
            loop {
                let (code, text) = ldap.search(As::Certificate, &["-b", "o=nhs", "(nhsIDCode=RXX)", "1.1"]).await;
                assert_eq!((code, names(&text).len()), (0, 1), "others are answered");
                if slow.stream.write_all(&ask).await.is_err() || slow.stream.flush().await.is_err() {
                    break;
                }
            }
        })
        .await
        .expect("the connection ends");
    }

    /// Half a message, a silent connection and one that never begins its handshake each end after their time.
    async fn silent_clients_are_let_go(db: Db) {
        let config = LdapConfig { request_time_out_ms: 300, idle_time_out_s: 1, ..LdapConfig::default() };
        let ldap = Ldap::with(db, config).await;
        let mut half = Secure::connect(&ldap).await;
        half.raw(&[0x30]).await;
        assert!(half.next().await.is_some() && half.next().await.is_none());
        let mut silent = Secure::connect(&ldap).await;
        assert!(silent.next().await.is_some() && silent.next().await.is_none());
        for port in [ldap.tls, ldap.start_tls] {
            let mut stream = TcpStream::connect(port).await.unwrap();
            assert_eq!(stream.read(&mut [0; 8]).await.unwrap_or(0), 0, "{port}");
        }
    }

    /// In clear, secrets are not taken, and what was sent behind `StartTLS` before the handshake is not taken for secure.
    async fn nothing_is_taken_in_clear(db: Db) {
        let ldap = Ldap::new(db).await;
        let clear = async || {
            let stream = TcpStream::connect(ldap.start_tls).await.unwrap();
            Client { stream, buffer: BytesMut::new(), codec: LdapCodec::new(None, None) }
        };
        let mut client = clear().await;
        let cred = LdapBindCred::Simple(SECRET.to_owned());
        let bind = LdapBindRequest { version: 3, dn: "cn=reader,o=nhs".to_owned(), cred };
        client.send(LdapMsg { msgid: 1, op: LdapOp::BindRequest(bind), ctrl: Vec::new() }).await;
        assert_eq!(client.result(1).await, LdapResultCode::ConfidentialityRequired);
        client.send(search(2, "(objectClass=*)")).await;
        assert_eq!(client.result(2).await, LdapResultCode::ConfidentialityRequired);
        let start = |msgid| extended(msgid, "1.3.6.1.4.1.1466.20037", None);
        client.send(LdapMsg { ctrl: unknown_control(), ..start(3) }).await;
        assert_eq!(client.result(3).await, LdapResultCode::UnavailableCriticalExtension);
        client.send(search(4, "(objectClass=*)")).await;
        assert_eq!(client.result(4).await, LdapResultCode::ConfidentialityRequired, "no handshake was begun");
        let mut octets = BytesMut::new();
        let mut codec = LdapCodec::default();
        codec.encode(start(3), &mut octets).unwrap();
        codec.encode(search(4, "(objectClass=*)"), &mut octets).unwrap();
        let mut injecting = clear().await;
        injecting.raw(&octets).await;
        assert!(injecting.next().await.is_none());
    }

    /// A certificate that is worth nothing any more is so for the connection that showed it, at the next question.
    async fn revoked_holders_see_nothing(db: Db) {
        let ldap = Ldap::new(db).await;
        let mut client = Secure::connect(&ldap).await;
        client.send(search(1, "(objectClass=*)")).await;
        assert_eq!(client.result(1).await, LdapResultCode::Success);
        ldap.acts.lock().unwrap().clear();
        client.send(search(2, "(objectClass=*)")).await;
        assert_eq!(client.result(2).await, LdapResultCode::InsufficentAccessRights);
    }

    /// A stopping server tells every connection, and ends.
    async fn stopping_is_told(db: Db) {
        let ldap = Ldap::new(db).await;
        let mut client = Secure::connect(&ldap).await;
        client.send(search(1, "(objectClass=*)")).await;
        assert_eq!(client.result(1).await, LdapResultCode::Success);
        ldap.stop().await;
        let last = client.next().await.expect("it is told");
        let LdapOp::ExtendedResponse(response) = last.op else { panic!("{last:?}") };
        assert_eq!((last.msgid, response.res.code), (0, LdapResultCode::Unavailable));
        assert!(client.next().await.is_none());
    }

    /// A list view answers the part that was asked for, by place and by value, and says where that is.
    async fn list_views_are_answered(db: Db) {
        let ldap = Ldap::new(db).await;
        let mut asids = Vec::new();
        for _ in 0..9 {
            asids.push(register(&ldap.rig, &accredited("RXX")).await);
        }
        let sort = || LdapControl::ServerSort {
            sort_requests: vec![ServerSortRequet {
                attribute_name: "uniqueIdentifier".to_owned(),
                ordering_rule: Some("caseIgnoreOrderingMatch".to_owned()),
                reverse_order: false,
            }],
        };
        let view = |value: Vec<u8>| LdapControl::Unknown {
            oid: "2.16.840.1.113730.3.4.9".to_owned(), criticality: true, value: Some(value),
        };
        let by_value = [&[0x30, 6 + 2 + 12, 2, 1, 0, 2, 1, 1, 0x81, 12][..], asids[6].as_bytes()].concat();
        let by_place = vec![0x30, 14, 2, 1, 1, 2, 1, 2, 0xa0, 6, 2, 1, 5, 2, 1, 0];
        let mut client = Secure::connect(&ldap).await;
        for (msgid, value, expected, place) in [(1, by_place, 3..7, 5), (2, by_value, 6..8, 7)] {
            client.send(LdapMsg { ctrl: vec![sort(), view(value)], ..search(msgid, "(objectClass=nhsAs)") }).await;
            let mut found = Vec::new();
            let done = loop {
                let message = client.next().await.unwrap();
                match message.op {
                    LdapOp::SearchResultEntry(entry) => found.push(entry.dn),
                    _ => break message,
                }
            };
            let names: Vec<String> = asids[expected].iter().map(|asid| format!("uniqueIdentifier={asid},ou=Services,o=nhs")).collect();
            assert_eq!(found, names, "{done:?}");
            let told = vec![0x30, 9, 2, 1, place, 2, 1, 9, 10, 1, 0];
            assert!(done.ctrl.iter().any(|one| matches!(one, LdapControl::Unknown { value: Some(value), .. } if *value == told)), "{done:?}");
        }
    }

    /// A cookie of another search, or of nobody, is refused, and a sort by nothing that there is says so.
    async fn foreign_cookies_are_refused(db: Db) {
        let ldap = Ldap::new(db).await;
        let mut client = Secure::connect(&ldap).await;
        for (msgid, cookie) in [(1, "nonsense".to_owned()), (2, format!("{}1\n0\nx", "0".repeat(16)))] {
            let paged = LdapControl::SimplePagedResults { size: 5, cookie: cookie.into_bytes() };
            client.send(LdapMsg { ctrl: vec![paged], ..search(msgid, "(objectClass=*)") }).await;
            assert_eq!(client.result(msgid).await, LdapResultCode::UnwillingToPerform);
        }
    }

    /// A cookie of the changelog whose place was changed is none of this search, as every other one that was; as it was given it goes on.
    async fn changed_cookies_of_the_changelog_are_refused(db: Db) {
        let ldap = Ldap::new(db).await;
        for _ in 0..3 {
            register(&ldap.rig, &accredited("RXX")).await;
        }
        let mut client = Secure::connect(&ldap).await;
        let page = |msgid, cookie: Vec<u8>| {
            let LdapOp::SearchRequest(mut request) = search(msgid, "(objectClass=*)").op else { panic!() };
            "cn=Changelog,o=nhs".clone_into(&mut request.base);
            let ctrl = vec![LdapControl::SimplePagedResults { size: 2, cookie }];
            LdapMsg { msgid, op: LdapOp::SearchRequest(request), ctrl }
        };
        client.send(page(1, Vec::new())).await;
        let given = loop {
            let message = client.next().await.expect("the connection is open");
            if let LdapOp::SearchResultDone(result) = message.op {
                assert_eq!(result.code, LdapResultCode::Success);
                break message.ctrl;
            }
        };
        let [LdapControl::SimplePagedResults { cookie, .. }] = &given[..] else { panic!("{given:?}") };
        let text = String::from_utf8(cookie.clone()).unwrap();
        let (before, unit) = text.rsplit_once('\n').unwrap();
        assert_eq!(unit.len(), 20, "the unit of a number: {text:?}");
        for (msgid, unit) in [(2, "abc"), (3, "-1"), (4, "1"), (5, "99999999999999999999")] {
            client.send(page(msgid, format!("{before}\n{unit}").into_bytes())).await;
            assert_eq!(client.result(msgid).await, LdapResultCode::UnwillingToPerform, "{unit}");
        }
        client.send(page(6, cookie.clone())).await;
        assert_eq!(client.result(6).await, LdapResultCode::Success);
    }
}

/// Tens of thousands of searches that are sent without waiting and abandoned at once, over a few connections, leave nothing behind: no memory,
/// no task, and no place. `LANYARD_ABANDONED` says another number, such as a million.
#[tokio::test(flavor = "multi_thread")]
async fn abandoned_searches_leave_nothing() {
    const BATCH: i32 = 250;
    let wanted = std::env::var("LANYARD_ABANDONED").ok().and_then(|text| text.parse().ok()).unwrap_or(24_000);
    let database = TestDb::new(Engine::Sqlite).await;
    let ldap = Ldap::new(database.db.clone()).await;
    register(&ldap.rig, &accredited("RXX")).await;
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(Secure::connect(&ldap).await);
    }
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let mut sent = 0;
    let mut before = (0, 0);
    while sent < wanted {
        for client in &mut clients {
            client.abandon(BATCH).await;
            sent += BATCH;
        }
        if sent <= 4_000 {
            // Buffers and caches have their size by then.
            before = (memory(), tasks());
        }
    }
    let after = (memory(), tasks());
    assert!(
        after.0 - before.0 < 32 * 1024,
        "kB of memory and tasks, before and after: {before:?}, {after:?}"
    );
    assert!(after.1 <= before.1 + 16, "kB of memory and tasks, before and after: {before:?}, {after:?}");
    for client in &mut clients {
        client.send(search(1, "(nhsIDCode=RXX)")).await;
        assert_eq!(client.result(1).await, LdapResultCode::Success, "each connection goes on");
    }
    ldap.stop().await;
    database.db.close().await;
}

/// Whatever strangers send is read or refused, and never more than that.
#[test]
fn anything_can_be_sent() {
    let mut octets = BytesMut::new();
    let mut codec = LdapCodec::default();
    let paged = LdapControl::SimplePagedResults { size: 5, cookie: b"0000000000000000".to_vec() };
    let message =
        LdapMsg { ctrl: vec![paged], ..search(1, "(&(o=a*b*c)(!(cn>=x))(|(uid=1)(l:dn:2.5.13.2:=y)))") };
    codec.encode(message, &mut octets).unwrap();
    platform::hammer::hammer(&octets, 4_000, fuzz::message).unwrap();
    let name = "uniqueIdentifier=2\\2C3, uid=1,ou=\"People\", o=nhs";
    platform::hammer::hammer(name.as_bytes(), 4_000, fuzz::name).unwrap();
    // Each of these is planned, and read by statements.
    platform::hammer::hammer(&octets, 60, fuzz::search).unwrap();
    fuzz::message(&nested(1, 5_000));
}
