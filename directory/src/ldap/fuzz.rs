//! What strangers send over LDAP, for mutation and fuzzing: each function takes any octets and must come back.

use std::sync::{Arc, LazyLock};

use bytes::BytesMut;
use ldap3_proto::proto::{LdapOp, LdapSearchRequest, LdapSearchScope};
use platform::clock::Clock;
use platform::db::{self, Db};
use tokio::runtime::{self, Runtime};

use super::config::HiddenConfig;
use super::controls::{Controls, LIST_VIEW, MATCHED_VALUES, PAGED, PERSISTENT, SORT, SYNC};
use super::delta::Point;
use super::dn::Dn;
use super::entry::Entry;
use super::filter::{Filter, Matching, Truth};
use super::framing::decode;
use super::root::of_the_server;
use super::tree::{self, Branch};
use super::walk::{Position, Range, Walk};
use super::who::{Account, Viewer, Who};
use crate::api::{AccreditedSystem, MessageHandlingSystem, SystemContent};
use crate::config::Config;
use crate::error::Error;
use crate::person::DocumentKey;
use crate::register::{Parts, Register};
use crate::seed::bulk::{Order, fill};
use crate::system;

/// A message, with what is done before the register is asked: its controls and its filter are read, and asked of an entry.
pub fn message(octets: &[u8]) {
    let Ok(received) = decode(BytesMut::from(octets), 1 << 20) else { return };
    let known = [PAGED, SORT, LIST_VIEW, MATCHED_VALUES, SYNC, PERSISTENT];
    let _controls = Controls::read(received.message.ctrl, &received.critical, &known, Matching::Lenient);
    if let LdapOp::SearchRequest(request) = received.message.op {
        let root = of_the_server(&Dn::default());
        for matching in [Matching::Strict, Matching::Lenient] {
            if let (Ok(filter), Some(root)) = (Filter::compile(&request.filter, matching), &root) {
                let _truth = filter.of(root);
            }
        }
    }
}

/// A search whole: planned, read by statements, and held against its filter, in a small register. What is found is what the filter is true
/// of in all that there is, whatever index was asked.
///
/// The register lies among the machine's temporary files, one for each process; nobody removes it.
///
/// # Panics
///
/// If anything else is found, or the register refuses a question.
pub fn search(octets: &[u8]) {
    let Ok(received) = decode(BytesMut::from(octets), 1 << 20) else { return };
    let LdapOp::SearchRequest(request) = received.message.op else { return };
    let (runtime, small) = &*SMALL;
    for matching in [Matching::Strict, Matching::Lenient] {
        if let Ok(filter) = Filter::compile(&request.filter, matching) {
            runtime.block_on(small.search(&request, &filter));
        }
    }
}

static SMALL: LazyLock<(Runtime, Small)> = LazyLock::new(|| {
    let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime begins");
    let small = runtime.block_on(Small::new());
    (runtime, small)
});

/// A small register, who sees all of it, and what that is.
struct Small {
    register: Register,
    who: Viewer,
    all: Vec<Entry>,
}

impl Small {
    async fn new() -> Self {
        let file = std::env::temp_dir().join(format!("lanyard-fuzz.{}.db", std::process::id()));
        let clock = Clock::system();
        let config = db::Config::new(format!("sqlite:{}", file.display()));
        let db = Db::connect(&config, clock.clone()).await.expect("a database opens");
        db.migrate().await.expect("its tables are made");
        let document_key = DocumentKey::new(&[0; 32]);
        let parts = Parts { config: Config::default(), db, clock, document_key };
        let register = Register::new(parts).expect("a register opens");
        // The file of a process that had this number before may be there.
        fill(&register, Order { people: 12, seed: 7 }, |_| {}).await.expect("people come in");
        for content in systems() {
            let now = register.now();
            let made: Result<(), Error> = register
                .db
                .write(move |tx| {
                    Box::pin(async move {
                        let actor = audit::Actor::system("fuzz");
                        system::create(tx, &actor, None, content, now).await.map(drop)
                    })
                })
                .await;
            made.expect("systems come in");
        }
        let account = Account {
            name: "fuzz".to_owned(),
            dn: "cn=fuzz,o=nhs".to_owned(),
            secret: [0; 32],
            people: true,
            hidden: Vec::new(),
        };
        let who = Viewer::new(Who::Account(Arc::new(account)), &HiddenConfig::default());
        let mut small = Self { register, who, all: Vec::new() };
        small.all = small.found(&everything(), &Filter::And(Vec::new())).await;
        small
    }

    /// Asks below the root, and below the base of the request. The changelog is no part of either.
    async fn search(&self, request: &LdapSearchRequest, filter: &Filter) {
        let asked = Dn::parse(&request.base).ok().map(|base| Range { base, scope: request.scope.clone() });
        let ranges = [Some(everything()), asked].into_iter().flatten();
        for range in ranges.filter(|range| !range.reaches(Branch::Changelog)) {
            let found = self.found(&range, filter).await;
            let is_meant = |entry: &&Entry| range.has(&entry.dn) && filter.of(entry) == Truth::True;
            let expected: Vec<&Entry> = self.all.iter().filter(is_meant).collect();
            assert!(found.iter().eq(expected), "{filter:?} finds something else");
        }
    }

    async fn found(&self, range: &Range, filter: &Filter) -> Vec<Entry> {
        let mut walk = Walk::new(&self.register, &self.who, range, filter, usize::MAX, None);
        let mut all = Vec::new();
        while let Some(entry) = walk.next().await.expect("the register is asked nothing that it refuses") {
            all.push(entry.into_owned());
        }
        all
    }
}

fn everything() -> Range {
    Range { base: tree::root(), scope: LdapSearchScope::Subtree }
}

/// A system of either kind, of the trust that the people are in.
fn systems() -> [SystemContent; 2] {
    let interaction = "urn:nhs:names:services:pds:QUPA_IN000006UK02".to_owned();
    let (organisation, party_key) = ("Z00000".to_owned(), "Z00000-0000001".to_owned());
    let accredited = AccreditedSystem {
        organisation: organisation.clone(),
        party_key: party_key.clone(),
        interactions: vec![interaction.clone()],
        clients: vec!["Z00000001".to_owned()],
        description: Some("Larkfield patient records".to_owned()),
        ..AccreditedSystem::default()
    };
    let handling = MessageHandlingSystem {
        organisation,
        party_key,
        interaction,
        endpoints: vec!["https://mhs.example.nhs.uk/".to_owned()],
        ..MessageHandlingSystem::default()
    };
    [SystemContent::Accredited(accredited), SystemContent::MessageHandling(handling)]
}

/// A name; one that reads is shown as one that reads back as it.
///
/// # Panics
///
/// If it does not.
pub fn name(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    if let Ok(dn) = Dn::parse(text) {
        let shown = dn.to_string();
        // What is shown may be longer than what is read: everything can stand escaped in it.
        if let Ok(again) = Dn::parse(&shown) {
            assert_eq!(again.normal(), dn.normal());
        }
    }
    let _position = Position::read(text);
    let _point = Point::read(text);
}
