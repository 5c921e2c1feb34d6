//! Cache of compiled rules.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use causerie_domain::principal::{Credential, Principal};
use causerie_domain::{ApiKeyId, UserId};

use super::access::Access;
use super::policy::Policy;
use crate::core::error::RuntimeError;

/// Maximum number of principals. A full cache is emptied.
const MAX_PRINCIPALS: usize = 1024;

/// Maximum size of the rules and scopes of a cached principal, in bytes. Larger rules are compiled for each request.
const MAX_RULE_BYTES: usize = 16 * 1024;

/// Compiled rules of recent principals.
///
/// An entry is used only for an equal principal, with the same user, memberships, rules and scopes, so a change of a right
/// takes effect with the first principal that has it.
#[derive(Debug, Default)]
pub(crate) struct AccessCache {
    entries: Mutex<HashMap<(UserId, Option<ApiKeyId>), Entry>>,
}

#[derive(Debug)]
struct Entry {
    principal: Principal,
    access: Arc<Access>,
}

impl AccessCache {
    /// Returns the compiled rules of a principal.
    ///
    /// # Errors
    /// Those of [`Access::of`].
    pub(crate) fn access(
        &self,
        policy: &Arc<Policy>,
        principal: &Principal,
    ) -> Result<Arc<Access>, RuntimeError> {
        let key = (principal.user.id, principal.api_key_id());
        {
            let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(entry) = entries.get(&key).filter(|entry| entry.principal == *principal) {
                return Ok(Arc::clone(&entry.access));
            }
        }
        let access = Arc::new(Access::of(policy, principal)?);
        if rule_bytes(principal) <= MAX_RULE_BYTES {
            let entry = Entry { principal: principal.clone(), access: Arc::clone(&access) };
            let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
            if entries.len() >= MAX_PRINCIPALS && !entries.contains_key(&key) {
                entries.clear();
            }
            entries.insert(key, entry);
        }
        Ok(access)
    }
}

/// Returns the size of the rules and scopes of a principal.
fn rule_bytes(principal: &Principal) -> usize {
    let scopes = match &principal.credential {
        Credential::ApiKey { scopes, .. } => scopes.as_slice(),
        Credential::Token | Credential::Process => &[],
    };
    principal.rules.iter().chain(scopes).map(String::len).sum()
}

#[cfg(test)]
mod tests {
    use causerie_domain::Timestamp;
    use causerie_domain::users::{Role, User, UserStatus};
    use causerie_permissions::{Action, ContentAccess};

    use super::*;

    fn principal() -> Principal {
        let user = User {
            id: UserId::from_uuid(uuid::Uuid::from_u128(1)),
            email: "a@example.com".to_owned(),
            name: "A".to_owned(),
            locale: None,
            status: UserStatus::Active,
            role: Role::User,
            created_at: Timestamp::from_micros(0),
        };
        let (memberships, rules) = (Vec::new(), Vec::new());
        Principal { user, memberships, rules, credential: Credential::Process }
    }

    fn policy() -> Arc<Policy> {
        Arc::new(Policy::builtin(ContentAccess::default()).unwrap())
    }

    #[test]
    fn equal_principals_have_one_access() {
        let (cache, policy) = (AccessCache::default(), policy());
        let one = cache.access(&policy, &principal()).unwrap();
        assert!(Arc::ptr_eq(&one, &cache.access(&policy, &principal()).unwrap()));
    }

    #[test]
    fn a_changed_rule_takes_effect_at_once() {
        let (cache, policy) = (AccessCache::default(), policy());
        assert!(cache.access(&policy, &principal()).unwrap().tools(Action::Use).is_ok());
        let mut changed = principal();
        changed.rules = vec![r#"{"inverted":true,"action":"use","subject":"Tool"}"#.to_owned()];
        assert!(cache.access(&policy, &changed).unwrap().tools(Action::Use).is_err());
        assert!(cache.access(&policy, &principal()).unwrap().tools(Action::Use).is_ok());
    }

    #[test]
    fn the_cache_is_bounded() {
        let (cache, policy) = (AccessCache::default(), policy());
        let mut large = principal();
        large.rules =
            vec![format!(r#"{{"action":"use","subject":"Tool","reason":"{}"}}"#, "r".repeat(MAX_RULE_BYTES))];
        cache.access(&policy, &large).unwrap();
        assert_eq!(cache.entries.lock().unwrap().len(), 0);
        for number in 0..=MAX_PRINCIPALS {
            let mut other = principal();
            other.user.id = UserId::from_uuid(uuid::Uuid::from_u128(number as u128));
            cache.access(&policy, &other).unwrap();
        }
        assert_eq!(cache.entries.lock().unwrap().len(), 1);
    }
}
