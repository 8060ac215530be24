//! Cards are put in and pulled.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use agent::readers::{Event, ReaderError, Readers, Watch};
use card::piv::{Error, Piv};
use card::testing::CardProcess;

use super::rig::{Rig, run};

const SECOND: Duration = Duration::from_secs(1);

/// The first events say what there is; a card that is put in or pulled is told of within a second, with its reader.
#[test]
fn cards_are_seen_within_a_second() {
    let rig = Rig::start(2);
    let mut watch = Watch::begin().unwrap();
    let names: BTreeSet<_> = [Rig::name(0), Rig::name(1)].into();
    let first = watch.next(SECOND).unwrap();
    assert_eq!(
        first.into_iter().collect::<Vec<_>>(),
        names.iter().cloned().map(Event::ReaderAdded).collect::<Vec<_>>()
    );
    for reader in [1, 0] {
        let begun = Instant::now();
        let card = CardProcess::insert(rig.port(reader), None);
        assert_eq!(watch.next(10 * SECOND).unwrap(), [Event::CardInserted(Rig::name(reader))]);
        assert!(begun.elapsed() < SECOND, "it took {:?}", begun.elapsed());
        let begun = Instant::now();
        drop(card);
        assert_eq!(watch.next(10 * SECOND).unwrap(), [Event::CardRemoved(Rig::name(reader))]);
        assert!(begun.elapsed() < SECOND, "it took {:?}", begun.elapsed());
    }
    assert_eq!(watch.next(Duration::from_millis(50)).unwrap(), [], "nothing happened");
}

/// A card that is pulled in the middle is said to be pulled, and an empty reader to be empty.
#[test]
fn pulled_card_is_named() {
    let rig = Rig::start(1);
    let card = rig.insert(0, None);
    let readers = Readers::open().unwrap();
    let outcome = readers.with_card(&Rig::name(0), |transport| {
        let mut piv = Piv::select(transport)?;
        piv.tries()?;
        drop(card);
        piv.tries()
    });
    let said = outcome.unwrap().map(drop).map_err(|error| error.to_string());
    assert!(said.is_err(), "a card that is not there answered");
    super::rig::until("the reader is empty", || {
        matches!(readers.with_card(&Rig::name(0), |_| ()), Err(ReaderError::NoCard))
    });
    let card = rig.insert(0, None);
    let tries = readers.with_card(&Rig::name(0), |card| Piv::select(card)?.tries()).unwrap();
    assert!(!matches!(tries, Err(Error::NotPiv)), "the next card is used");
    assert!(tries.is_ok());
    drop(card);
}

/// Two programs do not come between each other: while one has the card, the other waits, and finds no passcode entered.
#[test]
fn passcode_does_not_stay_entered() {
    let rig = Rig::start(1);
    let _card = rig.insert(0, None);
    let readers = Readers::open().unwrap();
    let verified = readers.with_card(&Rig::name(0), |card| {
        let mut piv = Piv::select(card)?;
        piv.verify(&card::piv::Passcode::factory())?;
        piv.tries()
    });
    assert_eq!(verified.unwrap().unwrap(), card::piv::Tries::Verified);
    let after = readers.with_card(&Rig::name(0), |card| Piv::select(card)?.tries()).unwrap();
    assert_eq!(after.unwrap(), card::piv::Tries::Left(3));
    // Nor for a program that is not ours.
    let (good, said) =
        run(std::process::Command::new("yubico-piv-tool").args(["-r", &Rig::beginning(0), "-a", "status"]));
    assert!(good && said.contains("PIN tries left:\t3"), "{said}");
}
