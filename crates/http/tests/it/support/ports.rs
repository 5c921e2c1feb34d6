//! The ports of the tests: three people with a key each, a store that is well or not, and a scripted upstream.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use causerie_domain::completion::{
    CompletionEnd, CompletionError, CompletionErrorKind, CompletionEvent, CompletionRequest, Finish,
    FinishReason, GenerationInfo as Answerer, GenerationRecord,
};
use causerie_domain::models::{CatalogModel, ExtraPrices, Pricing};
use causerie_domain::ports::{CompletionGateway, CompletionStream, StoreError, StoreHealth};
use causerie_domain::usage::{ReportedUsage, TokenCounts};
use causerie_domain::users::Role;
use causerie_http::auth::KeyMaterial;
use futures_util::stream::{self, StreamExt as _};
use tokio::sync::mpsc;

use super::authentication::{Keys, key_record};

/// Ada, Bob, and the administrator Root.
#[derive(Debug)]
pub(crate) struct People {
    pub(crate) known: Arc<Keys>,
    keys: HashMap<&'static str, KeyMaterial>,
}

impl People {
    pub(crate) fn new() -> Self {
        let mut byte = 0_u8;
        let mut fill = |bytes: &mut [u8]| {
            byte += 1;
            bytes.fill(byte);
            Ok::<(), std::convert::Infallible>(())
        };
        let (mut keys, mut holders) = (HashMap::new(), Vec::new());
        for (number, (name, role)) in
            (1..).zip([("ada", Role::User), ("bob", Role::User), ("root", Role::Admin)])
        {
            let key = KeyMaterial::generate(&mut fill).unwrap();
            holders.push(key_record(number, name, role, (&key.public_id, key.secret_hash())));
            keys.insert(name, key);
        }
        People { known: Arc::new(Keys::of(holders)), keys }
    }

    pub(crate) fn key(&self, name: &str) -> String {
        self.keys[name].credential().expose().to_owned()
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
    catalog: Mutex<Result<Vec<CatalogModel>, CompletionErrorKind>>,
}

impl Default for Upstream {
    fn default() -> Self {
        Upstream { live: Mutex::default(), asked: AtomicUsize::new(0), catalog: Mutex::new(Ok(Vec::new())) }
    }
}

impl Upstream {
    /// From now on it lists one model, or fails.
    pub(crate) fn lists(&self, listed: Result<&str, CompletionErrorKind>) {
        *self.catalog.lock().unwrap() = listed.map(|id| vec![model(id)]);
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

    async fn models(&self) -> Result<Vec<CatalogModel>, CompletionError> {
        let listed = self.catalog.lock().unwrap().clone();
        listed.map_err(|kind| CompletionError::new(kind, "the upstream is away"))
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
