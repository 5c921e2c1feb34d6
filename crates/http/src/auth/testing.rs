//! A key holder and an identity port for tests.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use causerie_domain::audit::AuditStamp;
use causerie_domain::identity::{ApiKey, Credential, Principal, Role, Standing, User, UserStatus};
use causerie_domain::ports::{
    Clock, Entropy, ExternalId, ExternalIdError, Identity, KeyHolder, NewTicket, NewUser, NoEntropy,
    StoreError, StreamTickets, TicketFor, TicketHolder,
};
use causerie_domain::{ApiKeyId, Timestamp, UserId};

use super::key::secret_hash;
use super::verify::Doors;

pub(crate) const SECRET: &str = "sssssssssssssssssssssssssssssssssssssssssss";

/// A clock that stands still.
#[derive(Debug)]
pub(crate) struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_780_944_363_250_000)
    }
}

pub(crate) fn key_id() -> ApiKeyId {
    "01990000-0000-7000-8000-00000000000a".parse().unwrap()
}

pub(crate) fn holder() -> KeyHolder {
    let user = User {
        id: "01990000-0000-7000-8000-00000000000b".parse().unwrap(),
        email: "ada@example.org".to_owned(),
        name: "Ada".to_owned(),
        locale: None,
        status: UserStatus::Active,
        role: Role::User,
        created_at: Timestamp::from_micros(0),
    };
    let key = ApiKey {
        id: key_id(),
        public_id: "abcdefABC123".to_owned(),
        user_id: user.id,
        group_id: None,
        name: "laptop".to_owned(),
        scopes: Vec::new(),
        created_at: Timestamp::from_micros(0),
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    };
    let standing = Standing { user, memberships: Vec::new(), rules: Vec::new() };
    KeyHolder { key, secret_hash: secret_hash(SECRET), standing }
}

pub(crate) fn principal() -> Principal {
    let credential =
        Credential::ApiKey { id: key_id(), group_id: None, scopes: Vec::new(), expires_at: None };
    holder().standing.principal(credential)
}

/// An identity port that knows one key, or that cannot be reached.
#[derive(Debug)]
pub(crate) struct Keys {
    holder: Option<KeyHolder>,
    lookups: AtomicUsize,
    touches: Mutex<Vec<Timestamp>>,
}

impl Keys {
    pub(crate) fn of(holder: KeyHolder) -> Arc<Self> {
        Arc::new(Keys { holder: Some(holder), lookups: AtomicUsize::new(0), touches: Mutex::default() })
    }

    pub(crate) fn unreachable() -> Arc<Self> {
        Arc::new(Keys { holder: None, lookups: AtomicUsize::new(0), touches: Mutex::default() })
    }

    pub(crate) fn lookups(&self) -> usize {
        self.lookups.load(Ordering::SeqCst)
    }

    pub(crate) fn touches(&self) -> Vec<Timestamp> {
        self.touches.lock().unwrap().clone()
    }
}

impl Keys {
    /// These keys beside nothing else.
    pub(crate) fn doors(self: &Arc<Self>) -> Doors {
        Doors {
            identity: Arc::clone(self) as Arc<dyn Identity>,
            tickets: Arc::clone(self) as Arc<dyn StreamTickets>,
            tokens: None,
            entropy: Arc::new(SameBytes),
            clock: Arc::new(FixedClock),
            ids: Arc::new(causerie_runtime::SystemIds),
        }
    }
}

/// A source of bytes that anybody can guess.
#[derive(Debug)]
pub(crate) struct SameBytes;

impl Entropy for SameBytes {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        bytes.fill(7);
        Ok(())
    }
}

#[async_trait::async_trait]
impl StreamTickets for Keys {
    async fn issue(&self, _: NewTicket) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn ticket(&self, _: [u8; 32], _: TicketFor) -> Result<Option<TicketHolder>, StoreError> {
        self.lookups.fetch_add(1, Ordering::SeqCst);
        Ok(None)
    }

    async fn forget_tickets(&self, _: Timestamp) -> Result<usize, StoreError> {
        Ok(0)
    }
}

#[async_trait::async_trait]
impl Identity for Keys {
    async fn key_holder(&self, public_id: &str) -> Result<Option<KeyHolder>, StoreError> {
        self.lookups.fetch_add(1, Ordering::SeqCst);
        match &self.holder {
            Some(holder) => Ok(Some(holder.clone()).filter(|holder| holder.key.public_id == public_id)),
            None => Err(StoreError::Unavailable("no route to the store".into())),
        }
    }

    async fn external_user(&self, _: &ExternalId) -> Result<Option<Standing>, StoreError> {
        Ok(None)
    }

    async fn provision(&self, _: NewUser, _: ExternalId) -> Result<Standing, ExternalIdError> {
        Err(ExternalIdError::Taken)
    }

    async fn link(&self, _: UserId, _: ExternalId, _: AuditStamp) -> Result<(), ExternalIdError> {
        Err(ExternalIdError::NotFound)
    }

    async fn first_administrator(&self) -> Result<Option<Standing>, StoreError> {
        Ok(self.holder.as_ref().map(|holder| holder.standing.clone()))
    }

    async fn touch_key(&self, _: ApiKeyId, now: Timestamp) -> Result<(), StoreError> {
        self.touches.lock().unwrap().push(now);
        Ok(())
    }
}
