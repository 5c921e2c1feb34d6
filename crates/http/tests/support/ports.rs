//! The ports of the tests: three people with a key each, a store that is well or not, and a scripted upstream.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use causerie_domain::audit::AuditStamp;
use causerie_domain::completion::{
    CompletionEnd, CompletionError, CompletionErrorKind, CompletionEvent, CompletionRequest, Finish,
    FinishReason, GenerationRecord, Identity as Answerer,
};
use causerie_domain::identity::{ApiKey, Role, Standing, User, UserStatus};
use causerie_domain::model::{CatalogueModel, FurtherPrices, Pricing};
use causerie_domain::ports::{
    CompletionGateway, CompletionStream, Entropy, ExternalId, ExternalIdError, Identity, Ids as _, KeyHolder,
    NewTicket, NewUser, NoEntropy, StoreError, StoreHealth, StreamTickets, TicketFor, TicketHolder,
};
use causerie_domain::usage::{ReportedUsage, TokenCounts};
use causerie_domain::{ApiKeyId, Timestamp, UserId};
use causerie_http::auth::KeyMaterial;
use causerie_runtime::SystemIds;
use futures_util::stream::{self, StreamExt as _};
use tokio::sync::mpsc;

/// Ada, Bob, and the administrator Root.
#[derive(Debug)]
pub(crate) struct People {
    keys: HashMap<&'static str, KeyMaterial>,
    holders: Vec<KeyHolder>,
}

impl People {
    pub(crate) fn new() -> Self {
        let mut byte = 0_u8;
        let mut fill = |bytes: &mut [u8]| {
            byte += 1;
            bytes.fill(byte);
            Ok::<(), std::convert::Infallible>(())
        };
        let mut people = People { keys: HashMap::new(), holders: Vec::new() };
        for (name, role) in [("ada", Role::User), ("bob", Role::User), ("root", Role::Admin)] {
            let key = KeyMaterial::generate(&mut fill).unwrap();
            people.holders.push(holder(name, role, &key));
            people.keys.insert(name, key);
        }
        people
    }

    pub(crate) fn key(&self, name: &str) -> String {
        self.keys[name].credential().expose().to_owned()
    }
}

fn holder(name: &str, role: Role, key: &KeyMaterial) -> KeyHolder {
    let user = User {
        id: UserId::from_uuid(SystemIds.next()),
        email: format!("{name}@example.org"),
        name: name.to_owned(),
        locale: None,
        status: UserStatus::Active,
        role,
        created_at: Timestamp::from_micros(0),
    };
    let api_key = ApiKey {
        id: ApiKeyId::from_uuid(SystemIds.next()),
        public_id: key.public_id.clone(),
        user_id: user.id,
        group_id: None,
        name: "test".to_owned(),
        scopes: Vec::new(),
        created_at: Timestamp::from_micros(0),
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    };
    let standing = Standing { user, memberships: Vec::new(), rules: Vec::new() };
    KeyHolder { key: api_key, secret_hash: key.secret_hash(), standing }
}

#[async_trait]
impl Identity for People {
    async fn key_holder(&self, public_id: &str) -> Result<Option<KeyHolder>, StoreError> {
        Ok(self.holders.iter().find(|holder| holder.key.public_id == public_id).cloned())
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
        Ok(self.holders.iter().map(|holder| holder.standing.clone()).find(|it| it.user.role == Role::Admin))
    }

