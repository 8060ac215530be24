//! What is told when a card is taken out: a page that signed somebody in says which card is to be watched, and where that it is gone.
//!
//! One thread waits for the readers while anything is watched. It owns nothing: the list of watches is under one lock, which is held for
//! the length of a look-up. A watch is on the list before its card is looked for a last time, so that no removal falls between.

mod teller;

use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use card::piv::Slot;
use card::wire::sign_in::Watch;
use zeroize::Zeroizing;

use crate::readers::{self, Content, Event, ReaderError, ReaderName, Readers};
use crate::server::Roots;
use crate::signing::{SigningCard, certificate_in};

use self::teller::Address;

/// How many cards of sessions may be watched at a time.
const MOST: usize = 256;
/// No session is longer.
const LONGEST_MS: i64 = 24 * 60 * 60 * 1_000;
/// A page says this soon after its card has signed which watch came of it.
const SOON_MS: i64 = 5 * 60 * 1_000;
/// How long one look for changes lasts.
const LOOK: Duration = Duration::from_mins(1);
/// How long the first look may take.
const FIRST_LOOK: Duration = Duration::from_secs(5);
/// A secret is no longer.
const LONGEST_SECRET: usize = 200;

/// Why a card is not watched.
#[derive(Debug, thiserror::Error)]
pub enum NotWatched {
    /// It is not what a server gives.
    #[error("this is no order to watch a card")]
    Malformed,
    /// What is to be told would go elsewhere than to the page's own server.
    #[error("the agent tells of a card only the server whose page asks for it, by TLS")]
    OtherServer,
    /// The configuration names no certificates.
    #[error("the agent's configuration has no `server_roots`, so it tells no server of cards")]
    NoRoots,
    /// The card is in no reader, or none has signed for this page.
    #[error("the card that is to be watched is in no reader")]
    NoCard,
    /// There are too many.
    #[error("too many cards are watched at a time")]
    TooMany,
    /// The readers cannot be watched.
    #[error(transparent)]
    Reader(#[from] ReaderError),
    /// They did not answer in time.
    #[error("the card readers did not answer in time")]
    Late,
}

/// Cards that are watched.
#[derive(Default)]
pub struct Removals {
    state: Mutex<State>,
    /// Held while the thread begins, so that nobody takes it for one that sees already.
    beginning: Mutex<()>,
}

#[derive(Default)]
struct State {
    /// Which card signed last, for whom, and when.
    signed: Option<(String, [u8; 32], i64)>,
    watches: Vec<Watched>,
    /// How many there were.
    count: u64,
    /// Whether the thread is there.
    followed: bool,
}

/// A card that is watched.
struct Watched {
    id: u64,
    reader: ReaderName,
    telling: Telling,
}

/// What is told, to whom, and until when it is tried.
struct Telling {
    address: Address,
    roots: Roots,
    secret: Zeroizing<String>,
    until_ms: i64,
}

impl Removals {
    /// Remembers which card has signed for a page, since the watch that comes of it names none.
    pub fn signed(&self, origin: &str, card: &SigningCard, now_ms: i64) {
        self.state().signed = Some((origin.to_owned(), card.certificate().fingerprint_sha256(), now_ms));
    }

    /// Watches a card for a page. Returns once every removal from now on is told; where the card that signed is gone already, that is
    /// told at once.
    pub fn begin(
        self: &Arc<Self>,
        (origin, roots): (&str, Option<Roots>),
        watch: Watch,
        now_ms: i64,
    ) -> Result<(), NotWatched> {
        let address = Address::parse(&watch.address, origin).ok_or(NotWatched::OtherServer)?;
        let secret = Zeroizing::new(watch.secret);
        if secret.is_empty() || secret.len() > LONGEST_SECRET {
            return Err(NotWatched::Malformed);
        }
        let roots = roots.ok_or(NotWatched::NoRoots)?;
        let telling = Telling { address, roots, secret, until_ms: now_ms.saturating_add(LONGEST_MS) };
        let has_signed = watch.certificate.is_none();
        let wanted = self.wanted(origin, watch.certificate.as_deref(), now_ms).ok_or(NotWatched::NoCard)?;
        let readers = Readers::open()?;
        let Some(reader) = reader_with(&readers, &wanted)? else {
            return if has_signed {
                teller::begin(telling);
                Ok(())
            } else {
                Err(NotWatched::NoCard)
            };
        };
        let id = self.enlist(reader.clone(), telling, now_ms)?;
        if let Err(error) = self.ensure_followed() {
            self.take(|watched| watched.id == id);
            return Err(error);
        }
        // Where it was taken out meanwhile, it may have been told of already.
        if !has(&readers, &reader, &wanted) {
            self.tell_of(|watched| watched.id == id);
        }
        Ok(())
    }

