//! A semaphore whose permits go to waiting users in turn.

use std::collections::HashMap;
use std::fmt::{self, Debug, Formatter};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use causerie_domain::{Requester, UserId};
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep, sleep_until};

use crate::FairQueue;

/// Limit on the permits per time. A call takes one unit, or returns the time until the next unit.
pub type RateLimit = Box<dyn Fn() -> Result<(), Duration> + Send + Sync>;

/// Semaphore with a fixed number of permits.
///
/// Permits are granted as [`FairQueue`] orders the requesters. The last quarter of the permits, at least one, is only
/// for users that hold none, so a user that holds permits never takes the last one. Clones share the permits.
#[derive(Debug, Clone)]
pub struct FairSemaphore {
    shared: Arc<Shared>,
}

struct Shared {
    /// Permits that only users without a permit may take.
    reserved: usize,
    rate: Option<RateLimit>,
    state: Mutex<State>,
    /// The waiter that holds this lock wakes up when the rate limit allows the next permit.
    timer: tokio::sync::Mutex<()>,
    /// Signals the holder of `timer` that the rate limit delays a permit.
    delayed: Notify,
}

#[derive(Debug)]
struct State {
    free: usize,
    held: HashMap<UserId, usize>,
    waiting: FairQueue<Waiter>,
    next_id: u64,
}

#[derive(Debug)]
struct Waiter {
    id: u64,
    requester: Requester,
    sender: oneshot::Sender<FairPermit>,
}

/// Permit of a [`FairSemaphore`], released when dropped.
#[derive(Debug)]
pub struct FairPermit {
    shared: Arc<Shared>,
    user_id: UserId,
}

impl FairSemaphore {
    /// Creates a semaphore. Each permit also takes a unit of the rate limit, if there is one.
    pub fn new(permits: usize, rate: Option<RateLimit>) -> Self {
        let state = State { free: permits, held: HashMap::new(), waiting: FairQueue::default(), next_id: 0 };
        let reserved = (permits / 4).max(1);
        let (timer, delayed) = (tokio::sync::Mutex::default(), Notify::new());
        FairSemaphore {
            shared: Arc::new(Shared { reserved, rate, state: Mutex::new(state), timer, delayed }),
        }
    }

    /// Waits for a permit until a deadline. A caller that is dropped leaves the queue.
    ///
    /// Returns `None` if the deadline passes first.
    pub async fn acquire(&self, requester: Requester, deadline: Instant) -> Option<FairPermit> {
        let (sender, mut receiver) = oneshot::channel();
        let id = self.shared.enqueue(requester, sender);
        let _leaves = LeavesQueue { shared: &self.shared, requester, id };
        self.shared.dispatch();
        tokio::select! {
            biased;
            permit = &mut receiver => permit.ok(),
            () = sleep_until(deadline) => None,
            () = self.shared.follow_rate() => None,
        }
    }
}

impl Shared {
    fn enqueue(&self, requester: Requester, sender: oneshot::Sender<FairPermit>) -> u64 {
        let mut state = self.lock();
        let id = state.next_id;
        state.next_id += 1;
        state.waiting.push(requester, Waiter { id, requester, sender });
        id
    }

    /// Grants permits until none is free for a waiter. Returns the wait until the rate limit allows the next permit, if
    /// that is what delays it.
    fn grant(self: &Arc<Self>) -> Option<Duration> {
        let mut undelivered = Vec::new();
        let mut state = self.lock();
        let wait = loop {
            let (free, reserved) = (state.free, self.reserved);
            let State { waiting, held, .. } = &mut *state;
            let is_eligible = |user: UserId| free > reserved || (free > 0 && !held.contains_key(&user));
            if !waiting.any(is_eligible) {
                break None;
            }
            if let Some(Err(wait)) = self.rate.as_ref().map(|rate| rate()) {
                break Some(wait);
            }
            let Some(waiter) = waiting.pop_where(is_eligible) else { break None };
            let user_id = waiter.requester.user_id;
            *held.entry(user_id).or_default() += 1;
            state.free -= 1;
            undelivered.extend(waiter.sender.send(FairPermit { shared: Arc::clone(self), user_id }).err());
        };
        // A permit that is dropped takes the lock.
        drop(state);
        drop(undelivered);
        wait
    }

    /// Grants permits, and wakes the timer if the rate limit delays the next one.
    fn dispatch(self: &Arc<Self>) {
        if self.grant().is_some() {
            self.delayed.notify_one();
        }
    }

    /// Grants permits when the rate limit allows them. Runs in one waiter at a time, and never ends.
    async fn follow_rate(self: &Arc<Self>) {
        let _timer = self.timer.lock().await;
        loop {
            match self.grant() {
                Some(wait) => sleep(wait).await,
                None => self.delayed.notified().await,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for FairPermit {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.free += 1;
        if let Some(held) = state.held.get_mut(&self.user_id) {
            *held -= 1;
            if *held == 0 {
                state.held.remove(&self.user_id);
            }
        }
        drop(state);
        self.shared.dispatch();
    }
}

/// Removes a waiter from the queue when its caller is dropped.
struct LeavesQueue<'a> {
    shared: &'a Shared,
    requester: Requester,
    id: u64,
}

impl Drop for LeavesQueue<'_> {
    fn drop(&mut self) {
        self.shared.lock().waiting.retain(self.requester, |waiter| waiter.id != self.id);
    }
}

impl Debug for Shared {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Shared").field("state", &self.state).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