    async fn touch_key(&self, _: ApiKeyId, _: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Nobody has a ticket here.
#[derive(Debug)]
pub(crate) struct NoTickets;

#[async_trait]
impl StreamTickets for NoTickets {
    async fn issue(&self, _: NewTicket) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn ticket(&self, _: [u8; 32], _: TicketFor) -> Result<Option<TicketHolder>, StoreError> {
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

/// A store that is well until a test says otherwise.
#[derive(Debug, Default)]
pub(crate) struct Health {
    pub(crate) is_away: AtomicBool,
}

#[async_trait]
impl StoreHealth for Health {
    async fn check(&self) -> Result<(), StoreError> {
        match self.is_away.load(Ordering::SeqCst) {
            true => Err(StoreError::Unavailable("no route to the store".into())),
            false => Ok(()),
        }
    }
}

/// An upstream with one answer for everything, unless the next one is spoken live.
#[derive(Debug)]
pub(crate) struct Upstream {
    live: Mutex<Option<mpsc::Receiver<CompletionEvent>>>,
    asked: AtomicUsize,
    catalogue: Mutex<Result<Vec<CatalogueModel>, CompletionErrorKind>>,
}

impl Default for Upstream {
    fn default() -> Self {
        Upstream { live: Mutex::default(), asked: AtomicUsize::new(0), catalogue: Mutex::new(Ok(Vec::new())) }
    }
}

impl Upstream {
    /// From now on it lists one model, or fails.
    pub(crate) fn lists(&self, listed: Result<&str, CompletionErrorKind>) {
        *self.catalogue.lock().unwrap() = listed.map(|id| vec![model(id)]);
    }

    /// Lets the test speak the next answer.
    pub(crate) fn live(&self) -> mpsc::Sender<CompletionEvent> {
        let (sender, events) = mpsc::channel(16);
        *self.live.lock().unwrap() = Some(events);
        sender
    }

    /// How many requests were made.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// A piece of an answer.
pub(crate) fn text(text: &str) -> CompletionEvent {
    CompletionEvent::Text(text.to_owned())
}

/// The end of an answer.
pub(crate) fn done() -> CompletionEvent {
    end(Ok(Finish { reason: Some(FinishReason::Stop), native_reason: None, truncated: false }))
}

/// The end of a request that failed for good.
pub(crate) fn refused() -> CompletionEvent {
    end(Err(CompletionError {
        kind: CompletionErrorKind::Moderated,
        message: "The upstream refused the content.".to_owned(),
        provider_text: Some("the provider's own words".to_owned()),
        status: Some(403),
        retry_after: None,
        retryable: false,
        request_id: None,
    }))
}

fn end(outcome: Result<Finish, CompletionError>) -> CompletionEvent {
    let tokens = TokenCounts { input: Some(12), output: Some(5), ..TokenCounts::default() };
    let usage = ReportedUsage { tokens, cost: "0.000123".parse().ok(), ..ReportedUsage::default() };
    CompletionEvent::Ended(Box::new(CompletionEnd {
        outcome,
        usage: Some(usage),
        reasoning_details: None,
        tool_calls: Vec::new(),
        annotations: Vec::new(),
    }))
}

#[async_trait]
impl CompletionGateway for Upstream {
    fn complete(&self, _: CompletionRequest) -> CompletionStream {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if let Some(mut events) = self.live.lock().unwrap().take() {
            return stream::poll_fn(move |cx| events.poll_recv(cx)).boxed();
        }
        let answerer = Answerer { generation_id: Some("gen-1".to_owned()), ..Answerer::default() };
        let reasoning = CompletionEvent::Reasoning("Hm, wörld? ".to_owned());
        stream::iter([
            CompletionEvent::Identified(answerer),
            reasoning,
            text("Hello, "),
            text("wörld"),
            text("!"),
            done(),
        ])
        .boxed()
    }

    async fn generation(&self, _: &str) -> Result<Option<GenerationRecord>, CompletionError> {
        Ok(None)
    }

    async fn models(&self) -> Result<Vec<CatalogueModel>, CompletionError> {
        let listed = self.catalogue.lock().unwrap().clone();
        listed.map_err(|kind| CompletionError::new(kind, "the upstream is away"))
    }
}

fn model(id: &str) -> CatalogueModel {
    CatalogueModel {
        id: id.to_owned(),
        canonical_slug: None,
        name: id.to_owned(),
        context_length: None,
        max_completion_tokens: None,
        input_modalities: Vec::new(),
        output_modalities: Vec::new(),
        supported_parameters: Vec::new(),
        pricing: Pricing {
            further: FurtherPrices { audio: "0.5".parse().ok(), ..FurtherPrices::default() },
            ..Pricing::default()
        },
    }
}