    /// The certificate by which the card is known.
    fn wanted(&self, origin: &str, named: Option<&str>, now_ms: i64) -> Option<[u8; 32]> {
        if let Some(named) = named {
            return hex::decode(named).ok()?.try_into().ok();
        }
        let mut state = self.state();
        let signed = state.signed.take_if(|(by, _, at)| by.as_str() == origin && now_ms - *at < SOON_MS);
        signed.map(|(_, wanted, _)| wanted)
    }

    fn enlist(&self, reader: ReaderName, telling: Telling, now_ms: i64) -> Result<u64, NotWatched> {
        let mut state = self.state();
        state.watches.retain(|watched| watched.telling.until_ms > now_ms);
        if state.watches.len() >= MOST {
            return Err(NotWatched::TooMany);
        }
        state.count += 1;
        let id = state.count;
        state.watches.push(Watched { id, reader, telling });
        Ok(id)
    }

    /// Begins the thread, if there is none, and waits until it sees the readers.
    fn ensure_followed(self: &Arc<Self>) -> Result<(), NotWatched> {
        let _beginning = self.beginning.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::replace(&mut self.state().followed, true) {
            return Ok(());
        }
        let (tells, begun) = sync_channel(1);
        let removals = Arc::clone(self);
        std::thread::spawn(move || removals.follow(&tells));
        begun.recv_timeout(FIRST_LOOK).map_err(|_| NotWatched::Late)?.map_err(NotWatched::Reader)
    }

    /// Follows the readers until nothing is watched any more. Where they cannot be seen any longer, cards count as taken out: nobody would
    /// notice otherwise.
    fn follow(&self, tells: &SyncSender<Result<(), ReaderError>>) {
        let begun = readers::Watch::begin().and_then(|mut watch| watch.next(Duration::ZERO).map(|_| watch));
        let mut watch = match begun {
            Ok(watch) => watch,
            Err(error) => {
                self.state().followed = false;
                // Nobody waits for it any more: then they were told that it was late.
                let _ = tells.send(Err(error));
                return;
            }
        };
        let _ = tells.send(Ok(()));
        loop {
            match watch.next(LOOK) {
                Ok(events) => {
                    for event in events {
                        if let Event::CardRemoved(reader) = event {
                            self.tell_of(|watched| watched.reader == reader);
                        }
                    }
                }
                Err(error) => {
                    eprintln!("lanyard-agent: card readers cannot be seen any more: {error}");
                    self.state().followed = false;
                    self.tell_of(|_| true);
                    return;
                }
            }
            let mut state = self.state();
            if state.watches.is_empty() {
                state.followed = false;
                return;
            }
        }
    }

    /// Tells that the cards of some watches were taken out. Each is told by itself, so that no server waits for another.
    fn tell_of(&self, which: impl Fn(&Watched) -> bool) {
        for watched in self.take(which) {
            teller::begin(watched.telling);
        }
    }

    fn take(&self, which: impl Fn(&Watched) -> bool) -> Vec<Watched> {
        self.state().watches.extract_if(.., |watched| which(watched)).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The reader with the card that has this certificate for signing in.
fn reader_with(readers: &Readers, wanted: &[u8; 32]) -> Result<Option<ReaderName>, ReaderError> {
    let states = readers.now()?.into_iter().filter(|state| state.content == Content::Card);
    Ok(states.map(|state| state.name).find(|name| has(readers, name, wanted)))
}

/// Whether the card in a reader has this certificate for signing in.
fn has(readers: &Readers, reader: &ReaderName, wanted: &[u8; 32]) -> bool {
    let read = readers.with_card(reader, |card| certificate_in(card, Slot::Authentication));
    let Ok(Ok(Some(object))) = read else { return false };
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &object.der).as_ref() == wanted
}
