//! Authentication with API keys in memory, for tests and benchmarks of the HTTP API.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use causerie_domain::api_keys::ApiKey;
use causerie_domain::audit_events::AuditStamp;
use causerie_domain::ports::{
    ApiKeyRecord, Authentication, CurrentAccess, Entropy, ExternalId, ExternalIdError, NewTicket, NewUser,
    NoEntropy, StoreError, StreamTickets, TicketRecord, TicketTarget,
};
use causerie_domain::principal::UserAccess;
use causerie_domain::users::{Role, User, UserStatus};
use causerie_domain::{ApiKeyId, Timestamp, UserId};
use uuid::Uuid;

/// Returns an active user with one API key. Ids are derived from the number.
pub fn key_record(
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

/// API keys in memory, or an unavailable store. It counts look-ups and recorded uses.
#[derive(Debug)]
pub struct MemoryKeys {
    records: Mutex<Option<Vec<ApiKeyRecord>>>,
    lookups: AtomicUsize,
    decisions: AtomicUsize,
    touches: Mutex<Vec<Timestamp>>,
}

impl MemoryKeys {
    /// Creates a store with these keys.
    pub fn of(records: Vec<ApiKeyRecord>) -> Self {
        MemoryKeys {
            records: Mutex::new(Some(records)),
            lookups: AtomicUsize::new(0),
            decisions: AtomicUsize::new(0),
            touches: Mutex::default(),
        }
    }

    /// Creates a store that answers every call with an error.
    pub fn unreachable() -> Self {
        MemoryKeys { records: Mutex::default(), ..MemoryKeys::of(Vec::new()) }
    }

    /// Returns the number of look-ups so far.
    pub fn lookups(&self) -> usize {
        self.lookups.load(Ordering::SeqCst)
    }

    /// Returns the number of times that the current access of a user was read.
    pub fn decisions(&self) -> usize {
        self.decisions.load(Ordering::SeqCst)
    }

    /// Changes the keys and the access of their users.
    pub fn change(&self, change: impl FnMut(&mut ApiKeyRecord)) {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.iter_mut().flatten().for_each(change);
    }

    /// Returns the times at which the use of a key was recorded.
    pub fn touches(&self) -> Vec<Timestamp> {
        self.touches.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn records(&self) -> Result<Vec<ApiKeyRecord>, StoreError> {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.clone().ok_or_else(|| StoreError::Unavailable("no route to the store".into()))
    }
}

#[async_trait::async_trait]
impl Authentication for MemoryKeys {
    async fn api_key_record(&self, public_id: &str) -> Result<Option<ApiKeyRecord>, StoreError> {
        self.lookups.fetch_add(1, Ordering::SeqCst);
        Ok(self.records()?.into_iter().find(|record| record.key.public_id == public_id))
    }

    async fn current_access(
        &self,
        user: UserId,
        key: Option<ApiKeyId>,
    ) -> Result<Option<CurrentAccess>, StoreError> {
        self.decisions.fetch_add(1, Ordering::SeqCst);
        let mut of_user = self.records()?.into_iter().filter(|record| record.access.user.id == user);
        let found = of_user.find(|record| key.is_none_or(|key| record.key.id == key));
        Ok(found.map(|record| CurrentAccess { access: record.access, key: key.and(Some(record.key)) }))
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
        let mut users = self.records()?.into_iter().map(|record| record.access);
        Ok(users.find(|access| access.user.role == Role::Admin))
    }

    async fn touch_api_key(&self, _: ApiKeyId, now: Timestamp) -> Result<(), StoreError> {
        self.touches.lock().unwrap_or_else(PoisonError::into_inner).push(now);
        Ok(())
    }
}

/// A store without stream tickets.
#[derive(Debug)]
pub struct NoTickets;

#[async_trait::async_trait]
impl StreamTickets for NoTickets {
    async fn issue(&self, _: NewTicket) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn ticket(&self, _: [u8; 32], _: TicketTarget) -> Result<Option<TicketRecord>, StoreError> {
        Ok(None)
    }

    async fn delete_expired_tickets(&self, _: Timestamp) -> Result<usize, StoreError> {
        Ok(0)
    }
}

/// Entropy with a constant value: keys and tickets are predictable.
#[derive(Debug)]
pub struct ConstantEntropy;

impl Entropy for ConstantEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        bytes.fill(7);
        Ok(())
    }
}
