//! Messages to people: sent once, tried again, given up, and read by a mail server and a receiver that are not ours.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use platform::clock::{Clock, ManualClock, Millis};
use platform::db::testing::TestDb;
use platform::db::{Db, Engine, Error};
use platform::message::{
    self, Carriers, Channel, Config, MOST_WAITING, Message, MessageId, Posted, RESERVED, Sender, State, Told,
};
use tempfile::TempDir;

/// The time at which a test begins: 2026-11-24.
const START: Millis = Millis(1_795_540_800_000);
/// The password that the mail server knows.
const PASSWORD: &str = "open sesame\n";
/// What text messages are signed with.
const SECRET: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// A message to somebody.
fn to(channel: Channel, address: &str) -> Message {
    Message {
        module: "test",
        kind: "code",
        about: "555021942107".to_owned(),
        channel,
        address: address.to_owned(),
        subject: "Your code".to_owned(),
        text: "Your code is 012345.\n".to_owned(),
        until: START.plus(Duration::from_hours(48)),
    }
}

async fn post(db: &Db, message: Message, now: Millis) -> Posted {
    db.write(move |tx| Box::pin(async move { message::post(tx, &message, now).await })).await.unwrap()
}

async fn told(db: &Db) -> Vec<Told> {
    message::of(db.read(), "test", "555021942107", 100).await.unwrap()
}

/// How many messages still hold what they say.
async fn bodies(db: &Db) -> i64 {
    let text =
        "SELECT CAST(COUNT(*) AS BIGINT) FROM platform_message WHERE body IS NOT NULL OR sealed IS NOT NULL";
    sqlx::query_scalar(text).fetch_one(db.read()).await.unwrap()
}

/// Puts this many messages of somebody else's before everything.
async fn flood(db: &Db, many: i64, until: Millis) {
    let done: Result<(), Error> = db
        .write(move |tx| {
            Box::pin(async move {
                let text = "WITH RECURSIVE n(i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < $1) \
                            INSERT INTO platform_message (message_id, module, kind, about, channel, address, subject, body, \
                            state, attempts, due_at, until, made_at) SELECT CAST($2 AS TEXT) || '-' || CAST(i AS TEXT), \
                            'other', 'x', 'y', 'email', 'z@trust.example', '', '', 'due', 0, 0, $2, 0 FROM n";
                sqlx::query(text).bind(many).bind(until.0).execute(&mut *tx).await?;
                Ok(())
            })
        })
        .await;
    done.unwrap();
}

/// Why a transaction was given up.
#[derive(Debug)]
struct Undone;

impl From<Error> for Undone {
    fn from(_: Error) -> Self {
        Self
    }
}

/// A database with a clock of its own, and senders for it.
struct Rig {
    db: Db,
    clock: Clock,
    hand: ManualClock,
}

impl Rig {
    fn new(db: Db) -> Self {
        let (clock, hand) = Clock::manual(START);
        Self { db, clock, hand }
    }

    fn sender(&self, settings: &str) -> Sender {
        let config: Config = toml::from_str(settings).unwrap();
        Sender::new(self.db.clone(), self.clock.clone(), Carriers::open(&config).unwrap())
    }

    async fn posted(&self, channel: Channel, address: &str) {
        assert!(matches!(post(&self.db, to(channel, address), self.clock.now()).await, Posted::Taken(_)));
    }
}

fn in_folder(folder: &Path) -> Vec<String> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let whole = paths.iter().filter(|path| path.extension().is_none_or(|it| it != "half"));
    whole.map(|path| std::fs::read_to_string(path).unwrap()).filter(|text| !text.is_empty()).collect()
}

