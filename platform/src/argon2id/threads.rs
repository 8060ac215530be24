//! The threads that hash, behind a bounded queue.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::{io, thread};

use tokio::sync::oneshot;

use super::Memory;

/// Threads that hash. Dropping the last clone ends them. A job waits in a bounded queue; when that is full the caller is told at
/// once and nothing was done.
#[derive(Debug, Clone)]
pub struct Threads(SyncSender<Job>);

type Job = Box<dyn FnOnce(&mut Memory) + Send>;

/// As many wait as may. Nothing was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("as many wait to be hashed as may")]
pub struct Busy;

impl Threads {
    /// Starts so many, called by this name and their number.
    pub fn start(name: &str, threads: usize, queue: usize) -> io::Result<Self> {
        let (jobs, queue) = sync_channel::<Job>(queue);
        let queue = Arc::new(Mutex::new(queue));
        for number in 0..threads {
            let queue = Arc::clone(&queue);
            thread::Builder::new().name(format!("{name}-{number}")).spawn(move || serve(&queue))?;
        }
        Ok(Self(jobs))
    }

    /// Has one of them work, and says what came of it. What the work holds is dropped with it, also when nobody waits for it any
    /// more: not before it leaves the queue.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |memory| {
            // Nobody waits any more when the caller went away.
            if !answer.is_closed() {
                let _gone = answer.send(work(memory));
            }
        });
        self.0.try_send(job).map_err(|_| Busy)?;
        answered.await.map_err(|_| Busy)
    }
}

fn serve(queue: &Mutex<Receiver<Job>>) {
    loop {
        // The lock is held while waiting: one idle thread waits for a job, the others for the lock.
        let job = match queue.lock() {
            Ok(queue) => queue.recv(),
            Err(_) => return,
        };
        match job {
            // Given back after each, so that an idle server holds none.
            Ok(job) => job(&mut Memory::default()),
            Err(_) => return,
        }
    }
}
