//! What a journal does at its bounds, and when the disk does not take what it is given.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use audit::Actor;
use http::Request;
use platform::caller::{Caller, CallerKind};
use platform::clock::{Clock, Millis};
use platform::db::Db;
use platform::id::UserId;
use tempfile::TempDir;
use tower::ServiceExt as _;

use super::file::Segment;
use super::frame::{FILE_HEAD, Id};
use super::{Bounds, Journal, file};
use crate::api::READ;
use crate::config::Config;
use crate::error::Error;
use crate::fhir::FhirEvent;
use crate::ldap::LdapEvent;
use crate::person::DocumentKey;
use crate::register::{Parts, Register};
use crate::seed::bulk::{self, Order};
use crate::showing::{ReadsRecorded, Record, Showing};
use crate::store::faces;

/// 2026-11-24.
const START: Millis = Millis(1_795_540_800_000);

fn read(number: u32) -> Record {
    let event =
        FhirEvent::WorkersShown { resource: "Practitioner".to_owned(), people: vec![number.to_string()] };
    Record {
        at: Millis(START.0 + i64::from(number)),
        actor: Actor::system("test"),
        showing: Showing::Fhir(event),
    }
}

/// A folder that nobody else may look into.
fn own_folder() -> TempDir {
    let mode = fs::Permissions::from_mode(0o700);
    tempfile::Builder::new().permissions(mode).tempdir().unwrap()
}

/// The files in a folder of which not everything is recorded.
fn files(folder: &Path) -> usize {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    names.filter(|path| path.extension().is_some_and(|end| end == "reads")).count()
}

/// Lets the disk take nothing more.
fn break_the_disk(journal: &Journal, folder: &Path) {
    let path = folder.join("not-to-be-written");
    fs::write(&path, Id::new([9; 16]).head()).unwrap();
    let segment = Arc::new(Segment::unwritable(Id::new([9; 16]), path));
    journal.end().segment = Arc::clone(&segment);
    journal.state().segment = segment;
}

/// A write that the disk holds up until what this gives is called.
fn hold(journal: &Arc<Journal>) -> impl FnOnce() {
    let ((held, holds), (release, released)) = (mpsc::channel(), mpsc::channel::<()>());
    let journal = Arc::clone(journal);
    let writing = std::thread::spawn(move || {
        let end = journal.end();
        held.send(()).unwrap();
        // An error says that it was let go.
        let _let_go = released.recv();
        drop(end);
    });
    holds.recv().unwrap();
    move || {
        drop(release);
        writing.join().unwrap();
    }
}

/// Whatever a face tells the record comes back from a frame as it was.
#[test]
fn reads_come_back_as_they_were() {
    let ldap = LdapEvent::PeopleShown {
        base: "uid=1,ou=people,o=nhs".to_owned(),
        scope: "base".to_owned(),
        entries: 3,
    };
    let export =
        FhirEvent::ExportBegun { export: "e".to_owned(), resources: vec!["Practitioner".to_owned()] };
    let made = FhirEvent::SubscriptionMade {
        subscription: "s".to_owned(),
        endpoint: "https://a.example/".to_owned(),
    };
    let ended = FhirEvent::SubscriptionEnded { subscription: "s".to_owned(), why: "over".to_owned() };
    let showings = [
        Showing::Ldap(ldap),
        Showing::Fhir(export),
        Showing::Fhir(made),
        Showing::Fhir(ended),
        read(1).showing,
    ];
    for showing in showings {
        let mut actor = Actor::system("test");
        actor.role_profile = Some("555".to_owned());
        let record = Record { at: START, actor, showing };
        let octets = serde_json::to_vec(&record).unwrap();
        assert_eq!(serde_json::from_slice::<Record>(&octets).unwrap(), record);
    }
}

