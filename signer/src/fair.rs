//! Whose turn it is at the token: one call of each application after the other, however many some of them wait with, and for however many
//! people.
//!
//! A call is up to sixteen signatures, fewer where each takes longer. As many are under way as the token has sessions, and one more, so that
//! none idles; what waits, waits here and not in the token's own queue, where first come is first served. So a batch of hundreds delays
//! another application by the calls that are just under way, and not by its length. Single requests go before batches, eight of them for
//! each call of a batch, so that batches go on too. The operator says of which applications batches go before, or single requests behind.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use hsm::{Alg, Key, Scheme};
use platform::id::ClientId;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::config::Standing;
use crate::line::Line;
use crate::share::Sharer;

/// How many urgent calls go before one of a batch that waits.
const URGENT_IN_A_ROW: u32 = 8;

/// How soon a call wants to be served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Priority {
    /// Somebody waits for a few signatures.
    Urgent,
    /// It is one of many calls of a request.
    Batch,
}

/// The turns. Clones share them.
#[derive(Clone)]
pub(crate) struct Fair {
    state: Arc<Mutex<State>>,
    standings: Arc<HashMap<ClientId, Standing>>,
}

/// Held for a moment, and never while anybody waits.
struct State {
    free: usize,
    urgent: Line<Next>,
    batch: Line<Next>,
    /// How many urgent ones have gone before a batch that waits.
    in_a_row: u32,
}

/// The way to somebody who waits for a turn.
type Next = oneshot::Sender<Turn>;

/// A turn at the token; the next has it when this is dropped.
pub(crate) struct Turn(Option<Fair>);

impl Fair {
    /// So many calls at a time, one at least.
    pub(crate) fn of(places: usize, standings: HashMap<ClientId, Standing>) -> Self {
        let state =
            State { free: places.max(1), urgent: Line::default(), batch: Line::default(), in_a_row: 0 };
        Self { state: Arc::new(Mutex::new(state)), standings: Arc::new(standings) }
    }

    /// How soon a call is served that would be served so: what the operator says of its application stands above that.
    fn ranked(&self, who: &Sharer, priority: Priority) -> Priority {
        match self.standings.iter().find(|(client, _)| client.as_str() == who.application()) {
            Some((_, Standing::First)) => Priority::Urgent,
            Some((_, Standing::Last)) => Priority::Batch,
            None => priority,
        }
    }

    /// Waits for a turn. Whoever stops waiting leaves nothing behind.
    pub(crate) async fn turn(&self, who: &Sharer, priority: Priority) -> Turn {
        let priority = self.ranked(who, priority);
        loop {
            let waiting = {
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                if state.free > 0 {
                    state.free -= 1;
                    return Turn(Some(self.clone()));
                }
                let (turn, waiting) = oneshot::channel();
                state.line(priority).join(who, turn);
                waiting
            };
            // Nobody drops the other end unserved.
            if let Ok(turn) = waiting.await {
                return turn;
            }
        }
    }

    /// Gives a turn to whoever is next, or keeps it for whoever comes.
    fn pass_on(&self) {
        loop {
            let next = {
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                let next = state.next();
                if next.is_none() {
                    state.free += 1;
                }
                next
            };
            let Some(next) = next else { return };
            // Whoever stopped waiting is passed over; a turn that nobody takes must not be passed on by its end too.
            match next.send(Turn(Some(self.clone()))) {
                Ok(()) => return,
                Err(mut turn) => drop(turn.0.take()),
            }
        }
    }
}

/// What is signed.
pub(crate) enum Inputs {
    /// Digests, by keys that sign such.
    Digests(Vec<Vec<u8>>),
    /// Messages, hashed here where the key signs digests.
    Messages(Vec<Vec<u8>>),
}

impl Inputs {
    fn len(&self) -> usize {
        let (Self::Digests(each) | Self::Messages(each)) = self;
        each.len()
    }

    /// In as few calls as may be, all of about the same size, none longer than a turn by this algorithm.
    fn calls(self, alg: Alg) -> Vec<Self> {
        let calls = self.len().div_ceil(alg.in_a_turn()).max(1);
        let each = self.len().div_ceil(calls).max(1);
        match self {
            Self::Digests(all) => all.chunks(each).map(|call| Self::Digests(call.to_vec())).collect(),
            Self::Messages(all) => all.chunks(each).map(|call| Self::Messages(call.to_vec())).collect(),
        }
    }

