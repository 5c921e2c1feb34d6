//! In-memory store: implements the ports of conversations, for tests and for trials without a database.
//!
//! It passes the same contract tests as the databases.
#![doc = ""]
#![doc = include_str!("../README.md")]

mod attachments;
mod attempts;
mod authentication;
mod budgets;
mod clock;
mod completions;
mod filter;
mod forks;
mod messages;
mod models;
mod reconciliation;
mod sessions;
mod state;
mod text;
mod tools;
mod turn_requests;
mod turns;
mod usage;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::state::State;

pub use authentication::{ConstantEntropy, MemoryKeys, NoTickets, key_record};

/// Store in memory. Clones share its content.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
}

impl MemoryStore {
    /// Creates an empty store.
    pub fn new() -> Self {
        MemoryStore::default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
