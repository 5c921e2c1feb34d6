//! In-memory ports: for the tests of the runtime, and for trying it out without a database.
//!
//! They keep the promises of the ports, but lose everything with the process. Conversations, turns and attempts
//! are whole; tools and models are as simple as a list, and reports are refused as unavailable.

mod attempts;
mod budgets;
mod clock;
mod conversations;
mod filter;
mod forks;
mod reconciliation;
mod reports;
mod state;
mod text;
mod tools_and_models;
mod turns;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::state::State;

/// A store in memory. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        MemoryStore::default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
