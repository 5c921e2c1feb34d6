//! Record of a soak test: acknowledged messages, counters and faults.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Message that a server acknowledged.
#[derive(Debug, Clone)]
pub(super) struct Acknowledged {
    pub(super) session: String,
    pub(super) turn: String,
    pub(super) message: String,
    pub(super) content: String,
    /// Received answer, once the stream has ended.
    pub(super) answer: Option<String>,
}

/// Shared record.
#[derive(Debug, Default)]
pub(super) struct History {
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    acknowledged: Vec<Acknowledged>,
    counts: BTreeMap<&'static str, u64>,
    faults: Vec<(&'static str, String)>,
}

impl History {
    pub(super) fn count(&self, what: &'static str) {
        *self.lock().counts.entry(what).or_default() += 1;
    }

    /// Records a fault; the kind is `lost`, `duplicated`, `stuck`, `ledger` or `locked`.
    pub(super) fn fault(&self, kind: &'static str, what: impl Into<String>) {
        self.lock().faults.push((kind, what.into()));
    }

    pub(super) fn acknowledge(&self, message: Acknowledged) {
        self.lock().acknowledged.push(message);
    }

    /// Records the received answer of a turn.
    pub(super) fn record_answer(&self, turn: &str, answer: &str) {
        let mut entries = self.lock();
        let newest = entries.acknowledged.iter_mut().rev().find(|message| message.turn == turn);
        if let Some(message) = newest {
            message.answer = Some(answer.to_owned());
        }
    }

    pub(super) fn acknowledged(&self) -> Vec<Acknowledged> {
        self.lock().acknowledged.clone()
    }

    pub(super) fn report(&self, title: String) -> SoakReport {
        let entries = self.lock();
        let count = |what| entries.counts.get(what).copied().unwrap_or_default();
        SoakReport {
            title,
            turns: entries.acknowledged.len(),
            kills: count("kill"),
            resumes: count("resume"),
            cancels: count("cancel"),
            repeats: count("repeat"),
            faults: entries.faults.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Result of a soak test. `Display` writes it as one line.
#[derive(Debug, Clone)]
pub struct SoakReport {
    title: String,
    turns: usize,
    kills: u64,
    resumes: u64,
    cancels: u64,
    repeats: u64,
    faults: Vec<(&'static str, String)>,
}

impl SoakReport {
    /// Returns whether there are no faults, and the test ran turns, kills and resumes.
    pub fn is_clean(&self) -> bool {
        self.faults.is_empty() && self.turns > 0 && self.kills > 0 && self.resumes > 0
    }

    /// Returns the faults as text.
    pub fn faults(&self) -> impl Iterator<Item = String> + '_ {
        self.faults.iter().map(|(kind, what)| format!("{kind}: {what}"))
    }
}

impl fmt::Display for SoakReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |kind| self.faults.iter().filter(|(found, _)| *found == kind).count();
        write!(
            f,
            "{}: turns {}, kills {}, resumes {}, cancels {}, repeated sends {}, lost {}, duplicated {}, stuck {}, \
             ledger mismatches {}, \"database is locked\" {}",
            self.title,
            self.turns,
            self.kills,
            self.resumes,
            self.cancels,
            self.repeats,
            count("lost"),
            count("duplicated"),
            count("stuck"),
            count("ledger"),
            count("locked"),
        )
    }
}