platform::both_engines! {
    /// More than may wait is not taken, by number and by size, and not written either; when some of it is recorded there is room again.
    async fn waiting_has_bounds(db: Db) {
        for bounds in [Bounds { frames: 3, ..Bounds::default() }, Bounds { octets: 600, ..Bounds::default() }] {
            let folder = own_folder();
            let journal = Journal::open(folder.path(), bounds, &db).await.unwrap();
            let mut taken = 0;
            while taken < 10 && journal.keep(read(11)).await.is_ok() {
                taken += 1;
            }
            assert!((1..10).contains(&taken), "{taken}");
            let written = journal.state().segment.octets();
            assert!(matches!(journal.keep(read(11)).await, Err(Error::Busy { .. })));
            assert_eq!(journal.state().segment.octets(), written);
            assert_eq!(journal.step(&db).await.unwrap(), taken);
            assert_eq!(journal.state().waiting.len(), 0);
            assert_eq!(journal.state().octets, 0);
            journal.keep(read(12)).await.unwrap();
        }
    }

    /// A file that is large enough is exchanged for another, and is gone when everything in it is recorded, and not before.
    async fn large_files_are_exchanged(db: Db) {
        let folder = own_folder();
        let bounds = Bounds { file: u64::try_from(FILE_HEAD).unwrap(), ..Bounds::default() };
        let journal = Journal::open(folder.path(), bounds, &db).await.unwrap();
        journal.keep(read(1)).await.unwrap();
        journal.secure().await;
        journal.keep(read(2)).await.unwrap();
        journal.secure().await;
        journal.keep(read(3)).await.unwrap();
        assert_eq!((files(folder.path()), journal.state().full.len()), (3, 2));
        assert_eq!(journal.step(&db).await.unwrap(), 1, "those of one file are recorded together");
        // The third file was exchanged too.
        assert_eq!((files(folder.path()), journal.state().full.len()), (3, 2));
        assert_eq!((journal.step(&db).await.unwrap(), journal.step(&db).await.unwrap()), (1, 1));
        assert_eq!((files(folder.path()), journal.state().full.len()), (1, 0));
        assert_eq!(journal.step(&db).await.unwrap(), 0);
    }

    /// What the disk does not take is not recorded, and is none of what waits; the next file is written again.
    async fn failed_writes_keep_nothing(db: Db) {
        let folder = own_folder();
        let journal = Journal::open(folder.path(), Bounds::default(), &db).await.unwrap();
        journal.keep(read(1)).await.unwrap();
        break_the_disk(&journal, folder.path());
        for number in 2..4 {
            assert!(matches!(journal.keep(read(number)).await, Err(Error::JournalUnwritten(_))), "{number}");
        }
        assert_eq!(journal.state().waiting.len(), 1);
        assert!(journal.state().segment.is_broken(), "nothing could be cut off");
        assert_eq!(journal.step(&db).await.unwrap(), 1, "what was kept before is recorded");
        journal.keep(read(4)).await.unwrap();
        let path = journal.state().segment.path.clone();
        assert_eq!(file::read(&path).unwrap().frames.len(), 1);
    }

    /// While the disk holds a write up, what was kept before is recorded, those who come wait on threads, as many as there is room for, for as long
    /// as they may, and nobody else waits; when it goes on they are kept.
    async fn held_writes_hold_nobody_else(db: Db) {
        let folder = own_folder();
        // The file is due to be exchanged, which waits for the write too.
        let (patience, held) = (Duration::from_millis(20), Duration::from_mins(5));
        let bounds = Bounds { queue: 2, patience, held, ..Bounds::default() };
        let mut journal = Journal::open(folder.path(), bounds, &db).await.unwrap();
        for _ in 0..4 {
            journal.keep(read(1)).await.unwrap();
        }
        let due = journal.state().segment.octets() - 1;
        Arc::get_mut(&mut journal).unwrap().bounds.file = due;
        let release = hold(&journal);
        let wait = |number| {
            let journal = Arc::clone(&journal);
            tokio::spawn(async move { journal.keep(read(number)).await })
        };
        let waiting = [wait(2), wait(3)];
        while journal.queue.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(journal.keep(read(4)).await, Err(Error::Busy { .. })));
        assert_eq!(journal.step(&db).await.unwrap(), 4, "they are recorded without the disk");
        assert_eq!(journal.step(&db).await.unwrap(), 0, "no other turn is waited for");
        assert!(waiting.iter().all(|it| !it.is_finished()));
        release();
        for one in waiting {
            one.await.unwrap().unwrap();
        }
        assert_eq!(journal.state().waiting.len(), 2);
        journal.keep(read(5)).await.unwrap();
    }

    /// During a write that takes long and for a while after it, those that come go to threads; a short one changes nothing, and one that waits too long is
    /// told to come later.
    async fn slow_disks_are_noticed(db: Db) {
        let folder = own_folder();
        let bounds = Bounds { queue: 0, ..Bounds::default() };
        let journal = Journal::open(folder.path(), bounds, &db).await.unwrap();
        journal.state().took(Duration::from_millis(5));
        journal.keep(read(1)).await.unwrap();
        journal.state().took(Duration::from_millis(500));
        assert!(matches!(journal.keep(read(2)).await, Err(Error::Busy { .. })), "there is no room to wait");
        journal.state().slow_until = None;
        journal.state().writing_since = Instant::now().checked_sub(Duration::from_secs(1));
        assert!(matches!(journal.keep(read(2)).await, Err(Error::Busy { .. })), "a write is under way");
        assert_eq!(journal.state().waiting.len(), 1);
        drop(journal);

        let folder = own_folder();
        let bounds = Bounds { held: Duration::from_millis(20), ..Bounds::default() };
        let journal = Journal::open(folder.path(), bounds, &db).await.unwrap();
        journal.state().took(Duration::from_millis(500));
        let release = hold(&journal);
        assert!(matches!(journal.keep(read(1)).await, Err(Error::Busy { .. })));
        release();
    }

    /// Where no other file can be begun nothing of one stays, however often it is tried, which is not at once again; the file takes as much
    /// again as it should and then nothing, and what was kept is recorded.
    async fn files_that_cannot_be_begun_leave_nothing(db: Db) {
        let folder = own_folder();
        let bounds = Bounds { file: u64::try_from(2 * FILE_HEAD).unwrap(), ..Bounds::default() };
        let journal = Journal::open(folder.path(), bounds, &db).await.unwrap();
        journal.keep(read(1)).await.unwrap();
        let there = || fs::read_dir(folder.path()).unwrap().count();
        let before = there();
        fs::create_dir_all(folder.path().join("next.new/in-the-way")).unwrap();
        for _ in 0..20 {
            journal.secure().await;
        }
        assert!(journal.state().pause_until.is_some());
        assert_eq!((there(), files(folder.path())), (before + 1, 1));
        assert!(matches!(journal.keep(read(2)).await, Err(Error::Busy { .. })));
        assert_eq!(journal.state().waiting.len(), 1);
        fs::remove_dir_all(folder.path().join("next.new")).unwrap();
        journal.state().pause_until = Some(Instant::now() + Duration::from_hours(1));
        journal.secure().await;
        assert_eq!(files(folder.path()), 1, "it is not tried again at once");
        journal.state().pause_until = None;
        assert_eq!(journal.step(&db).await.unwrap(), 1);
        journal.keep(read(2)).await.unwrap();
        assert_eq!(files(folder.path()), 1, "the file before is recorded and gone");
    }

    /// Nobody is shown what could not be written down: the caller is told to come again, with nothing of the person in the answer.
    async fn nothing_is_shown_without_the_journal(db: Db) {
        let folder = own_folder();
        let config = Config {
            reads_recorded: ReadsRecorded::Journal,
            reads_journal: Some(folder.path().to_owned()),
            ..Config::default()
        };
        let (clock, _hand) = Clock::manual(START);
        let parts = Parts { config, db: db.clone(), clock, document_key: DocumentKey::new(&[7; 32]) };
        let register = Register::new(parts).unwrap();
        bulk::fill(&register, Order { people: 150, seed: 7 }, |_| {}).await.unwrap();
        register.begin_journal().await.unwrap();
        let mut tx = db.read().acquire().await.unwrap();
        let people = faces::people(&mut tx, &[], "", 20).await.unwrap();
        drop(tx);
        let routes = crate::router(register.clone());
        let ask = |person: &UserId| {
            let path = format!("/healthcare-worker/FHIR/R4/Practitioner?identifier={person}");
            let request = Request::builder().uri(path).header("host", "directory.example");
            let mut request = request.body(String::new()).unwrap();
            let caller = Caller::new(CallerKind::System, "pas", "pas".parse().unwrap(), [READ.0]);
            request.extensions_mut().insert(caller);
            routes.clone().oneshot(request)
        };
        let journal = register.journal().unwrap();
        // Some have left, and are shown to nobody.
        let mut shown = None;
        for person in people {
            assert_eq!(ask(&person).await.unwrap().status(), http::StatusCode::OK);
            if journal.state().waiting.len() == 1 {
                shown = Some(person);
                break;
            }
        }
        let shown = shown.unwrap();
        break_the_disk(journal, folder.path());
        let refused = ask(&shown).await.unwrap();
        assert_eq!(refused.status(), http::StatusCode::SERVICE_UNAVAILABLE);
        let body = http_body_util::BodyExt::collect(refused.into_body()).await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(body.contains("OperationOutcome") && !body.contains("family"), "{body}");
        assert_eq!(journal.state().waiting.len(), 1);
    }
}
