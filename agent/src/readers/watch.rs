//! What is put in and pulled.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::time::{Duration, Instant};

use pcsc::{PNP_NOTIFICATION, State};

use super::{Content, ReaderError, ReaderName, Readers};

/// What happened at the readers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A reader was plugged in, or was there from the beginning.
    ReaderAdded(ReaderName),
    /// A reader was unplugged; a card in it was said to be pulled before.
    ReaderRemoved(ReaderName),
    /// A card was put in.
    CardInserted(ReaderName),
    /// A card was pulled.
    CardRemoved(ReaderName),
}

/// Watches readers. The system tells of a change; nothing is polled.
pub struct Watch {
    readers: Readers,
    /// As they were when they were last told of. The first stands for readers that come.
    states: Vec<pcsc::ReaderState>,
    /// How often something had happened at each reader then.
    counts: BTreeMap<CString, u32>,
}

impl Watch {
    /// Begins: the first events say what there is.
    pub fn begin() -> Result<Self, ReaderError> {
        let arrivals = pcsc::ReaderState::new(PNP_NOTIFICATION(), State::UNAWARE);
        Ok(Self { readers: Readers::open()?, states: vec![arrivals], counts: BTreeMap::new() })
    }

    /// Waits for something to happen, but not longer than this.
    pub fn next(&mut self, patience: Duration) -> Result<Vec<Event>, ReaderError> {
        let until = Instant::now() + patience;
        loop {
            let mut events = self.readers_that_came_or_went()?;
            match self.readers.context.get_status_change(self.left(until, &events), &mut self.states) {
                Ok(()) | Err(pcsc::Error::Timeout) => {}
                // A reader went while it was asked of; who it was is found out next.
                Err(pcsc::Error::UnknownReader | pcsc::Error::ReaderUnavailable) => continue,
                Err(error) => return Err(error.into()),
            }
            for state in self.states.iter_mut().skip(1) {
                let was = Content::of(state.current_state()) != Content::Nothing;
                let is = Content::of(state.event_state()) != Content::Nothing;
                let before = self.counts.insert(state.name().to_owned(), state.event_count());
                let swapped = was && is && before.is_some_and(|before| before != state.event_count());
                let name = || ReaderName(state.name().to_owned());
                // A card that was pulled and put in again between two looks, or changed for another, is a new one.
                if was && (!is || swapped) {
                    events.push(Event::CardRemoved(name()));
                }
                if is && (!was || swapped) {
                    events.push(Event::CardInserted(name()));
                }
                state.sync_current_state();
            }
            self.states[0].sync_current_state();
            if !events.is_empty() || Instant::now() >= until {
                return Ok(events);
            }
        }
    }

    /// Nothing, where there is something to tell or somebody to ask of for the first time.
    fn left(&self, until: Instant, events: &[Event]) -> Duration {
        let first = self.states.iter().any(|state| state.current_state() == State::UNAWARE);
        if first || !events.is_empty() {
            Duration::ZERO
        } else {
            until.saturating_duration_since(Instant::now())
        }
    }

    fn readers_that_came_or_went(&mut self) -> Result<Vec<Event>, ReaderError> {
        let names: Vec<CString> = self.readers.names()?;
        let mut events = Vec::new();
        let mut kept = Vec::with_capacity(names.len() + 1);
        for (at, state) in self.states.drain(..).enumerate() {
            if at == 0 || names.iter().any(|name| name.as_c_str() == state.name()) {
                kept.push(state);
                continue;
            }
            let name = ReaderName(state.name().to_owned());
            if Content::of(state.current_state()) != Content::Nothing {
                events.push(Event::CardRemoved(name.clone()));
            }
            self.counts.remove(state.name());
            events.push(Event::ReaderRemoved(name));
        }
        for name in names {
            if !kept.iter().any(|state| state.name() == name.as_c_str()) {
                events.push(Event::ReaderAdded(ReaderName(name.clone())));
                kept.push(pcsc::ReaderState::new(name, State::UNAWARE));
            }
        }
        self.states = kept;
        Ok(events)
    }
}
