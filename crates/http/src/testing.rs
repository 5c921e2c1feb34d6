//! Fixtures of unit tests: a user with an API key, and the ports of authentication.

use std::sync::Arc;

use causerie_domain::ports::{ApiKeyRecord, Authentication, Clock};
use causerie_domain::principal::{Credential, Principal};
use causerie_domain::users::Role;
use causerie_domain::{ApiKeyId, Timestamp};
use causerie_memory_store::{ConstantEntropy, MemoryKeys, NoTickets, key_record};

use crate::auth::{AuthPorts, secret_hash};

pub(crate) const SECRET: &str = "sssssssssssssssssssssssssssssssssssssssssss";

/// A clock that always returns the same time.
#[derive(Debug)]
pub(crate) struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_780_944_363_250_000)
    }
}

/// Returns the record of an API key.
pub(crate) fn record() -> ApiKeyRecord {
    key_record(1, "ada", Role::User, ("abcdefABC123", secret_hash(SECRET)))
}

pub(crate) fn key_id() -> ApiKeyId {
    record().key.id
}

pub(crate) fn principal() -> Principal {
    let credential =
        Credential::ApiKey { id: key_id(), group_id: None, scopes: Vec::new(), expires_at: None };
    record().access.principal(credential)
}

/// Returns ports with these keys, and without tickets and tokens.
pub(crate) fn ports(keys: &Arc<MemoryKeys>) -> AuthPorts {
    AuthPorts {
        authentication: Arc::clone(keys) as Arc<dyn Authentication>,
        tickets: Arc::new(NoTickets),
        tokens: None,
        entropy: Arc::new(ConstantEntropy),
        clock: Arc::new(FixedClock),
        ids: Arc::new(causerie_runtime::SystemIds),
    }
}
