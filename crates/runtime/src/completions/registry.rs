//! Completions of this process that run or ended lately, for requests that repeat one.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use causerie_domain::principal::Principal;
use causerie_domain::{ApiKeyId, UserId};
use tokio::time::Instant;

use super::log::{CompletionLog, CompletionReader, ReplayMemory};
use crate::core::clock::monotonic;
use crate::core::error::RuntimeError;

/// Maximum number of completions that are remembered.
const MAX_ENTRIES: usize = 10_000;

/// Identity of a request that can be repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RequestIdentity {
    pub(super) user_id: UserId,
    pub(super) api_key_id: Option<ApiKeyId>,
    /// SHA-256 of the body.
    pub(super) body_hash: String,
    pub(super) key: Option<String>,
}

impl RequestIdentity {
    pub(super) fn new(principal: &Principal, key: Option<String>, body_hash: String) -> Self {
        RequestIdentity { user_id: principal.user.id, api_key_id: principal.api_key_id(), body_hash, key }
    }
}

/// Completions of this process in the order of their begin.
#[derive(Debug)]
pub(super) struct Registry {
    pub(super) memory: Arc<ReplayMemory>,
    window: Duration,
    entries: Mutex<VecDeque<Entry>>,
}

#[derive(Debug)]
struct Entry {
    identity: RequestIdentity,
    log: Arc<CompletionLog>,
    max_tokens: Option<u64>,
    ended_at: Option<Instant>,
}

/// Completion to which a repeated request is attached.
#[derive(Debug)]
pub(super) struct Attached {
    pub(super) reader: CompletionReader,
    pub(super) max_tokens: Option<u64>,
}

/// Result of a search for the completion of a retry without a key.
#[derive(Debug)]
pub(super) enum RetryAttach {
    Attached(Attached),
    /// An equal request is still being read. Its connection may have broken unnoticed.
    Busy(Arc<CompletionLog>),
    None,
}

impl Registry {
    /// Creates a registry that keeps answers for a time after their end, within a number of bytes.
    pub(super) fn new(window: Duration, max_bytes: usize) -> Self {
        Registry { memory: Arc::new(ReplayMemory::new(max_bytes)), window, entries: Mutex::default() }
    }

    /// Adds the completion of a request. If another request has used its key meanwhile, returns the completion of that one
    /// instead, so that equal requests at the same time have one answer.
    ///
    /// # Errors
    /// Those of [`Registry::attach_by_key`].
    pub(super) fn insert(
        &self,
        identity: RequestIdentity,
        log: &Arc<CompletionLog>,
        max_tokens: Option<u64>,
    ) -> Result<Option<Attached>, RuntimeError> {
        let mut entries = self.lock();
        if identity.key.is_some()
            && let Some(attached) = self.with_key(&entries, &identity)?
        {
            return Ok(Some(attached));
        }
        while entries.front().is_some_and(|entry| !self.is_kept(entry)) {
            entries.pop_front();
        }
        if entries.len() >= MAX_ENTRIES {
            entries.retain(|entry| self.is_kept(entry));
        }
        if entries.len() >= MAX_ENTRIES {
            entries.pop_front();
        }
        entries.push_back(Entry { identity, log: Arc::clone(log), max_tokens, ended_at: None });
        Ok(None)
    }

    /// Records the end of an answer. Failed and cancelled ones are forgotten, so that a retry asks anew.
    pub(super) fn end(&self, log: &Arc<CompletionLog>) {
        let mut entries = self.lock();
        let Some(index) = entries.iter().rposition(|entry| Arc::ptr_eq(&entry.log, log)) else { return };
        if log.can_succeed() {
            entries[index].ended_at = Some(monotonic());
        } else {
            entries.remove(index);
        }
    }

