//! What is being done over one connection: requests that can be given up, by their numbers.
//!
//! A task that is given up goes on to where it next waits, and may answer until then. Whoever says that a request has ended waits
//! for that: nothing of it comes behind the word.

use std::collections::HashMap;

use futures_util::FutureExt as _;
use tokio::task::{AbortHandle, JoinSet};

/// The requests of a connection. Dropping it gives all of them up.
#[derive(Default)]
pub(super) struct Running {
    tasks: JoinSet<()>,
    named: HashMap<i32, One>,
}

/// A request that is being done, and the tag of what was asked.
struct One {
    task: AbortHandle,
    tag: u8,
}

impl Running {
    /// Whether nothing is being done.
    pub(super) fn is_empty(&self) -> bool {
        self.named.values().all(|one| one.task.is_finished())
    }

    /// How many are being done.
    pub(super) fn many(&mut self) -> usize {
        self.named.retain(|_, one| !one.task.is_finished());
        self.named.len()
    }

    /// Whether a request with this number is being done.
    pub(super) fn has(&self, msgid: i32) -> bool {
        self.named.get(&msgid).is_some_and(|one| !one.task.is_finished())
    }

    /// Begins one with this number and tag, beside the others. Most is answered from memory without waiting for anything, and done when this
    /// returns: a task of its own would cost more than the answer.
    pub(super) fn begin(
        &mut self,
        (msgid, tag): (i32, u8),
        doing: impl Future<Output = ()> + Send + 'static,
    ) {
        let mut doing = Box::pin(doing);
        if doing.as_mut().now_or_never().is_some() {
            return;
        }
        let task = self.tasks.spawn(doing);
        self.named.insert(msgid, One { task, tag });
    }

    /// Waits for the next one to end; `None` at once where nothing is being done. Dropping this loses nothing.
    pub(super) async fn next_end(&mut self) -> Option<()> {
        let _ended = self.tasks.join_next().await?;
        self.named.retain(|_, one| !one.task.is_finished());
        Some(())
    }

    /// Gives one up, and does not wait: nobody is told how it ended. RFC 4511 4.11.
    pub(super) fn abandon(&mut self, msgid: i32) {
        if let Some(one) = self.named.remove(&msgid) {
            one.task.abort();
        }
    }

    /// Gives one up and waits for its end: its tag, if it was stopped before it had answered. RFC 3909 3.
    pub(super) async fn stop(&mut self, msgid: i32) -> Option<u8> {
        let One { task, tag } = self.named.remove(&msgid)?;
        task.abort();
        loop {
            // Where there is none left its end was met before.
            let ended = self.tasks.join_next_with_id().await?;
            // Ends of others that are met here are met nowhere else.
            self.named.retain(|_, one| !one.task.is_finished());
            match ended {
                Ok((id, ())) if id == task.id() => return None,
                Err(error) if error.id() == task.id() => return Some(tag),
                _other => {}
            }
        }
    }

    /// Gives all of them up and waits for their ends, those of abandoned ones too.
    pub(super) async fn stop_all(&mut self) {
        self.named.clear();
        self.tasks.shutdown().await;
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::mpsc::{Receiver, Sender, channel};

    use tokio::sync::oneshot;

    use super::*;

    /// Begins one that is in the midst of something; what lets it go on.
    async fn busy(running: &mut Running, msgid: i32, said: Sender<i32>, then: Then) -> Sender<()> {
        let (go_on, held): (_, Receiver<()>) = channel();
        let (begun, has_begun) = oneshot::channel();
        running.begin((msgid, 0x63), async move {
            // What waits for something is a task.
            tokio::task::yield_now().await;
            begun.send(()).unwrap();
            held.recv().unwrap();
            said.send(msgid).unwrap();
            if matches!(then, Then::Waits) {
                std::future::pending::<()>().await;
            }
        });
        has_begun.await.unwrap();
        go_on
    }

    /// What a task does after it has answered something.
    enum Then {
        Waits,
        Ends,
    }

    /// Whoever stops a request waits until nothing more of it can come, and is told whether it had its end already; so does whoever stops all.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn what_is_stopped_has_ended() {
        let (said, hears) = channel();
        let mut running = Running::default();
        for (msgid, then, stopped) in [(1, Then::Waits, Some(0x63)), (2, Then::Ends, None)] {
            let go_on = busy(&mut running, msgid, said.clone(), then).await;
            assert!(running.has(msgid) && running.many() == 1);
            let mut stopping = pin!(running.stop(msgid));
            assert!(stopping.as_mut().now_or_never().is_none(), "it is in the midst of something");
            assert!(hears.try_recv().is_err());
            go_on.send(()).unwrap();
            assert_eq!(stopping.await, stopped);
            assert_eq!(hears.try_recv(), Ok(msgid), "it is all there");
        }
        assert!(running.stop(1).await.is_none() && running.is_empty());
        let go_on = busy(&mut running, 3, said.clone(), Then::Waits).await;
        {
            let mut stopping = pin!(running.stop_all());
            assert!(stopping.as_mut().now_or_never().is_none(), "it is in the midst of something");
            go_on.send(()).unwrap();
            stopping.await;
        }
        assert_eq!(hears.try_recv(), Ok(3));
        assert!(running.is_empty() && running.next_end().await.is_none());
    }

    /// What ended before another one was stopped is not taken for something that is being done: the connection is idle then.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn ends_of_others_are_met() {
        let (said, hears) = channel();
        let mut running = Running::default();
        let ends = busy(&mut running, 1, said.clone(), Then::Ends).await;
        let goes_on = busy(&mut running, 2, said.clone(), Then::Waits).await;
        let waits = busy(&mut running, 3, said.clone(), Then::Waits).await;
        assert!(!running.is_empty());
        ends.send(()).unwrap();
        while running.has(1) {
            tokio::task::yield_now().await;
        }
        waits.send(()).unwrap();
        assert_eq!(running.stop(3).await, Some(0x63));
        assert!(!running.is_empty(), "another one goes on");
        assert_eq!(running.named.keys().collect::<Vec<_>>(), [&2]);
        goes_on.send(()).unwrap();
        assert_eq!(running.stop(2).await, Some(0x63));
        assert!(running.is_empty());
        assert_eq!(hears.try_iter().count(), 3);
    }
}
