//! A key holder, and the doors that know it, for tests.

#[path = "../../tests/support/identity.rs"]
mod identity;

use std::sync::Arc;

use causerie_domain::ports::{ApiKeyRecord, Authentication, Clock};
use causerie_domain::principal::{Credential, Principal};
use causerie_domain::users::Role;
use causerie_domain::{ApiKeyId, Timestamp};

use self::identity::{NoTickets, SameBytes};
use super::key::secret_hash;
use super::verify::Doors;

pub(crate) use self::identity::Keys;

pub(crate) const SECRET: &str = "sssssssssssssssssssssssssssssssssssssssssss";

/// A clock that stands still.
#[derive(Debug)]
pub(crate) struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_780_944_363_250_000)
    }
}

pub(crate) fn holder() -> ApiKeyRecord {
    identity::holder(1, "ada", Role::User, ("abcdefABC123", secret_hash(SECRET)))
}

pub(crate) fn key_id() -> ApiKeyId {
    holder().key.id
}

pub(crate) fn principal() -> Principal {
    let credential =
        Credential::ApiKey { id: key_id(), group_id: None, scopes: Vec::new(), expires_at: None };
    holder().access.principal(credential)
}

/// These keys beside nothing else.
pub(crate) fn doors(keys: &Arc<Keys>) -> Doors {
    Doors {
        identity: Arc::clone(keys) as Arc<dyn Authentication>,
        tickets: Arc::new(NoTickets),
        tokens: None,
        entropy: Arc::new(SameBytes),
        clock: Arc::new(FixedClock),
        ids: Arc::new(causerie_runtime::SystemIds),
    }
}
