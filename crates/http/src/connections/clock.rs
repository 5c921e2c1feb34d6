//! The phase of a connection: it waits for the head of a request, or handles a request.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use causerie_runtime::CompletionReader;
use tokio::time::Instant;

use crate::clock::monotonic;

/// Clock of the heads of a connection. It is shared by the connection and its requests, on one worker.
#[derive(Debug)]
pub(crate) struct ConnectionClock {
    /// Time for the head of a request to begin, and to end.
    timeout: Duration,
    phase: Cell<Phase>,
    /// Answer that was written and may not have arrived, and the time at which it counts as received.
    delivery: RefCell<Option<(Instant, CompletionReader)>>,
}

/// Time for which a connection must stay open after the last byte of an answer, so that it counts as received.
const DELIVERY_TIME: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy)]
enum Phase {
    /// Before the first request, which the HTTP library times.
    First,
    /// The next head must be complete at this time.
    Head { deadline: Instant, has_begun: bool },
    /// A request is handled.
    Request,
}

impl ConnectionClock {
    pub(crate) fn new(timeout: Duration) -> Rc<Self> {
        Rc::new(ConnectionClock { timeout, phase: Cell::new(Phase::First), delivery: RefCell::default() })
    }

    /// Starts a request. It lasts until the returned value is dropped.
    pub(crate) fn start_request(self: &Rc<Self>) -> RequestInProgress {
        self.phase.set(Phase::Request);
        self.complete_delivery();
        RequestInProgress(Rc::clone(self))
    }

    /// Waits for the delivery of an answer whose last bytes are being written. It ends without one when the connection
    /// is dropped.
    pub(crate) fn start_delivery(&self, reader: CompletionReader) {
        *self.delivery.borrow_mut() = Some((monotonic() + DELIVERY_TIME, reader));
    }

    /// Records that bytes were written, after which the time of a delivery begins anew.
    pub(super) fn wrote(&self) {
        if let Some((deadline, _)) = self.delivery.borrow_mut().as_mut() {
            *deadline = monotonic() + DELIVERY_TIME;
        }
    }

    /// Returns the time at which an answer counts as received.
    pub(super) fn delivery_deadline(&self) -> Option<Instant> {
        self.delivery.borrow().as_ref().map(|(deadline, _)| *deadline)
    }

    /// Records that the client has received the answer.
    pub(super) fn complete_delivery(&self) {
        if let Some((_, reader)) = self.delivery.borrow_mut().take() {
            reader.set_delivered();
        }
    }

    /// Records that the client has sent data.
    pub(super) fn received(&self) {
        if let Phase::Head { has_begun: false, .. } = self.phase.get() {
            self.phase.set(Phase::Head { deadline: monotonic() + self.timeout, has_begun: true });
        }
    }

    /// Records that the client has not read all of the response yet, so that the time for its next head has not begun.
    pub(super) fn is_writing(&self) {
        if let Phase::Head { has_begun: false, .. } = self.phase.get() {
            self.phase.set(Phase::Head { deadline: monotonic() + self.timeout, has_begun: false });
        }
    }

    /// Returns the time at which the connection must have received a head.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.phase.get() {
            Phase::Head { deadline, .. } => Some(deadline),
            Phase::First | Phase::Request => None,
        }
    }
}

impl Drop for ConnectionClock {
    /// Ends the delivery of a connection that is closed: without a poll of the connection, its time can have passed
    /// unnoticed.
    fn drop(&mut self) {
        if self.delivery_deadline().is_some_and(|deadline| monotonic() >= deadline) {
            self.complete_delivery();
        }
    }
}

/// A request in progress; the time for the next head starts when it is dropped.
#[derive(Debug)]
pub(crate) struct RequestInProgress(Rc<ConnectionClock>);

impl Drop for RequestInProgress {
    fn drop(&mut self) {
        let deadline = monotonic() + self.0.timeout;
        self.0.phase.set(Phase::Head { deadline, has_begun: false });
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_head_has_its_time_after_a_request_and_after_its_first_byte() {
        let timeout = Duration::from_secs(75);
        let clock = ConnectionClock::new(timeout);
        clock.received();
        assert_eq!(clock.deadline(), None);
        let request = clock.start_request();
        advance(Duration::from_secs(1000)).await;
        clock.received();
        assert_eq!(clock.deadline(), None);
        drop(request);
        assert_eq!(clock.deadline(), Some(Instant::now() + timeout));
        advance(Duration::from_secs(70)).await;
        clock.received();
        let deadline = Instant::now() + timeout;
        assert_eq!(clock.deadline(), Some(deadline));
        // A drip does not extend the time.
        advance(Duration::from_secs(70)).await;
        clock.received();
        clock.is_writing();
        assert_eq!(clock.deadline(), Some(deadline));
    }
}
