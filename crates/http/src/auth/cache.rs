//! A cache of verified credentials, so that not every request reads the store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use causerie_domain::memberships::Membership;
use causerie_domain::principal::{Credential, Principal};
use causerie_domain::{ApiKeyId, Timestamp};

use crate::bounded_map::{evict_lowest, evict_when_full};

/// Time for which a verified credential is valid without a look-up: the maximum delay of a revocation.
const VALID_FOR: Duration = Duration::from_secs(5);
/// Maximum size of all cached principals, in bytes.
const MAX_BYTES: usize = 64 * 1024 * 1024;
/// Maximum size of a cached principal, in bytes. A larger one is read from the store for each request.
const MAX_PRINCIPAL_BYTES: usize = 1024 * 1024;
/// Size of a principal without rules and scopes, in bytes.
const BASE_BYTES: usize = 1024;
/// Minimum interval between two records of the last use of a key.
const RECORD_USE_EVERY: Duration = Duration::from_secs(60);

/// SHA-256 of a whole credential: the cache never contains a usable credential.
pub(crate) type CredentialHash = [u8; 32];

/// Cache of verified credentials, by hash.
#[derive(Debug, Default)]
pub(crate) struct VerifiedCredentials(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    /// Number of times that the cache was cleared.
    generation: u64,
    verified: HashMap<CredentialHash, Verified>,
    /// Size of the principals in `verified`, or more.
    bytes: usize,
    recorded: HashMap<ApiKeyId, Timestamp>,
}

#[derive(Debug)]
struct Verified {
    principal: Arc<Principal>,
    /// Size of the principal.
    bytes: usize,
    at: Timestamp,
    expires_at: Option<Timestamp>,
}

impl VerifiedCredentials {
    /// Returns the principal of a credential that was verified recently and has not expired.
    pub(crate) fn get(&self, hash: &CredentialHash, now: Timestamp) -> Option<Arc<Principal>> {
        self.entries()
            .verified
            .get(hash)
            .filter(|verified| verified.is_valid_at(now))
            .map(|verified| Arc::clone(&verified.principal))
    }

    /// Returns the generation for [`VerifiedCredentials::insert`]. It must be read before the store.
    pub(crate) fn generation(&self) -> u64 {
        self.entries().generation
    }

    /// Removes all principals, because rights have changed. Look-ups in progress are not cached either.
    pub(crate) fn clear(&self) {
        let entries = &mut *self.entries();
        entries.generation += 1;
        entries.verified.clear();
        entries.bytes = 0;
    }

    /// Caches a verified credential, unless rights have changed since `generation` was read.
    pub(crate) fn insert(
        &self,
        (hash, generation): (CredentialHash, u64),
        principal: Arc<Principal>,
        now: Timestamp,
        expires_at: Option<Timestamp>,
    ) {
        let entries = &mut *self.entries();
        if entries.generation != generation {
            return;
        }
        let bytes = size(&principal);
        if bytes > MAX_PRINCIPAL_BYTES {
            return;
        }
        evict_when_full(&mut entries.verified, |entry| entry.at);
        while entries.bytes + bytes > MAX_BYTES {
            entries.verified.retain(|_, entry| entry.is_valid_at(now));
            entries.bytes = entries.verified.values().map(|entry| entry.bytes).sum();
            if entries.bytes + bytes > MAX_BYTES {
                let oldest = entries.verified.len().div_ceil(8);
                evict_lowest(&mut entries.verified, oldest, |entry| entry.at);
            }
        }
        entries.bytes += bytes;
        entries.verified.insert(hash, Verified { principal, bytes, at: now, expires_at });
    }

