//! The queue of jobs that wait for a thread: two priorities, and in each of them the users in turn.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use causerie_domain::ports::StoreError;
use causerie_domain::{Requester, UserId};
use causerie_fair_share::{FairPermit, FairQueue, FairSemaphore};
use tokio_util::sync::CancellationToken;

use super::job::Job;
use crate::backend::progress::{Progress, Wait};
use crate::backend::transaction::{Mode, store_closed};

/// Maximum number of waiting jobs per queue and priority. The last quarter is for users with no waiting job.
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
            Mode::Read | Mode::Snapshot | Mode::Write | Mode::LargeWrite | Mode::Serializable => {
                Priority::Normal
            }
        }
    }
}

/// Ownership flag of a waiting job: decides whether a thread runs it or the caller cancels it. The first to take it
/// wins.
#[derive(Debug, Clone, Default)]
struct Ownership(Arc<AtomicBool>);

impl Ownership {
    /// Takes the job. `false` if it is taken already.
    fn take(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }
}

/// The side of a queue that callers use. Dropping it stops the threads.
pub(super) struct Queue {
    shared: Arc<Shared>,
    high: FairSemaphore,
    normal: FairSemaphore,
}

/// The side of a queue that one thread uses.
pub(super) struct Jobs(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// Signals the threads that a job is queued, that another thread has ended its job, and the stop.
    changed: Condvar,
    high: Progress,
    normal: Progress,
    /// Cancelled when long waits for jobs of normal priority end.
    impatient: CancellationToken,
}

struct State {
    high: FairQueue<QueuedJob>,
    normal: FairQueue<QueuedJob>,
    next_id: u64,
    threads: usize,
    /// Users whose jobs occupy a thread, with the number of threads.
    occupied: HashMap<UserId, usize>,
    is_stopped: bool,
}

/// A waiting job.
struct QueuedJob {
    id: u64,
    job: Box<dyn Job>,
    ownership: Ownership,
    requester: Requester,
    _permit: FairPermit,
}

impl Queue {
    pub(super) fn new() -> Self {
        let state = State {
            high: FairQueue::default(),
            normal: FairQueue::default(),
            next_id: 0,
            threads: 0,
            occupied: HashMap::new(),
            is_stopped: false,
        };
        let places = || FairSemaphore::new(QUEUE_CAPACITY, None);
        let impatient = CancellationToken::new();
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
            high: Progress::new(CancellationToken::new()),
            normal: Progress::new(impatient.clone()),
            impatient,
        });
        Queue { shared, high: places(), normal: places() }
    }

    /// Returns the side of a further thread.
    pub(super) fn jobs(&self) -> Jobs {
        self.shared.lock().threads += 1;
        Jobs(Arc::clone(&self.shared))
    }

    /// Queues a job as soon as there is a place for it.
    ///
    /// # Errors
    /// No place is free until the wait ends, or no thread receives jobs any more.
    pub(super) async fn push(
        &self,
        requester: Requester,
        priority: Priority,
        job: Box<dyn Job>,
        wait: Wait,
    ) -> Result<WaitingJob<'_>, StoreError> {
        let places = match priority {
            Priority::High => &self.high,
            Priority::Normal => &self.normal,
        };
        let permit = places.acquire(requester, wait.latest());
        let progress = self.progress(priority);
        let permit = wait.for_output(progress, permit).await?.ok_or_else(|| wait.refusal(progress))?;
        let ownership = Ownership::default();
        let mut state = self.shared.lock();
        if state.is_stopped || state.threads == 0 {
            return Err(store_closed());
        }
        let id = state.next_id;
        state.next_id += 1;
        let queued = QueuedJob { id, job, ownership: ownership.clone(), requester, _permit: permit };
        state.queue(priority).push(requester, queued);
        drop(state);
        self.shared.changed.notify_one();
        Ok(WaitingJob { shared: &self.shared, priority, requester, id, ownership })
    }

    /// Returns the progress of the threads, as jobs of a priority see it.
    pub(super) fn progress(&self, priority: Priority) -> &Progress {
        match priority {
            Priority::High => &self.shared.high,
            Priority::Normal => &self.shared.normal,
        }
    }

    /// Refuses the waiting jobs of normal priority. Later ones wait for the wait timeout at most.
    pub(super) fn end_long_waits(&self) {
        self.shared.impatient.cancel();
    }

    /// Lets the threads end after the queued jobs.
    pub(super) fn stop(&self) {
        self.shared.lock().is_stopped = true;
        self.shared.changed.notify_all();
    }

    /// Returns whether no thread receives jobs any more.
    pub(super) fn is_closed(&self) -> bool {
        self.shared.lock().threads == 0
    }

    /// Returns the number of jobs that no thread has started yet.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let state = self.shared.lock();
        state.high.len() + state.normal.len()
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.lock();
        let (high, normal) = (state.high.len(), state.normal.len());
        f.debug_struct("Queue").field("high", &high).field("normal", &normal).finish_non_exhaustive()
    }
}