    /// Returns the completion with the key of a request; `None` if this process does not know it, or if it failed.
    ///
    /// # Errors
    /// [`RuntimeError::IdempotencyKeyReused`] for another body, [`RuntimeError::AnswerNotKept`].
    pub(super) fn attach_by_key(&self, request: &RequestIdentity) -> Result<Option<Attached>, RuntimeError> {
        self.with_key(&self.lock(), request)
    }

    fn with_key(
        &self,
        entries: &VecDeque<Entry>,
        request: &RequestIdentity,
    ) -> Result<Option<Attached>, RuntimeError> {
        let has_key = |entry: &&Entry| {
            let of = &entry.identity;
            self.is_kept(entry) && of.user_id == request.user_id && of.key == request.key
        };
        let Some(entry) = entries.iter().rev().find(has_key) else { return Ok(None) };
        if entry.identity.body_hash != request.body_hash {
            return Err(RuntimeError::IdempotencyKeyReused);
        }
        match entry.attach(false) {
            Some(attached) => Ok(Some(attached)),
            None if entry.log.can_succeed() => Err(RuntimeError::AnswerNotKept),
            None => Ok(None),
        }
    }

    /// Attaches to the newest completion of the same request that no client reads and no client has received.
    pub(super) fn attach_retry(&self, request: &RequestIdentity) -> RetryAttach {
        let entries = self.lock();
        let is_same = |entry: &&Entry| {
            let of = &entry.identity;
            self.is_kept(entry)
                && (of.user_id, of.api_key_id, &of.body_hash)
                    == (request.user_id, request.api_key_id, &request.body_hash)
        };
        let same = || entries.iter().rev().filter(is_same);
        match same().find_map(|entry| entry.attach(true)) {
            Some(attached) => RetryAttach::Attached(attached),
            None => match same().find(|entry| entry.log.is_being_read()) {
                Some(entry) => RetryAttach::Busy(Arc::clone(&entry.log)),
                None => RetryAttach::None,
            },
        }
    }

    /// Frees memory of replays: answers that ended first go first. Without any, the log gives up its own replay.
    pub(super) fn make_room(&self, log: &CompletionLog) {
        let mut entries = self.lock();
        while self.memory.is_exceeded() {
            let Some(index) = entries.iter().position(|entry| entry.ended_at.is_some()) else {
                log.cut();
                return;
            };
            // Released once its last reader has gone.
            if let Some(entry) = entries.remove(index) {
                entry.log.cut();
            }
        }
    }

    fn is_kept(&self, entry: &Entry) -> bool {
        entry.ended_at.is_none_or(|at| at.elapsed() < self.window)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn attach(&self, is_exclusive: bool) -> Option<Attached> {
        Some(Attached { reader: self.log.attach(is_exclusive)?, max_tokens: self.max_tokens })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(key: Option<&str>, body: &str) -> RequestIdentity {
        RequestIdentity {
            user_id: "00000000-0000-7000-8000-000000000001".parse().unwrap(),
            api_key_id: None,
            body_hash: body.to_owned(),
            key: key.map(str::to_owned),
        }
    }

    #[test]
    fn equal_requests_with_one_key_have_one_answer() {
        let registry = Registry::new(Duration::from_secs(60), 1024);
        let insert = |request| {
            let log = Arc::new(CompletionLog::new(Arc::clone(&registry.memory)));
            registry.insert(request, &log, Some(7))
        };
        assert!(insert(request(Some("a"), "x")).unwrap().is_none());
        assert_eq!(insert(request(Some("a"), "x")).unwrap().unwrap().max_tokens, Some(7));
        assert!(matches!(insert(request(Some("a"), "y")), Err(RuntimeError::IdempotencyKeyReused)));
        assert!(insert(request(Some("b"), "x")).unwrap().is_none());
        for _ in 0..2 {
            assert!(
                insert(request(None, "x")).unwrap().is_none(),
                "without a key each request has its answer"
            );
        }
        assert_eq!(registry.lock().len(), 4);
    }
}