    async fn sign(self, key: &Key, scheme: Scheme) -> Result<Vec<Vec<u8>>, hsm::Error> {
        match self {
            Self::Digests(digests) => key.sign_digests(scheme, digests).await,
            Self::Messages(messages) => key.sign_messages(scheme, messages).await,
        }
    }
}

/// What is signed, with which key and how.
pub(crate) struct Work<'k> {
    key: &'k Key,
    scheme: Scheme,
    inputs: Inputs,
    how: How,
}

/// How soon the calls of some work are served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum How {
    /// One that comes alone before several.
    Usual,
    /// Each as one that comes alone.
    Urgent,
    /// Each as one of a batch.
    Behind,
}

impl How {
    /// Of so many calls.
    fn priority(self, calls: usize) -> Priority {
        let urgent = self == Self::Urgent || (self == Self::Usual && calls == 1);
        if urgent { Priority::Urgent } else { Priority::Batch }
    }
}

impl<'k> Work<'k> {
    /// With the usual scheme of the key; in several calls it is a batch.
    pub(crate) fn of(key: &'k Key, inputs: Inputs) -> Self {
        Self { key, scheme: key.alg().default_scheme(), inputs, how: How::Usual }
    }

    /// The same by another scheme.
    pub(crate) fn with(self, scheme: Scheme) -> Self {
        Self { scheme, ..self }
    }

    /// The same where several calls are no batch: many wait, each for one of them.
    pub(crate) fn for_many(self) -> Self {
        Self { how: How::Urgent, ..self }
    }

    /// The same where also one call goes behind those of others: nobody knows who asked.
    pub(crate) fn behind(self) -> Self {
        Self { how: How::Behind, ..self }
    }
}

/// Signs with a key, each call in its turn. All signatures in order, or an error and none.
pub(crate) async fn sign(fair: &Fair, who: &Sharer, work: Work<'_>) -> Result<Vec<Vec<u8>>, hsm::Error> {
    let Work { key, scheme, inputs, how } = work;
    let count = inputs.len();
    if count == 0 {
        return Ok(Vec::new());
    }
    let mut calls = inputs.calls(key.alg());
    // A handful by a slow algorithm is several calls, and no batch for that.
    let priority = how.priority(hsm::calls(count));
    if calls.len() == 1
        && let Some(only) = calls.pop()
    {
        let _turn = fair.turn(who, priority).await;
        return only.sign(key, scheme).await;
    }
    // Dropped, these stop waiting and give their turns back.
    let mut under_way = JoinSet::new();
    let places = calls.len();
    for (place, call) in calls.into_iter().enumerate() {
        let (fair, who, key) = (fair.clone(), who.clone(), key.clone());
        under_way.spawn(async move {
            let _turn = fair.turn(&who, priority).await;
            (place, call.sign(&key, scheme).await)
        });
    }
    let mut signed = vec![Vec::new(); places];
    while let Some(done) = under_way.join_next().await {
        // One that panicked has said why; its signatures are missing, which is an error below.
        let Ok((place, signatures)) = done else { continue };
        signed[place] = signatures?;
    }
    let signed: Vec<Vec<u8>> = signed.into_iter().flatten().collect();
    if signed.len() == count { Ok(signed) } else { Err(hsm::Error::Unreadable("a call that was cancelled")) }
}

impl Fair {
    /// How many calls wait for their turn.
    pub(crate) fn waiting(&self) -> usize {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        [&state.urgent, &state.batch].into_iter().map(Line::len).sum()
    }
}

impl State {
    fn line(&mut self, priority: Priority) -> &mut Line<Next> {
        match priority {
            Priority::Urgent => &mut self.urgent,
            Priority::Batch => &mut self.batch,
        }
    }

