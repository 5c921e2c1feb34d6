//! Fakes of ports: three users with one API key each, a health check, and a scripted upstream.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use causerie_domain::completion::{
    CompletionEnd, CompletionError, CompletionErrorKind, CompletionEvent, CompletionRequest, Finish,
    FinishReason, GenerationInfo, GenerationRecord,
};
use causerie_domain::models::{CatalogListing, CatalogModel, ExtraPrices, Pricing};
use causerie_domain::ports::{CompletionGateway, CompletionStream, StoreError, StoreHealth, WriteFailure};
use causerie_domain::usage::{ReportedUsage, TokenCounts};
use causerie_domain::users::Role;
use causerie_http::auth::KeyMaterial;
use causerie_memory_store::{MemoryKeys, key_record};
use futures_util::stream::{self, StreamExt as _};
use tokio::sync::mpsc;

/// The users `ada` and `bob`, and the administrator `root`, with one API key each.
#[derive(Debug)]
pub(crate) struct TestUsers {
    pub(crate) store: Arc<MemoryKeys>,
    keys: HashMap<&'static str, KeyMaterial>,
}

impl TestUsers {
    pub(crate) fn new() -> Self {
        let mut byte = 0_u8;
        let mut fill = |bytes: &mut [u8]| {
            byte += 1;
            bytes.fill(byte);
            Ok::<(), std::convert::Infallible>(())
        };
        let (mut keys, mut records) = (HashMap::new(), Vec::new());
        for (number, (name, role)) in
            (1..).zip([("ada", Role::User), ("bob", Role::User), ("root", Role::Admin)])
        {
            let key = KeyMaterial::generate(&mut fill).unwrap();
            records.push(key_record(number, name, role, (&key.public_id, key.secret_hash())));
            keys.insert(name, key);
        }
        TestUsers { store: Arc::new(MemoryKeys::of(records)), keys }
    }

    /// Returns the API key of a user, as a client sends it.
    pub(crate) fn key(&self, name: &str) -> String {
        self.keys[name].credential().expose().to_owned()
    }
}

/// Health check of a store that is available unless a test changes it.
#[derive(Debug, Default)]
pub(crate) struct Health {
    pub(crate) is_unavailable: AtomicBool,
    pub(crate) is_full: AtomicBool,
}

#[async_trait]
impl StoreHealth for Health {
    async fn check(&self) -> Result<(), StoreError> {
        match self.is_unavailable.load(Ordering::SeqCst) {
            true => Err(StoreError::Unavailable("no route to the store".into())),
            false => Ok(()),
        }
    }

    async fn check_writes(&self) -> Result<(), WriteFailure> {
        if self.is_full.load(Ordering::SeqCst) { Err(WriteFailure::DiskFull) } else { Ok(()) }
    }
}

/// An upstream that gives the same answer to each request, unless the test scripts the next one.
#[derive(Debug)]
pub(crate) struct Upstream {
    script: Mutex<Option<mpsc::Receiver<CompletionEvent>>>,
    requests: AtomicUsize,
    catalog: Mutex<Result<Vec<CatalogModel>, CompletionErrorKind>>,
}

impl Default for Upstream {
    fn default() -> Self {
        Upstream {
            script: Mutex::default(),
            requests: AtomicUsize::new(0),
            catalog: Mutex::new(Ok(Vec::new())),
        }
    }
}

impl Upstream {
    /// Sets the catalog: one model, or a failure.
    pub(crate) fn set_catalog(&self, catalog: Result<&str, CompletionErrorKind>) {
        *self.catalog.lock().unwrap() = catalog.map(|id| vec![model(id)]);
    }

    /// Returns a sender of the events of the next answer.
    pub(crate) fn script_next(&self) -> mpsc::Sender<CompletionEvent> {
        let (sender, events) = mpsc::channel(16);
        *self.script.lock().unwrap() = Some(events);
        sender
    }

    /// Returns the number of requests so far.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// Returns a piece of an answer.
pub(crate) fn text(text: &str) -> CompletionEvent {
    CompletionEvent::Text(text.to_owned())
}

/// Returns the end of a complete answer.
pub(crate) fn completed() -> CompletionEvent {
    end(Ok(Finish { reason: Some(FinishReason::Stop), native_reason: None, truncated: false }))
}

/// Returns the end of a request whose content the provider refused.
pub(crate) fn moderated() -> CompletionEvent {
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
        self.requests.fetch_add(1, Ordering::SeqCst);
        if let Some(mut events) = self.script.lock().unwrap().take() {
            return stream::poll_fn(move |cx| events.poll_recv(cx)).boxed();
        }
        let info = GenerationInfo { generation_id: Some("gen-1".to_owned()), ..GenerationInfo::default() };
        let reasoning = CompletionEvent::Reasoning("Hm, wörld? ".to_owned());
        stream::iter([
            CompletionEvent::Identified(info),
            reasoning,
            text("Hello, "),
            text("wörld"),
            text("!"),
            completed(),
        ])
        .boxed()
    }

    async fn generation(&self, _: &str) -> Result<Option<GenerationRecord>, CompletionError> {
        Ok(None)
    }

    async fn models(&self) -> Result<CatalogListing, CompletionError> {
        let catalog = self.catalog.lock().unwrap().clone();
        let listing = catalog.map(CatalogListing::from);
        listing.map_err(|kind| CompletionError::new(kind, "the upstream is away"))
    }
}

fn model(id: &str) -> CatalogModel {
    CatalogModel {
        id: id.to_owned(),
        canonical_slug: None,
        name: id.to_owned(),
        context_length: None,
        max_completion_tokens: None,
        input_modalities: Vec::new(),
        output_modalities: Vec::new(),
        supported_parameters: Vec::new(),
        pricing: Pricing {
            extra: ExtraPrices { audio: "0.5".parse().ok(), ..ExtraPrices::default() },
            ..Pricing::default()
        },
    }
}