    /// Returns whether the use of a key must be recorded now, and if so stores `now` as its last use; `stored` is the
    /// last use in the store. The result is true at most once a minute.
    pub(crate) fn should_record_use(&self, key: ApiKeyId, stored: Option<Timestamp>, now: Timestamp) -> bool {
        let recorded = &mut self.entries().recorded;
        let last = recorded.get(&key).copied().max(stored);
        if last.is_some_and(|last| now.since(last) < RECORD_USE_EVERY) {
            return false;
        }
        evict_when_full(recorded, |at| *at);
        recorded.insert(key, now);
        true
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the approximate size of a principal in bytes.
fn size(principal: &Principal) -> usize {
    let texts =
        |texts: &[String]| texts.iter().map(|text| text.capacity() + size_of::<String>()).sum::<usize>();
    let scopes = match &principal.credential {
        Credential::ApiKey { scopes, .. } => texts(scopes),
        Credential::Token | Credential::Process => 0,
    };
    let memberships = principal.memberships.len() * size_of::<Membership>();
    BASE_BYTES + scopes + texts(&principal.rules) + memberships
}

impl Verified {
    fn is_valid_at(&self, now: Timestamp) -> bool {
        // If the clock is set back, entries are invalid: none may be valid for more than 5 seconds.
        self.at <= now && now.since(self.at) < VALID_FOR && self.expires_at.is_none_or(|end| now < end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bounded_map::MAX_ENTRIES;
    use crate::testing::{key_id, principal};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn a_credential_is_cached_for_five_seconds_and_never_past_its_expiry() {
        let check = |expires_at: Option<i64>, now: i64, expected: bool| {
            let cache = VerifiedCredentials::default();
            cache.insert(([1; 32], 0), Arc::new(principal()), at(100), expires_at.map(at));
            assert_eq!(cache.get(&[1; 32], at(now)).is_some(), expected, "{expires_at:?} at {now}");
            assert!(cache.get(&[2; 32], at(now)).is_none());
        };
        check(None, 100, true);
        check(None, 104, true);
        check(None, 105, false);
        check(None, 99, false);
        check(Some(103), 102, true);
        check(Some(103), 103, false);
    }

    #[test]
    fn a_lookup_from_before_a_change_of_rights_is_not_cached() {
        let cache = VerifiedCredentials::default();
        let before = cache.generation();
        cache.insert(([1; 32], before), Arc::new(principal()), at(100), None);
        cache.clear();
        assert!(cache.get(&[1; 32], at(100)).is_none());
        cache.insert(([1; 32], before), Arc::new(principal()), at(100), None);
        assert!(cache.get(&[1; 32], at(100)).is_none());
        cache.insert(([1; 32], cache.generation()), Arc::new(principal()), at(100), None);
        assert!(cache.get(&[1; 32], at(100)).is_some());
    }

    #[test]
    fn the_use_of_a_key_is_recorded_once_a_minute() {
        let cache = VerifiedCredentials::default();
        assert!(!cache.should_record_use(key_id(), Some(at(50)), at(100)));
        assert!(cache.should_record_use(key_id(), Some(at(40)), at(100)));
        assert!(!cache.should_record_use(key_id(), Some(at(40)), at(159)));
        assert!(cache.should_record_use(key_id(), Some(at(40)), at(160)));
        let fresh = VerifiedCredentials::default();
        assert!(fresh.should_record_use(key_id(), None, at(0)));
    }

    #[test]
    fn the_cache_stays_within_its_bytes() {
        let cache = VerifiedCredentials::default();
        let mut large = principal();
        large.rules = vec!["r".repeat(MAX_PRINCIPAL_BYTES / 2)];
        let large = Arc::new(large);
        for number in 0..200 {
            cache.insert(([number; 32], 0), Arc::clone(&large), at(100), None);
        }
        let entries = cache.entries();
        assert!(!entries.verified.is_empty() && entries.verified.len() < 128, "{}", entries.verified.len());
        assert!(entries.bytes <= MAX_BYTES);
        drop(entries);
        let mut huge = principal();
        huge.rules = vec!["r".repeat(MAX_PRINCIPAL_BYTES)];
        cache.insert(([201; 32], 0), Arc::new(huge), at(100), None);
        assert!(cache.get(&[201; 32], at(100)).is_none());
    }

    #[test]
    fn the_cache_stays_within_its_bound() {
        let cache = VerifiedCredentials::default();
        let principal = Arc::new(principal());
        for number in 0..2 * MAX_ENTRIES {
            let mut hash = [0; 32];
            hash[..8].copy_from_slice(&number.to_be_bytes());
            cache.insert((hash, 0), Arc::clone(&principal), at(100), None);
        }
        assert!(cache.entries().verified.len() <= MAX_ENTRIES);
    }
}
