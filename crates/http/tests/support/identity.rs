//! Who is known in the tests of the HTTP side: some keys, no tickets, and bytes that anybody can guess.
//!
//! The unit tests of `auth` mount this file, too.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use causerie_domain::api_keys::ApiKey;
use causerie_domain::audit_events::AuditStamp;
use causerie_domain::ports::{
    ApiKeyRecord, Authentication, Entropy, ExternalId, ExternalIdError, NewTicket, NewUser, NoEntropy,
    StoreError, StreamTickets, TicketRecord, TicketTarget,
};
use causerie_domain::principal::UserAccess;
use causerie_domain::users::{Role, User, UserStatus};
use causerie_domain::{ApiKeyId, Timestamp, UserId};
use uuid::Uuid;

/// Somebody with one key. The number tells people and keys apart.
pub(crate) fn holder(
    number: u128,
    name: &str,
    role: Role,
    (public_id, secret_hash): (&str, [u8; 32]),
) -> ApiKeyRecord {
    let user = User {
        id: UserId::from_uuid(Uuid::from_u128(number)),
        email: format!("{name}@example.org"),
        name: name.to_owned(),
        locale: None,
        status: UserStatus::Active,
        role,
        created_at: Timestamp::from_micros(0),
    };
    let key = ApiKey {
        id: ApiKeyId::from_uuid(Uuid::from_u128(number)),
        public_id: public_id.to_owned(),
        user_id: user.id,
        group_id: None,
        name: "laptop".to_owned(),
        scopes: Vec::new(),
        created_at: Timestamp::from_micros(0),
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    };
    let access = UserAccess { user, memberships: Vec::new(), rules: Vec::new() };
    ApiKeyRecord { key, secret_hash, access }
}

/// The keys of some people, or a store of them that cannot be reached.
#[derive(Debug)]
pub(crate) struct Keys {
    holders: Option<Vec<ApiKeyRecord>>,
    lookups: AtomicUsize,
    touches: Mutex<Vec<Timestamp>>,
}

impl Keys {
    pub(crate) fn of(holders: Vec<ApiKeyRecord>) -> Self {
        Keys { holders: Some(holders), lookups: AtomicUsize::new(0), touches: Mutex::default() }
    }

    pub(crate) fn unreachable() -> Self {
        Keys { holders: None, ..Keys::of(Vec::new()) }
    }

    /// How often a key was looked up.
    pub(crate) fn lookups(&self) -> usize {
        self.lookups.load(Ordering::SeqCst)
    }

    /// When the use of a key was noted.
    pub(crate) fn touches(&self) -> Vec<Timestamp> {
        self.touches.lock().unwrap().clone()
    }

    fn holders(&self) -> Result<&[ApiKeyRecord], StoreError> {
        self.holders.as_deref().ok_or_else(|| StoreError::Unavailable("no route to the store".into()))
    }
}

#[async_trait::async_trait]
impl Authentication for Keys {
    async fn api_key_record(&self, public_id: &str) -> Result<Option<ApiKeyRecord>, StoreError> {
        self.lookups.fetch_add(1, Ordering::SeqCst);
        Ok(self.holders()?.iter().find(|holder| holder.key.public_id == public_id).cloned())
    }

    async fn external_user(&self, _: &ExternalId) -> Result<Option<UserAccess>, StoreError> {
        Ok(None)
    }

    async fn provision(&self, _: NewUser, _: ExternalId) -> Result<UserAccess, ExternalIdError> {
        Err(ExternalIdError::Taken)
    }

    async fn link(&self, _: UserId, _: ExternalId, _: AuditStamp) -> Result<(), ExternalIdError> {
        Err(ExternalIdError::NotFound)
    }

    async fn first_admin(&self) -> Result<Option<UserAccess>, StoreError> {
        let mut standings = self.holders()?.iter().map(|holder| holder.access.clone());
        Ok(standings.find(|access| access.user.role == Role::Admin))
    }

    async fn touch_api_key(&self, _: ApiKeyId, now: Timestamp) -> Result<(), StoreError> {
        self.touches.lock().unwrap().push(now);
        Ok(())
    }
}

/// Nobody has a ticket here.
#[derive(Debug)]
pub(crate) struct NoTickets;

#[async_trait::async_trait]
impl StreamTickets for NoTickets {
    async fn issue(&self, _: NewTicket) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn ticket(&self, _: [u8; 32], _: TicketTarget) -> Result<Option<TicketRecord>, StoreError> {
        Ok(None)
    }

    async fn forget_tickets(&self, _: Timestamp) -> Result<usize, StoreError> {
        Ok(0)
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