platform::both_engines! {
    /// A message is sent once, however many machines send; what it said is gone then, and what became of it can be read.
    async fn messages_are_sent_once(db: Db) {
        let (rig, folder) = (Rig::new(db), tempfile::tempdir().unwrap());
        let settings = format!("mailbox = '{}'", folder.path().display());
        let senders = [rig.sender(&settings), rig.sender(&settings)];
        for number in 0..20 {
            rig.posted(Channel::Email, &format!("p{number}@trust.example")).await;
        }
        rig.posted(Channel::Text, "+447700900123").await;
        assert_eq!(bodies(&rig.db).await, 21);
        let mut tried = 0;
        while bodies(&rig.db).await > 1 {
            let (one, two) = tokio::join!(senders[0].send_due(Channel::Email), senders[1].send_due(Channel::Email));
            tried += one.unwrap() + two.unwrap();
        }
        assert_eq!(tried, 20);
        assert_eq!(senders[0].send_due(Channel::Text).await.unwrap(), 1);
        assert_eq!(senders[1].send_due(Channel::Text).await.unwrap(), 0);
        let there = in_folder(folder.path());
        assert_eq!(there.len(), 21);
        assert_eq!(there.iter().filter(|text| *text == "To: +447700900123\n\nYour code is 012345.\n\n").count(), 1);
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            assert_eq!(entry.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
        let told = told(&rig.db).await;
        assert!(told.iter().all(|one| one.state == State::Sent && one.attempts == 1 && one.settled_at.is_some()), "{told:?}");
        assert_eq!(told[0].outcome.as_deref(), Some("in the mailbox"));
        assert_eq!(bodies(&rig.db).await, 0);
        // A month later nobody knows.
        rig.hand.advance(Duration::from_hours(24 * 31));
        senders[0].sweep().await.unwrap();
        assert!(message::of(rig.db.read(), "test", "555021942107", 100).await.unwrap().is_empty());
    }

    /// What is undone with its transaction was never posted; what another takes the place of, and what is of no use any more, is
    /// not sent, and says nothing any longer.
    async fn messages_end_with_what_they_tell_of(db: Db) {
        let (rig, folder) = (Rig::new(db), tempfile::tempdir().unwrap());
        let sender = rig.sender(&format!("mailbox = '{}'", folder.path().display()));
        let undone: Result<(), Undone> = rig.db.write(move |tx| Box::pin(async move {
            message::post(tx, &to(Channel::Email, "a@trust.example"), START).await?;
            Err(Undone)
        })).await;
        assert!(undone.is_err());
        assert_eq!(sender.send_due(Channel::Email).await.unwrap(), 0);

        rig.posted(Channel::Email, "a@trust.example").await;
        rig.posted(Channel::Email, "b@trust.example").await;
        let withdrawn: Result<(), Error> = rig.db.write(move |tx| Box::pin(async move {
            message::withdraw(tx, ("test", "code"), "555021942107", "a@trust.example", START).await?;
            message::withdraw(tx, ("test", "notice"), "555021942107", "b@trust.example", START).await
        })).await;
        withdrawn.unwrap();
        let late = Message { until: START.plus(Duration::from_mins(15)), ..to(Channel::Text, "+447700900123") };
        post(&rig.db, late, START).await;
        rig.hand.advance(Duration::from_mins(15));
        assert_eq!(sender.send_due(Channel::Text).await.unwrap(), 0, "it is too late for that one");
        sender.sweep().await.unwrap();
        assert_eq!(sender.send_due(Channel::Email).await.unwrap(), 1);
        let mut states: Vec<_> = told(&rig.db).await.iter().map(|one| (one.address.clone(), one.state)).collect();
        states.sort_by(|one, two| one.0.cmp(&two.0));
        let expected = [("+447700900123", State::OutOfDate), ("a@trust.example", State::Withdrawn), ("b@trust.example", State::Sent)];
        assert_eq!(states, expected.map(|(address, state)| (address.to_owned(), state)));
        assert_eq!((in_folder(folder.path()).len(), bodies(&rig.db).await), (1, 0));
    }

    /// Only so many wait; a module's messages to an address are counted, whomever they are about, and those about somebody erased apart from others'.
    async fn the_outbox_is_bounded(db: Db) {
        let rig = Rig::new(db);
        rig.posted(Channel::Email, "a@trust.example").await;
        let count = async |kind: &'static str, since: Millis| {
            let counted: Result<u32, Error> = rig.db.write(move |tx| Box::pin(async move {
                message::posted_since(tx, ("test", kind), "a@trust.example", since).await
            })).await;
            counted.unwrap()
        };
        assert_eq!((count("code", START.minus(Duration::from_secs(1))).await, count("code", START).await), (1, 0));
        assert_eq!(count("notice", Millis(0)).await, 0);
        post(&rig.db, Message { about: "555021942115".to_owned(), ..to(Channel::Email, "a@trust.example") }, START).await;
        assert_eq!(count("code", Millis(0)).await, 2, "an address is counted whomever it is about");
        let many: Result<(), Error> = rig.db.write(move |tx| Box::pin(async move {
            let text = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9999) \
                        INSERT INTO platform_message (message_id, module, kind, about, channel, address, subject, body, state, \
                        attempts, due_at, until, made_at) SELECT 'm' || CAST(i AS TEXT), 'other', 'x', 'y', 'text', 'z', '', '', 'due', 0, 0, 0, 0 FROM n";
            sqlx::query(text).execute(&mut *tx).await?;
            Ok(())
        })).await;
        many.unwrap();
        assert_eq!(MOST_WAITING, 10_000);
        assert_eq!(post(&rig.db, to(Channel::Email, "b@trust.example"), START).await, Posted::Full);
        let erased: Result<(), Error> =
            rig.db.write(move |tx| Box::pin(async move { message::erase(tx, "other", "y").await })).await;
        erased.unwrap();
        assert!(matches!(post(&rig.db, to(Channel::Email, "b@trust.example"), START).await, Posted::Taken(_)));
        assert_eq!(told(&rig.db).await.len(), 2);
    }

    /// However many notices wait, a code is taken, and is sent before them; of codes alone there is an end too.
    async fn a_flood_of_notices_blocks_no_code(db: Db) {
        let (rig, folder) = (Rig::new(db), tempfile::tempdir().unwrap());
        let minutes = |minutes| START.plus(Duration::from_mins(minutes));
        let code = |address: &str| Message { until: minutes(15), ..to(Channel::Email, address) };
        let notice = |address: &str| Message { until: START.plus(message::URGENT_WITHIN).plus(Duration::from_millis(1)), ..to(Channel::Email, address) };
        flood(&rig.db, MOST_WAITING - RESERVED - 1, START.plus(Duration::from_hours(72))).await;
        assert!(matches!(post(&rig.db, notice("a@trust.example"), START).await, Posted::Taken(_)));
        assert_eq!(post(&rig.db, notice("b@trust.example"), START).await, Posted::Full);
        assert!(matches!(post(&rig.db, code("c@trust.example"), START).await, Posted::Taken(_)));
        // Eight thousand are due before it, and it is in the first page.
        let sender = rig.sender(&format!("mailbox = '{}'", folder.path().display()));
        sender.send_due(Channel::Email).await.unwrap();
        let sent: Vec<_> = told(&rig.db).await.into_iter().filter(|one| one.state == State::Sent).map(|one| one.address).collect();
        assert!(sent.contains(&"c@trust.example".to_owned()), "{sent:?}");
        flood(&rig.db, MOST_WAITING - RESERVED, minutes(5)).await;
        assert_eq!(post(&rig.db, code("d@trust.example"), START).await, Posted::Full);
    }

    /// A server that is not there is tried again after growing pauses, ten times, and then the message is given up; without a way
    /// nothing is tried.
    async fn pauses_grow_until_it_is_given_up(db: Db) {
        let rig = Rig::new(db);
        rig.posted(Channel::Email, "a@trust.example").await;
        assert_eq!(rig.sender("").send_due(Channel::Email).await.unwrap(), 0);
        // Nobody listens on the discard port of this machine.
        let sender = rig.sender("smtp = { host = '127.0.0.1', port = 9, tls = 'none' }");
        let mut waited = Duration::ZERO;
        for seconds in [0, 5, 15, 30, 60, 120, 300, 900, 3600, 14_400] {
            if seconds > 0 {
                rig.hand.advance(Duration::from_secs(seconds - 1));
                assert_eq!(sender.send_due(Channel::Email).await.unwrap(), 0, "not before {seconds} s");
                rig.hand.advance(Duration::from_secs(1));
            }
            waited += Duration::from_secs(seconds);
            assert_eq!(told(&rig.db).await[0].state, State::Due);
            assert_eq!(sender.send_due(Channel::Email).await.unwrap(), 1, "after {waited:?}");
        }
        let given_up = told(&rig.db).await.remove(0);
        assert_eq!((given_up.state, given_up.attempts, given_up.outcome.as_deref()), (State::GivenUp, 10, Some("no connection could be made")));
        assert_eq!(bodies(&rig.db).await, 0);
    }

    /// A machine that dies in the middle of a try leaves the message to the others, a minute later and not before.
    async fn a_broken_try_is_made_again(db: Db) {
        let (rig, folder) = (Rig::new(db), tempfile::tempdir().unwrap());
        rig.posted(Channel::Email, "a@trust.example").await;
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = silent.local_addr().unwrap().port();
        let dying = rig.sender(&format!("smtp = {{ host = '127.0.0.1', port = {port}, tls = 'none' }}"));
        let listened = tokio::task::spawn_blocking(move || silent.accept().unwrap());
        tokio::select! {
            _ = dying.send_due(Channel::Email) => unreachable!("it is not answered"),
            _ = listened => {}
        }
        let other = rig.sender(&format!("mailbox = '{}'", folder.path().display()));
        rig.hand.advance(Duration::from_secs(59));
        assert_eq!(other.send_due(Channel::Email).await.unwrap(), 0);
        rig.hand.advance(Duration::from_secs(1));
        assert_eq!(other.send_due(Channel::Email).await.unwrap(), 1);
        assert_eq!((told(&rig.db).await[0].state, told(&rig.db).await[0].attempts), (State::Sent, 2));
    }
}