/// A queued job, as its caller sees it. If the caller is dropped, a job that has not started leaves the queue.
pub(super) struct WaitingJob<'a> {
    shared: &'a Shared,
    priority: Priority,
    requester: Requester,
    id: u64,
    ownership: Ownership,
}

impl WaitingJob<'_> {
    /// Removes the job from the queue. `false` if a thread has started it.
    pub(super) fn cancel(&self) -> bool {
        let is_waiting = self.ownership.take();
        if is_waiting {
            let mut state = self.shared.lock();
            state.queue(self.priority).retain(self.requester, |queued| queued.id != self.id);
        }
        is_waiting
    }
}

impl Drop for WaitingJob<'_> {
    fn drop(&mut self) {
        self.cancel();
    }
}

impl Jobs {
    /// Blocks until a job waits. Returns `false` if none waits and none will come.
    pub(super) fn wait(&self) -> bool {
        let is_idle = |state: &mut State| state.is_empty() && !state.is_stopped;
        let state = self.0.changed.wait_while(self.0.lock(), is_idle).unwrap_or_else(PoisonError::into_inner);
        !state.is_empty()
    }

    /// Records that jobs were completed.
    pub(super) fn record_progress(&self) {
        self.0.high.record();
        self.0.normal.record();
    }

    /// Records that jobs failed for a reason that can affect others.
    pub(super) fn record_failure(&self) {
        self.0.high.record_failure();
        self.0.normal.record_failure();
    }

    /// Returns the next job of the only thread of a queue, if one waits.
    pub(super) fn try_next(&self) -> Option<Box<dyn Job>> {
        let mut state = self.0.lock();
        loop {
            let next = state.high.pop().or_else(|| state.normal.pop())?;
            if next.ownership.take() {
                return Some(next.job);
            }
        }
    }

    /// Blocks until a job of one of several threads may run. Returns `None` if none waits and none will come.
    ///
    /// The threads are shared as the permits of a [`FairSemaphore`]: the last quarter of them, at least one, is for users
    /// whose jobs occupy none.
    pub(super) fn next(&self) -> Option<(OccupiedThread<'_>, Box<dyn Job>)> {
        let mut state = self.0.lock();
        loop {
            if let Some(next) = state.pop_eligible() {
                if next.ownership.take() {
                    let user_id = next.requester.user_id;
                    *state.occupied.entry(user_id).or_default() += 1;
                    return Some((OccupiedThread { shared: &self.0, user_id }, next.job));
                }
            } else if state.is_stopped && state.is_empty() {
                return None;
            } else {
                state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}

impl Drop for Jobs {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.threads -= 1;
        if state.threads == 0 {
            // Their callers get the error of a closed store.
            state.high = FairQueue::default();
            state.normal = FairQueue::default();
        }
    }
}

/// A thread that runs a job of a user, until this value is dropped.
pub(super) struct OccupiedThread<'a> {
    shared: &'a Shared,
    user_id: UserId,
}

impl Drop for OccupiedThread<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        if let Some(count) = state.occupied.get_mut(&self.user_id) {
            *count -= 1;
            if *count == 0 {
                state.occupied.remove(&self.user_id);
            }
        }
        let can_change_others = !state.is_empty() || state.is_stopped;
        drop(state);
        if can_change_others {
            self.shared.changed.notify_all();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn queue(&mut self, priority: Priority) -> &mut FairQueue<QueuedJob> {
        match priority {
            Priority::High => &mut self.high,
            Priority::Normal => &mut self.normal,
        }
    }

    fn pop_eligible(&mut self) -> Option<QueuedJob> {
        let State { high, normal, threads, occupied, .. } = self;
        let idle = *threads - occupied.values().sum::<usize>().min(*threads);
        let reserved = (*threads / 4).max(1);
        let is_eligible = |user: UserId| idle > reserved || (idle > 0 && !occupied.contains_key(&user));
        high.pop_where(is_eligible).or_else(|| normal.pop_where(is_eligible))
    }

    fn is_empty(&self) -> bool {
        self.high.is_empty() && self.normal.is_empty()
    }
}
