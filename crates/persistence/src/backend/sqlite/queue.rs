//! The steps that wait for a thread, and their order.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use causerie_domain::ports::StoreError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::job::Job;
use crate::backend::transaction::{Mode, abandoned};

/// How many steps may wait in a queue, of each urgency.
const PLACES: usize = 1024;

/// Which steps go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Urgency {
    /// Of a turn that runs. There are never more of them than such turns, so the others get their chance.
    Urgent,
    /// Everything else.
    Ordinary,
}

impl From<Mode> for Urgency {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Urgent => Urgency::Urgent,
            Mode::Read | Mode::Snapshot | Mode::Write | Mode::Serial => Urgency::Ordinary,
        }
    }
}

/// Whose a waiting step is: its thread's, which then runs it, or its caller's, who then gives up. The first that
/// says so has it.
#[derive(Debug, Clone, Default)]
pub(super) struct Claim(Arc<AtomicBool>);

impl Claim {
    /// Whether it was still free.
    pub(super) fn take(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }
}

/// The way into a queue.
#[derive(Debug)]
pub(super) struct Queue {
    orders: mpsc::Sender<Order>,
    urgent: Arc<Semaphore>,
    ordinary: Arc<Semaphore>,
}

/// The way out of it, for one thread or several in turn.
pub(super) type Orders = mpsc::Receiver<Order>;

/// What a thread is told.
pub(super) enum Order {
    /// To do a job.
    Do(Waiting),
    /// To end. What was ordered before is done first.
    Stop,
}

/// A job that waits.
pub(super) struct Waiting {
    job: Box<dyn Job>,
    urgency: Urgency,
    _place: OwnedSemaphorePermit,
}

impl Waiting {
    /// The job, unless nobody wants it any more. Its place is free again.
    pub(super) fn begin(self) -> Option<Box<dyn Job>> {
        self.job.begins().then_some(self.job)
    }
}

impl Queue {
    pub(super) fn new() -> (Self, Orders) {
        // A place is taken before the channel is, so there is always room for a job that has one.
        let (orders, receiver) = mpsc::channel(2 * PLACES);
        let places = || Arc::new(Semaphore::new(PLACES));
        (Queue { orders, urgent: places(), ordinary: places() }, receiver)
    }

    /// Queues a job as soon as there is a place.
    pub(super) async fn send(&self, urgency: Urgency, job: Box<dyn Job>) -> Result<(), StoreError> {
        let place = Arc::clone(self.places(urgency)).acquire_owned().await.map_err(|_| abandoned())?;
        let waiting = Waiting { job, urgency, _place: place };
        self.orders.try_send(Order::Do(waiting)).map_err(|_| abandoned())
    }

    /// Tells one thread to stop.
    pub(super) async fn stop(&self) {
        // A thread that is gone already needs no order.
        let _ = self.orders.send(Order::Stop).await;
    }

    /// Whether nobody takes orders any more.
    pub(super) fn is_closed(&self) -> bool {
        self.orders.is_closed()
    }

    /// How many orders no thread has taken yet.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.orders.max_capacity() - self.orders.capacity()
    }

    fn places(&self, urgency: Urgency) -> &Arc<Semaphore> {
        match urgency {
            Urgency::Urgent => &self.urgent,
            Urgency::Ordinary => &self.ordinary,
        }
    }
}

/// What a thread has taken from its queue and not begun yet, the urgent first.
#[derive(Default)]
pub(super) struct Backlog {
    urgent: VecDeque<Waiting>,
    ordinary: VecDeque<Waiting>,
    stopped: bool,
}

impl Backlog {
    /// Takes everything that is ordered, waiting for it where nothing is left to do. Nothing more will come and
    /// nothing is left: `false`.
    pub(super) fn fill(&mut self, orders: &mut Orders) -> bool {
        if self.is_empty() && !self.stopped {
            match orders.blocking_recv() {
                Some(order) => self.take(order),
                None => self.stopped = true,
            }
        }
        while !self.stopped
            && let Ok(order) = orders.try_recv()
        {
            self.take(order);
        }
        !self.is_empty() || !self.stopped
    }

    /// The next jobs that somebody wants, up to a number.
    pub(super) fn next(&mut self, most: usize) -> Vec<Box<dyn Job>> {
        let waiting = std::iter::from_fn(|| self.urgent.pop_front().or_else(|| self.ordinary.pop_front()));
        waiting.filter_map(Waiting::begin).take(most).collect()
    }

    fn take(&mut self, order: Order) {
        match order {
            Order::Do(waiting) if waiting.urgency == Urgency::Urgent => self.urgent.push_back(waiting),
            Order::Do(waiting) => self.ordinary.push_back(waiting),
            Order::Stop => self.stopped = true,
        }
    }

    fn is_empty(&self) -> bool {
        self.urgent.is_empty() && self.ordinary.is_empty()
    }
}