/// The other end of messages, in Python; it ends with the test.
struct Correspondent {
    process: Child,
    port: u16,
    folder: TempDir,
}

impl Drop for Correspondent {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Correspondent {
    fn new(kind: &str, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Debian's own Python, which has Debian's packages.
        let mut process = Command::new("/usr/bin/python3")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/correspondents.py"))
            .arg(kind)
            .arg(folder.path())
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port =
            line.trim().parse().expect("it says its port; python3-aiosmtpd is installed by make setup");
        Self { process, port, folder }
    }

    fn took(&self) -> Vec<String> {
        in_folder(self.folder.path())
    }
}

/// Certificates and secrets as files.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        platform::tls::install_crypto_provider();
        let folder = tempfile::tempdir().unwrap();
        let (mine, theirs) = (anchor("The anchor"), anchor("Another anchor"));
        let key = rcgen::KeyPair::generate().unwrap();
        let issuer = rcgen::Issuer::new(mine.0.clone(), &mine.1);
        let parameters = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = parameters.signed_by(&key, &issuer).unwrap();
        let files = Self(folder);
        files.write("anchor.pem", &mine.0.self_signed(&mine.1).unwrap().pem());
        files.write("other.pem", &theirs.0.self_signed(&theirs.1).unwrap().pem());
        files.write("server.pem", &certificate.pem());
        files.write("server.key", &key.serialize_pem());
        files.write("password", PASSWORD);
        files.write("wrong", "sesame open\n");
        files.write("secret", SECRET);
        files.write("stale", &SECRET.replace('1', "2"));
        files
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn mail_server(&self, kind: &str) -> Correspondent {
        Correspondent::new(kind, &[&self.path("server.pem"), &self.path("server.key")])
    }

