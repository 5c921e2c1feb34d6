//! State that the routes and the handle share.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio_util::sync::CancellationToken;

use crate::options::Options;
use crate::prompt_cache::{PROVIDERS, PromptCaches};
use crate::recording::Recorder;
use crate::server::gates::Gates;
use crate::server::generations::Generations;
use crate::wire::request::ChatRequest;

/// Maximum number of model ids counted for `times`; requests for further ids count as first ones.
const MAX_COUNTED_IDS: usize = 10_000;

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) options: Options,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) gates: Gates,
    pub(crate) generations: Generations,
    pub(crate) prompt_caches: PromptCaches,
    /// Time of the start since the epoch.
    started_at: Duration,
    issued: AtomicU64,
    /// Requests that were given to the next provider.
    distributed: AtomicUsize,
    attempts: Mutex<HashMap<String, u64>>,
    /// Model id whose scenario answers all requests during an outage.
    outage: Mutex<Option<String>>,
    cut: Mutex<CancellationToken>,
}

impl State {
    pub(crate) fn new(options: Options) -> Self {
        let started_at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            recorder: Arc::new(Recorder::new(options.recorded_requests)),
            options,
            gates: Gates::default(),
            generations: Generations::default(),
            prompt_caches: PromptCaches::default(),
            started_at,
            issued: AtomicU64::new(0),
            distributed: AtomicUsize::new(0),
            attempts: Mutex::default(),
            outage: Mutex::default(),
            cut: Mutex::default(),
        }
    }

    /// Returns the creation time in all answers, in seconds since the epoch.
    pub(crate) fn created(&self) -> u64 {
        self.started_at.as_secs()
    }

    /// Returns a new generation id, unique among all simulators: the start time and a counter.
    pub(crate) fn issue_id(&self) -> String {
        let number = self.issued.fetch_add(1, Ordering::Relaxed) + 1;
        format!("gen-{}-{:09}x{number:010}", self.started_at.as_secs(), self.started_at.subsec_nanos())
    }

    /// Returns the provider of a request. A session always has the same one; other requests are distributed in turn.
    pub(crate) fn provider(&self, request: &ChatRequest) -> &'static str {
        let providers = &PROVIDERS[..self.options.providers.clamp(1, PROVIDERS.len())];
        let number = match request.sticky_session() {
            Some(session) => {
                let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(session);
                usize::try_from(hash % 1024).unwrap_or_default()
            }
            None => self.distributed.fetch_add(1, Ordering::Relaxed),
        };
        providers[number % providers.len()]
    }

    /// Counts a request for a model id and returns its number, from 1.
    pub(crate) fn count_attempt(&self, model: &str) -> u64 {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        if attempts.len() >= MAX_COUNTED_IDS && !attempts.contains_key(model) {
            return 1;
        }
        let attempt = attempts.entry(model.to_owned()).or_default();
        *attempt += 1;
        *attempt
    }

    pub(crate) fn outage(&self) -> Option<String> {
        self.outage.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_outage(&self, model: Option<String>) {
        *self.outage.lock().unwrap_or_else(PoisonError::into_inner) = model;
    }

    /// Returns the token that is cancelled to cut the answers running now.
    pub(crate) fn cut_token(&self) -> CancellationToken {
        self.cut.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Closes the connections of all running answers; later requests are not affected.
    pub(crate) fn cut_running(&self) {
        let mut current = self.cut.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *current).cancel();
    }
}
