//! Named gates: a stream waits at a gate until a test releases it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Semaphore, watch};

/// Gates by name; a gate is created closed when its name is first used.
#[derive(Debug, Default)]
pub(crate) struct Gates(Mutex<HashMap<String, Arc<Gate>>>);

/// A closed semaphore represents an open gate: it wakes all waiters and blocks no later ones.
#[derive(Debug)]
struct Gate {
    permits: Semaphore,
    held: watch::Sender<usize>,
}

impl Gates {
    /// Opens the gate permanently.
    pub(crate) fn open(&self, name: &str) {
        self.gate(name).permits.close();
    }

    /// Releases the next `count` arrivals, current waiters first.
    pub(crate) fn release(&self, name: &str, count: usize) {
        self.gate(name).permits.add_permits(count);
    }

    /// Waits at the gate.
    pub(crate) async fn pass(&self, name: &str) {
        let gate = self.gate(name);
        if gate.permits.is_closed() {
            return;
        }
        let _held = Held::new(&gate.held);
        if let Ok(permit) = gate.permits.acquire().await {
            permit.forget();
        }
    }

    /// Resolves when at least `count` requests wait at the gate.
    pub(crate) async fn wait_until_held(&self, name: &str, count: usize) {
        let gate = self.gate(name);
        // The sender is a field of the gate, so the channel cannot close.
        let _ = gate.held.subscribe().wait_for(|held| *held >= count).await;
    }

    fn gate(&self, name: &str) -> Arc<Gate> {
        let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let gate = gates
            .entry(name.to_owned())
            .or_insert_with(|| Arc::new(Gate { permits: Semaphore::new(0), held: watch::Sender::new(0) }));
        Arc::clone(gate)
    }
}

/// Guard that counts a waiting request until it is dropped, also when the client disconnects.
struct Held<'a>(&'a watch::Sender<usize>);

impl<'a> Held<'a> {
    fn new(held: &'a watch::Sender<usize>) -> Self {
        held.send_modify(|count| *count += 1);
        Self(held)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;
    use futures_util::future::join_all;

    #[tokio::test]
    async fn a_release_lets_exactly_that_many_pass() {
        let gates = Gates::default();
        let mut first = Box::pin(gates.pass("a"));
        let mut second = Box::pin(gates.pass("a"));
        assert!(first.as_mut().now_or_never().is_none());
        assert!(second.as_mut().now_or_never().is_none());
        gates.wait_until_held("a", 2).await;

        gates.release("a", 1);
        assert!(first.as_mut().now_or_never().is_some());
        assert!(second.as_mut().now_or_never().is_none());
    }

    #[tokio::test]
    async fn a_release_before_the_arrival_is_kept() {
        let gates = Gates::default();
        gates.release("a", 1);
        assert!(gates.pass("a").now_or_never().is_some());
        assert!(gates.pass("a").now_or_never().is_none());
    }

    #[tokio::test]
    async fn an_open_gate_blocks_no_request() {
        let gates = Gates::default();
        gates.open("a");
        join_all((0..10).map(|_| gates.pass("a"))).await;
        assert!(gates.pass("b").now_or_never().is_none());
    }

    #[tokio::test]
    async fn a_cancelled_waiter_is_no_longer_counted() {
        let gates = Gates::default();
        assert!(gates.pass("a").now_or_never().is_none());
        assert!(gates.wait_until_held("a", 1).now_or_never().is_none());
    }
}