    fn smtp(&self, port: u16, tls: &str, anchors: &str, password: &str) -> String {
        format!(
            "from = 'The register <register@trust.example>'\nsmtp = {{ host = 'localhost', port = {port}, tls = '{tls}', \
             user = 'lanyard', password = '{}', anchors = '{}', time_out_seconds = 10 }}",
            self.path(password),
            self.path(anchors)
        )
    }

    fn hook(&self, port: u16, secret: &str) -> String {
        format!("text = {{ url = 'http://127.0.0.1:{port}/in', secret = '{}' }}", self.path(secret))
    }
}

fn anchor(name: &str) -> (rcgen::CertificateParams, rcgen::KeyPair) {
    let mut parameters = rcgen::CertificateParams::default();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    (parameters, rcgen::KeyPair::generate().unwrap())
}

/// A mail server that is not ours takes our mail, by STARTTLS and by TLS from the beginning, and finds it well formed.
#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_takes_it_over_tls() {
    let files = Files::new();
    for kind in ["starttls", "wrapped"] {
        let test = TestDb::new(Engine::Sqlite).await;
        let (rig, server) = (Rig::new(test.db.clone()), files.mail_server(kind));
        let sender = rig.sender(&files.smtp(server.port, kind, "anchor.pem", "password"));
        let Posted::Taken(id) = post(&rig.db, to(Channel::Email, "ann@trust.example"), START).await else {
            unreachable!("nothing waits")
        };
        rig.posted(Channel::Email, "bea@trust.example").await;
        assert_eq!(sender.send_due(Channel::Email).await.unwrap(), 2, "{kind}");
        let told = told(&rig.db).await;
        assert!(told.iter().all(|one| one.state == State::Sent), "{kind}: {told:?}");
        let took = server.took();
        assert_eq!(took.len(), 2, "{kind}");
        let ann = took.iter().find(|mail| mail.contains("To: ann@trust.example")).unwrap();
        for part in [
            "X-Seen-TLS: yes",
            "From: \"The register\" <register@trust.example>",
            &message_id(&id),
            "Your code is 012345.",
        ] {
            assert!(ann.contains(part), "{kind}: {part} in {ann}");
        }
        test.db.close().await;
    }
}

fn message_id(id: &MessageId) -> String {
    format!("Message-ID: <{id}@trust.example>")
}

