//! The queue of jobs that wait for a thread, in two priorities.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use causerie_domain::ports::StoreError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::job::Job;
use crate::backend::transaction::{Mode, store_closed};

/// Maximum number of waiting jobs per queue and priority.
const QUEUE_CAPACITY: usize = 1024;

/// The order in which waiting jobs run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Priority {
    /// Writes of running turns. There are never more of them than running turns, so other jobs are not starved.
    High,
    /// All other jobs.
    Normal,
}

impl From<Mode> for Priority {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::PriorityWrite => Priority::High,
            Mode::Read | Mode::Snapshot | Mode::Write | Mode::Serializable => Priority::Normal,
        }
    }
}

/// Ownership flag of a waiting job: decides whether a thread runs it or the caller cancels it. The first to take it
/// wins.
#[derive(Debug, Clone, Default)]
pub(super) struct Ownership(Arc<AtomicBool>);

impl Ownership {
    /// Takes the job. `false` if it is taken already.
    pub(super) fn take(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }

    /// Whether the job is taken. A waiting job is taken by its caller only, who then gives up.
    pub(super) fn is_taken(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// The sending side of a queue.
#[derive(Debug)]
pub(super) struct Queue {
    commands: mpsc::Sender<Command>,
    high: Arc<Semaphore>,
    normal: Arc<Semaphore>,
}

/// The receiving side of a queue, for one thread or for several in turn.
pub(super) type Commands = mpsc::Receiver<Command>;

/// A command to a thread.
pub(super) enum Command {
    Run(QueuedJob),
    /// End after the commands that were sent before.
    Stop,
}

/// A waiting job.
pub(super) struct QueuedJob {
    job: Box<dyn Job>,
    priority: Priority,
    _permit: OwnedSemaphorePermit,
}

impl QueuedJob {
    /// The job, unless its caller has given up. The permit is released.
    pub(super) fn claim(self) -> Option<Box<dyn Job>> {
        self.job.claim().then_some(self.job)
    }
}

impl Queue {
    pub(super) fn new() -> (Self, Commands) {
        // A permit is taken before the channel is used, so the channel has capacity for each job with a permit.
        let (commands, receiver) = mpsc::channel(2 * QUEUE_CAPACITY);
        let permits = || Arc::new(Semaphore::new(QUEUE_CAPACITY));
        (Queue { commands, high: permits(), normal: permits() }, receiver)
    }

    /// Queues a job as soon as a permit is free.
    pub(super) async fn send(&self, priority: Priority, job: Box<dyn Job>) -> Result<(), StoreError> {
        let permit = Arc::clone(self.permits(priority)).acquire_owned().await.map_err(|_| store_closed())?;
        let waiting = QueuedJob { job, priority, _permit: permit };
        self.commands.try_send(Command::Run(waiting)).map_err(|_| store_closed())
    }

    /// Sends one thread the command to stop.
    pub(super) async fn stop(&self) {
        // The command is not needed if the thread has ended already.
        let _ = self.commands.send(Command::Stop).await;
    }

    /// Whether no thread receives commands any more.
    pub(super) fn is_closed(&self) -> bool {
        self.commands.is_closed()
    }

    /// Number of commands that no thread has received yet.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.commands.max_capacity() - self.commands.capacity()
    }

    fn permits(&self, priority: Priority) -> &Arc<Semaphore> {
        match priority {
            Priority::High => &self.high,
            Priority::Normal => &self.normal,
        }
    }
}

/// Jobs that a thread has received and not started, by priority.
#[derive(Default)]
pub(super) struct Backlog {
    high: VecDeque<QueuedJob>,
    normal: VecDeque<QueuedJob>,
    stopped: bool,
}

impl Backlog {
    /// Receives all pending commands; blocks while there is no job to run. `false` if no job is left and none will
    /// come.
    pub(super) fn fill(&mut self, commands: &mut Commands) -> bool {
        if self.is_empty() && !self.stopped {
            match commands.blocking_recv() {
                Some(order) => self.take(order),
                None => self.stopped = true,
            }
        }
        while !self.stopped
            && let Ok(order) = commands.try_recv()
        {
            self.take(order);
        }
        !self.is_empty() || !self.stopped
    }

    /// Removes jobs whose callers have given up.
    pub(super) fn forget_cancelled(&mut self) {
        for jobs in [&mut self.high, &mut self.normal] {
            jobs.retain(|waiting| !waiting.job.is_cancelled());
        }
    }

    /// The next jobs whose callers still wait, up to a maximum.
    pub(super) fn next(&mut self, max: usize) -> Vec<Box<dyn Job>> {
        let waiting = std::iter::from_fn(|| self.high.pop_front().or_else(|| self.normal.pop_front()));
        waiting.filter_map(QueuedJob::claim).take(max).collect()
    }

    fn take(&mut self, order: Command) {
        match order {
            Command::Run(waiting) if waiting.priority == Priority::High => self.high.push_back(waiting),
            Command::Run(waiting) => self.normal.push_back(waiting),
            Command::Stop => self.stopped = true,
        }
    }

    fn is_empty(&self) -> bool {
        self.high.is_empty() && self.normal.is_empty()
    }
}