    fn next(&mut self) -> Option<Next> {
        let batch_waits = !self.batch.is_empty();
        if self.urgent.is_empty() || batch_waits && self.in_a_row >= URGENT_IN_A_ROW {
            self.in_a_row = 0;
            return self.batch.leave();
        }
        self.in_a_row = if batch_waits { self.in_a_row + 1 } else { 0 };
        self.urgent.leave()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(fair) = self.0.take() {
            fair.pass_on();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex as Order;

    use super::*;
    use crate::share::sharer;

    /// Has these wait in their order behind one that is served, and says in which order they were.
    async fn served(waiting: &[(&'static str, Priority)]) -> Vec<&'static str> {
        let standing = |name: &str, standing| -> (ClientId, Standing) { (name.parse().unwrap(), standing) };
        let standings = [standing("first-one", Standing::First), standing("last-one", Standing::Last)];
        let fair = Fair::of(1, HashMap::from(standings));
        let first = fair.turn(&sharer("first"), Priority::Urgent).await;
        let order = Arc::new(Order::new(Vec::new()));
        let mut tasks = Vec::new();
        for (name, priority) in waiting.iter().copied() {
            let (fair, order) = (fair.clone(), Arc::clone(&order));
            let mut task = Box::pin(async move {
                let turn = fair.turn(&sharer(name), priority).await;
                order.lock().unwrap().push(name);
                drop(turn);
            });
            let waits =
                std::future::poll_fn(|it| std::task::Poll::Ready(task.as_mut().poll(it).is_pending()));
            assert!(waits.await, "{name} has to wait");
            tasks.push(task);
        }
        drop(first);
        let mut running = tokio::task::JoinSet::new();
        for task in tasks {
            running.spawn(task);
        }
        running.join_all().await;
        Arc::into_inner(order).unwrap().into_inner().unwrap()
    }

    /// One call goes before several, unless many wait for these, or nobody knows who does.
    #[test]
    fn strangers_go_behind() {
        for (how, one, several) in [
            (How::Usual, Priority::Urgent, Priority::Batch),
            (How::Urgent, Priority::Urgent, Priority::Urgent),
            (How::Behind, Priority::Batch, Priority::Batch),
        ] {
            assert_eq!((how.priority(1), how.priority(2)), (one, several), "{how:?}");
        }
    }

    /// Applications take turns, however many calls one of them has in front.
    #[tokio::test]
    async fn applications_take_turns() {
        use Priority::Batch;

        let order =
            served(&[("a", Batch), ("a", Batch), ("a", Batch), ("b", Batch), ("a", Batch), ("c", Batch)]);
        assert_eq!(order.await, ["a", "b", "c", "a", "a", "a"]);
    }

    /// Somebody who waits for one signature goes before batches, and batches go on while such requests come.
    #[tokio::test]
    async fn singles_go_before_batches() {
        use Priority::{Batch, Urgent};

        let mut waiting = vec![("batch", Batch), ("batch", Batch)];
        waiting.extend([("single", Urgent); 10]);
        let order = served(&waiting).await;
        assert_eq!(order[..8], ["single"; 8]);
        assert_eq!(order[8..], ["batch", "single", "single", "batch"]);
    }

    /// The batches of an application of which the operator says so wait like single requests; single ones of another like batches.
    #[tokio::test]
    async fn the_operator_ranks_applications() {
        use Priority::{Batch, Urgent};

        let waiting = [("batch", Batch), ("last-one", Urgent), ("first-one", Batch), ("single", Urgent)];
        assert_eq!(served(&waiting).await, ["first-one", "single", "batch", "last-one"]);
    }

    /// So many are served at a time; whoever stops waiting, or is stopped while served, leaves the turn to the next.
    #[tokio::test]
    async fn turns_are_not_lost() {
        let (fair, who) = (Fair::of(2, HashMap::new()), sharer("one"));
        let (one, two) = (fair.turn(&who, Priority::Batch).await, fair.turn(&who, Priority::Batch).await);
        let mut given_up = Box::pin(fair.turn(&who, Priority::Batch));
        let waits = |waiting: &mut std::pin::Pin<Box<dyn Future<Output = Turn> + '_>>| {
            let mut it = std::task::Context::from_waker(std::task::Waker::noop());
            waiting.as_mut().poll(&mut it).is_pending()
        };
        let mut last: std::pin::Pin<Box<dyn Future<Output = Turn>>> =
            Box::pin(fair.turn(&who, Priority::Batch));
        let mut it = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(given_up.as_mut().poll(&mut it).is_pending() && waits(&mut last));
        drop(given_up);
        drop(one);
        assert!(!waits(&mut last), "the turn of whoever gave up goes to the next");
        drop(two);
        assert_eq!(fair.state.lock().unwrap().free, 2, "and that one was had and given back");
        drop(last);
        let all = (fair.turn(&who, Priority::Urgent).await, fair.turn(&who, Priority::Batch).await);
        assert_eq!(fair.state.lock().unwrap().free, 0);
        drop(all);
        assert_eq!(fair.state.lock().unwrap().free, 2);
    }
}