/// Nothing leaves unprotected, for a stranger, or under a wrong password; such a message waits, and goes when that is mended.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_unprotected() {
    let files = Files::new();
    let test = TestDb::new(Engine::Sqlite).await;
    let (rig, plain, server) =
        (Rig::new(test.db.clone()), files.mail_server("plain"), files.mail_server("starttls"));
    rig.posted(Channel::Email, "ann@trust.example").await;
    for (port, anchors, password) in [
        (plain.port, "anchor.pem", "password"),
        (server.port, "other.pem", "password"),
        (server.port, "anchor.pem", "wrong"),
    ] {
        let sender = rig.sender(&files.smtp(port, "starttls", anchors, password));
        assert_eq!(sender.send_due(Channel::Email).await.unwrap(), 1);
        let waits = told(&rig.db).await.remove(0);
        assert_eq!(waits.state, State::Due, "{anchors} {password}: {waits:?}");
        rig.hand.advance(Duration::from_mins(1));
    }
    assert_eq!(told(&rig.db).await[0].outcome.as_deref(), Some("status 535"));
    assert!(plain.took().is_empty() && server.took().is_empty());
    let mended = rig.sender(&files.smtp(server.port, "starttls", "anchor.pem", "password"));
    assert_eq!(mended.send_due(Channel::Email).await.unwrap(), 1);
    assert_eq!((told(&rig.db).await[0].state, told(&rig.db).await[0].attempts), (State::Sent, 4));
    assert_eq!(server.took().len(), 1);
    test.db.close().await;
}

/// What a mail server refuses for good is given up at once, what it refuses for now is sent later.
#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_told_apart() {
    let files = Files::new();
    let test = TestDb::new(Engine::Sqlite).await;
    let (rig, server) = (Rig::new(test.db.clone()), files.mail_server("starttls"));
    let sender = rig.sender(&files.smtp(server.port, "starttls", "anchor.pem", "password"));
    for address in ["nobody@trust.example", "later@trust.example"] {
        rig.posted(Channel::Email, address).await;
    }
    assert_eq!(sender.send_due(Channel::Email).await.unwrap(), 2);
    let of = |told: &[Told], address: &str| {
        let one = told.iter().find(|one| one.address.starts_with(address)).unwrap();
        (one.state, one.attempts, one.outcome.clone().unwrap())
    };
    let told_now = told(&rig.db).await;
    assert_eq!(of(&told_now, "nobody"), (State::GivenUp, 1, "status 550".to_owned()));
    assert_eq!(of(&told_now, "later"), (State::Due, 1, "status 451".to_owned()));
    rig.hand.advance(Duration::from_secs(5));
    assert_eq!(sender.send_due(Channel::Email).await.unwrap(), 1);
    assert_eq!(of(&told(&rig.db).await, "later").0, State::Sent);
    assert_eq!(server.took().len(), 1);
    test.db.close().await;
}

/// A receiver that computes signatures by itself takes our text messages, and none under another secret.
#[tokio::test(flavor = "multi_thread")]
async fn text_messages_are_signed() {
    let files = Files::new();
    let test = TestDb::new(Engine::Sqlite).await;
    let (rig, receiver) = (Rig::new(test.db.clone()), Correspondent::new("hook", &[SECRET]));
    for number in ["+447700900123", "+447700900000", "+447700900503"] {
        rig.posted(Channel::Text, number).await;
    }
    let stale = rig.sender(&files.hook(receiver.port, "stale"));
    assert_eq!(stale.send_due(Channel::Text).await.unwrap(), 3);
    assert!(
        told(&rig.db)
            .await
            .iter()
            .all(|one| one.state == State::Due && one.outcome.as_deref() == Some("status 401"))
    );
    rig.hand.advance(Duration::from_secs(5));
    let sender = rig.sender(&files.hook(receiver.port, "secret"));
    assert_eq!(sender.send_due(Channel::Text).await.unwrap(), 3);
    let mut states: Vec<_> = told(&rig.db).await.into_iter().map(|one| (one.address, one.state)).collect();
    states.sort_by(|one, two| one.0.cmp(&two.0));
    let states: Vec<_> = states.iter().map(|(address, state)| (address.as_str(), *state)).collect();
    assert_eq!(
        states,
        [("+447700900000", State::GivenUp), ("+447700900123", State::Sent), ("+447700900503", State::Due)]
    );
    let took: Vec<serde_json::Value> =
        receiver.took().iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    assert_eq!(took.len(), 1);
    assert_eq!((&took[0]["to"], &took[0]["type"]), (&"+447700900123".into(), &"text-message".into()));
    assert_eq!(took[0]["until"], START.plus(Duration::from_hours(48)).seconds());
    test.db.close().await;
}
