//! Credentials that were verified a moment ago, so that not every request asks the store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use causerie_domain::principal::Principal;
use causerie_domain::{ApiKeyId, Timestamp};

/// How long a verified credential is taken at its word: what a revoked key can still do at most.
const TRUSTED_FOR: Duration = Duration::from_secs(5);
/// How often the last use of a key is noted.
const NOTED_EVERY: Duration = Duration::from_secs(60);
/// Entries of either kind at most. Beyond it all are forgotten, which costs one look-up each.
const MOST: usize = 10_000;

/// SHA-256 of a whole credential: the cache never holds one that could be read out of memory.
pub(crate) type CredentialHash = [u8; 32];

/// What is remembered between requests.
#[derive(Debug, Default)]
pub(crate) struct VerifiedCredentials(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    /// How often everything was forgotten.
    generation: u64,
    verified: HashMap<CredentialHash, Verified>,
    noted: HashMap<ApiKeyId, Timestamp>,
}

#[derive(Debug)]
struct Verified {
    principal: Arc<Principal>,
    at: Timestamp,
    expires_at: Option<Timestamp>,
}

impl VerifiedCredentials {
    /// The principal behind a credential that was verified a moment ago and has not expired since.
    pub(crate) fn get(&self, hash: &CredentialHash, now: Timestamp) -> Option<Arc<Principal>> {
        self.memory()
            .verified
            .get(hash)
            .filter(|verified| verified.holds(now))
            .map(|verified| Arc::clone(&verified.principal))
    }

    /// What [`VerifiedCredentials::insert`] is to be given, read before the store is asked.
    pub(crate) fn generation(&self) -> u64 {
        self.memory().generation
    }

    /// Forgets every principal: rights have changed, and nobody keeps what was taken away. Also those that are being
    /// looked up now will not be remembered.
    pub(crate) fn forget_all(&self) {
        let memory = &mut *self.memory();
        memory.generation += 1;
        memory.verified.clear();
    }

    /// Remembers a credential that was verified just now, unless rights have changed since `generation` was read.
    pub(crate) fn insert(
        &self,
        (hash, generation): (CredentialHash, u64),
        principal: Arc<Principal>,
        now: Timestamp,
        expires_at: Option<Timestamp>,
    ) {
        let memory = &mut *self.memory();
        if memory.generation != generation {
            return;
        }
        let verified = &mut memory.verified;
        make_room(verified, |entry| entry.holds(now));
        verified.insert(hash, Verified { principal, at: now, expires_at });
    }

    /// Whether the use of a key is to be noted now, given when the store last noted it. Says so at most once
    /// a minute.
    pub(crate) fn is_to_be_noted(&self, key: ApiKeyId, stored: Option<Timestamp>, now: Timestamp) -> bool {
        let noted = &mut self.memory().noted;
        let last = noted.get(&key).copied().max(stored);
        if last.is_some_and(|last| now.since(last) < NOTED_EVERY) {
            return false;
        }
        make_room(noted, |at| now.since(*at) < NOTED_EVERY);
        noted.insert(key, now);
        true
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Verified {
    fn holds(&self, now: Timestamp) -> bool {
        // A clock that was set back makes everything old: nothing may outlive its time for that.
        self.at <= now && now.since(self.at) < TRUSTED_FOR && self.expires_at.is_none_or(|end| now < end)
    }
}

/// Forgets what is stale when the map is full, and everything when that is not enough.
pub(crate) fn make_room<K: Eq + std::hash::Hash, V>(map: &mut HashMap<K, V>, keep: impl Fn(&V) -> bool) {
    if map.len() >= MOST {
        map.retain(|_, value| keep(value));
    }
    if map.len() >= MOST {
        map.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::testing::{key_id, principal};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn a_credential_is_trusted_for_five_seconds_and_never_past_its_end() {
        let check = |expires_at: Option<i64>, asked: i64, expected: bool| {
            let cache = VerifiedCredentials::default();
            cache.insert(([1; 32], 0), Arc::new(principal()), at(100), expires_at.map(at));
            assert_eq!(cache.get(&[1; 32], at(asked)).is_some(), expected, "{expires_at:?} at {asked}");
            assert!(cache.get(&[2; 32], at(asked)).is_none());
        };
        check(None, 100, true);
        check(None, 104, true);
        check(None, 105, false);
        check(None, 99, false);
        check(Some(103), 102, true);
        check(Some(103), 103, false);
    }

    #[test]
    fn what_was_looked_up_before_rights_changed_is_not_remembered() {
        let cache = VerifiedCredentials::default();
        let before = cache.generation();
        cache.insert(([1; 32], before), Arc::new(principal()), at(100), None);
        cache.forget_all();
        assert!(cache.get(&[1; 32], at(100)).is_none());
        cache.insert(([1; 32], before), Arc::new(principal()), at(100), None);
        assert!(cache.get(&[1; 32], at(100)).is_none());
        cache.insert(([1; 32], cache.generation()), Arc::new(principal()), at(100), None);
        assert!(cache.get(&[1; 32], at(100)).is_some());
    }

    #[test]
    fn the_use_of_a_key_is_noted_once_a_minute() {
        let cache = VerifiedCredentials::default();
        assert!(!cache.is_to_be_noted(key_id(), Some(at(50)), at(100)));
        assert!(cache.is_to_be_noted(key_id(), Some(at(40)), at(100)));
        assert!(!cache.is_to_be_noted(key_id(), Some(at(40)), at(159)));
        assert!(cache.is_to_be_noted(key_id(), Some(at(40)), at(160)));
        let fresh = VerifiedCredentials::default();
        assert!(fresh.is_to_be_noted(key_id(), None, at(0)));
    }

    #[test]
    fn it_stays_within_its_bound() {
        let cache = VerifiedCredentials::default();
        let principal = Arc::new(principal());
        for number in 0..2 * MOST {
            let mut hash = [0; 32];
            hash[..8].copy_from_slice(&number.to_be_bytes());
            cache.insert((hash, 0), Arc::clone(&principal), at(100), None);
        }
        assert!(cache.memory().verified.len() <= MOST);
    }
}
