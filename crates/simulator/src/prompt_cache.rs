//! Prompt caches of the simulated providers, in the two kinds of the model families.
//!
//! Automatic caches read the longest known beginning of a prompt, in steps of 128 tokens. Explicit caches read and write
//! beginnings that end with a breakpoint (`cache_control`). Shorter beginnings than the minimum are not cached, and an
//! entry that is not used for five minutes expires. Each model of each provider has a cache of its own.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::catalog;
use crate::script::bill;
use crate::wire::request::{ChatRequest, Message};

/// Time after which an unused entry expires.
const IDLE_TIME: Duration = Duration::from_secs(300);
/// Steps of automatic caches in tokens.
const STEP_TOKENS: u64 = 128;
/// Minimum tokens of a cached beginning, except for `EXPLICIT_MINIMA`.
const MIN_TOKENS: u64 = 1024;
/// Parts of the names of models with another minimum.
const EXPLICIT_MINIMA: [(&str, u64); 2] = [("haiku", 4096), ("opus", 4096)];
/// Blocks before a breakpoint that are compared with the entries of an explicit cache.
const LOOK_BACK_BLOCKS: usize = 20;
/// Maximum number of breakpoints of a request.
const MAX_BREAKPOINTS: usize = 4;
/// Maximum number of entries. Further prompts are not cached.
const MAX_ENTRIES: usize = 200_000;

/// Names of the providers that serve a model.
pub(crate) const PROVIDERS: [&str; 3] =
    ["Simulated Provider", "Simulated Provider 2", "Simulated Provider 3"];

/// Caches of all models and providers.
#[derive(Debug, Default)]
pub(crate) struct PromptCaches(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    /// Time that was skipped.
    skipped: Duration,
    /// Time of the last use of a beginning, since the epoch.
    used_at: HashMap<u64, Duration>,
}

/// Input tokens that were read from a cache or written to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CachedTokens {
    pub(crate) read: u64,
    pub(crate) written: u64,
}

/// Result of a lookup. The beginnings are stored if the request is answered.
#[derive(Debug, Default)]
pub(crate) struct CacheLookup {
    pub(crate) tokens: CachedTokens,
    beginnings: Vec<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CacheKind {
    Automatic,
    Explicit,
}

/// Beginning of a prompt.
#[derive(Clone, Copy, Debug)]
struct Beginning {
    hash: u64,
    tokens: u64,
    has_breakpoint: bool,
}

impl Entries {
    /// Returns a time since the epoch with the time that was skipped.
    fn shifted(&self, now: SystemTime) -> Duration {
        now.duration_since(UNIX_EPOCH).unwrap_or_default() + self.skipped
    }

    fn contains(&self, hash: u64, now: SystemTime) -> bool {
        let now = self.shifted(now);
        self.used_at.get(&hash).is_some_and(|used| now.saturating_sub(*used) < IDLE_TIME)
    }
}

impl PromptCaches {
    /// Looks up the longest cached beginning of a request.
    pub(crate) fn look_up(
        &self,
        request: &ChatRequest,
        model: &str,
        provider: &str,
        characters_per_token: u64,
        now: SystemTime,
    ) -> CacheLookup {
        let served = catalog::served_as(model);
        let Some(kind) = kind_of(&served) else { return CacheLookup::default() };
        let mut hasher = DefaultHasher::new();
        (&served, provider).hash(&mut hasher);
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match kind {
            CacheKind::Automatic => {
                let mut beginnings = steps(request, hasher, characters_per_token);
                beginnings.retain(|beginning| beginning.tokens >= MIN_TOKENS);
                let known = beginnings.iter().rev().find(|beginning| entries.contains(beginning.hash, now));
                let read = known.map_or(0, |beginning| beginning.tokens);
                let beginnings = beginnings.iter().map(|beginning| beginning.hash).collect();
                CacheLookup { tokens: CachedTokens { read, written: 0 }, beginnings }
            }
            CacheKind::Explicit => {
                let min_tokens = explicit_minimum(&served);
                let blocks = blocks(request, hasher, characters_per_token);
                let marked =
                    |index: &usize| blocks[*index].has_breakpoint && blocks[*index].tokens >= min_tokens;
                let breakpoints: Vec<usize> = (0..blocks.len()).filter(marked).collect();
                let compared = breakpoints
                    .iter()
                    .flat_map(|end| blocks[end.saturating_sub(LOOK_BACK_BLOCKS)..=*end].iter().copied());
                let known = compared.filter(|block| entries.contains(block.hash, now));
                let read = known.map(|block| block.tokens).max().unwrap_or(0);
                let whole = breakpoints.last().map_or(0, |last| blocks[*last].tokens);
                let beginnings = breakpoints.iter().map(|index| blocks[*index].hash).collect();
                let tokens = CachedTokens { read, written: whole.saturating_sub(read) };
                CacheLookup { tokens, beginnings }
            }
        }
    }

    /// Stores the beginnings of a request that is answered.
    pub(crate) fn store(&self, lookup: CacheLookup, now: SystemTime) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = entries.shifted(now);
        if entries.used_at.len() + lookup.beginnings.len() > MAX_ENTRIES {
            entries.used_at.retain(|_, used| now.saturating_sub(*used) < IDLE_TIME);
        }
        if entries.used_at.len() + lookup.beginnings.len() <= MAX_ENTRIES {
            entries.used_at.extend(lookup.beginnings.into_iter().map(|hash| (hash, now)));
        }
    }

    /// Lets time pass for the entries.
    pub(crate) fn pass_time(&self, time: Duration) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).skipped += time;
    }
}

/// Returns the reason why the provider of a model refuses the breakpoints of a request.
pub(crate) fn refused_breakpoints(request: &ChatRequest, model: &str) -> Option<String> {
    if kind_of(&catalog::served_as(model)) != Some(CacheKind::Explicit) {
        return None;
    }
    let parts = request.messages.iter().flat_map(Message::parts);
    let marked: Vec<&str> = parts.filter(|(_, marked)| *marked).map(|(text, _)| text).collect();
    if marked.iter().any(|text| text.is_empty()) {
        return Some("cache_control cannot be set for empty text blocks".to_owned());
    }
    (marked.len() > MAX_BREAKPOINTS).then(|| {
        let found = marked.len();
        format!("A maximum of {MAX_BREAKPOINTS} blocks with cache_control may be provided. Found {found}.")
    })
}

/// Returns the kind of the cache of a model; `None` for unknown authors and most scenarios, which have none.
fn kind_of(served: &str) -> Option<CacheKind> {
    if served.starts_with("sim/assistant") {
        return Some(CacheKind::Automatic);
    }
    match served.trim_start_matches('~').split_once('/')?.0 {
        "anthropic" | "qwen" => Some(CacheKind::Explicit),
        "openai" | "deepseek" | "google" | "x-ai" | "moonshotai" | "z-ai" => Some(CacheKind::Automatic),
        _ => None,
    }
}

fn explicit_minimum(served: &str) -> u64 {
    let other = EXPLICIT_MINIMA.iter().find(|(part, _)| served.contains(part));
    other.map_or(MIN_TOKENS, |(_, tokens)| *tokens)
}

/// Returns the beginnings of a prompt at each step of an automatic cache.
fn steps(request: &ChatRequest, mut hasher: DefaultHasher, characters_per_token: u64) -> Vec<Beginning> {
    let step = STEP_TOKENS * characters_per_token.max(1);
    let (mut beginnings, mut characters) = (Vec::new(), 0);
    for message in &request.messages {
        message.role.hash(&mut hasher);
        for character in message.text().chars() {
            character.hash(&mut hasher);
            characters += 1;
            if characters % step == 0 {
                let tokens = bill::tokens(characters, characters_per_token);
                beginnings.push(Beginning { hash: hasher.finish(), tokens, has_breakpoint: false });
            }
        }
    }
    beginnings
}

/// Returns the beginnings of a prompt at the end of each block, that is, of each part of a message.
fn blocks(request: &ChatRequest, mut hasher: DefaultHasher, characters_per_token: u64) -> Vec<Beginning> {
    let (mut beginnings, mut characters) = (Vec::new(), 0);
    for message in &request.messages {
        message.role.hash(&mut hasher);
        for (index, (text, has_breakpoint)) in message.parts().enumerate() {
            text.hash(&mut hasher);
            // Parts are joined by line feeds, which are counted.
            characters += text.chars().count() as u64 + u64::from(index > 0);
            let tokens = bill::tokens(characters, characters_per_token);
            beginnings.push(Beginning { hash: hasher.finish(), tokens, has_breakpoint });
        }
    }
    beginnings
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const AUTOMATIC: &str = "openai/gpt-5-mini";
    const EXPLICIT: &str = "anthropic/claude-sonnet-4.5";

    /// Returns a message of a number of tokens.
    fn text(role: &str, tokens: usize) -> Value {
        json!({ "role": role, "content": "abcd".repeat(tokens) })
    }

    fn marked(role: &str, tokens: usize) -> Value {
        let mark = json!({ "type": "ephemeral" });
        json!({ "role": role, "content":
            [{ "type": "text", "text": "abcd".repeat(tokens), "cache_control": mark }] })
    }

    fn request(messages: &[Value]) -> ChatRequest {
        serde_json::from_value(json!({ "messages": messages })).unwrap()
    }

    /// Sends a request and returns the tokens read and written.
    fn send(caches: &PromptCaches, model: &str, messages: &[Value]) -> (u64, u64) {
        let lookup = caches.look_up(&request(messages), model, PROVIDERS[0], 4, UNIX_EPOCH);
        let tokens = lookup.tokens;
        caches.store(lookup, UNIX_EPOCH);
        (tokens.read, tokens.written)
    }

    #[test]
    fn an_automatic_cache_reads_the_common_beginning_in_steps() {
        let caches = PromptCaches::default();
        let first = [text("system", 1000), text("user", 100)];
        assert_eq!(send(&caches, AUTOMATIC, &first), (0, 0));
        assert_eq!(send(&caches, AUTOMATIC, &first), (1024, 0));
        let next = [text("system", 1000), text("user", 100), text("assistant", 200), text("user", 10)];
        assert_eq!(send(&caches, AUTOMATIC, &next), (1024, 0));
        assert_eq!(send(&caches, AUTOMATIC, &next), (1280, 0));
        let other_role = [text("system", 1000), text("assistant", 100)];
        assert_eq!(send(&caches, AUTOMATIC, &other_role), (0, 0));
        assert_eq!(send(&caches, AUTOMATIC, &[text("user", 1023)]), (0, 0));
        assert_eq!(send(&caches, AUTOMATIC, &[text("user", 1023)]), (0, 0), "too short");
    }

    #[test]
    fn an_explicit_cache_reads_and_writes_up_to_breakpoints() {
        let caches = PromptCaches::default();
        let unmarked = [text("system", 2000), text("user", 100)];
        assert_eq!(send(&caches, EXPLICIT, &unmarked), (0, 0));
        assert_eq!(send(&caches, EXPLICIT, &unmarked), (0, 0));
        let first = [marked("system", 2000), marked("user", 100)];
        assert_eq!(send(&caches, EXPLICIT, &first), (0, 2100));
        assert_eq!(send(&caches, EXPLICIT, &first), (2100, 0));
        // A mark is no part of the text, so the earlier user message is read although it is not marked any more.
        let next = [marked("system", 2000), text("user", 100), text("assistant", 200), marked("user", 10)];
        assert_eq!(send(&caches, EXPLICIT, &next), (2100, 210));
        let other = [marked("system", 2000), marked("user", 50)];
        assert_eq!(send(&caches, EXPLICIT, &other), (2000, 50));
        let short = [marked("system", 1000)];
        assert_eq!(send(&caches, EXPLICIT, &short), (0, 0), "too short");
        assert_eq!(send(&caches, EXPLICIT, &short), (0, 0), "too short");
        let haiku = [marked("system", 4000)];
        assert_eq!(send(&caches, "anthropic/claude-haiku-4.5", &haiku), (0, 0), "another minimum");
    }

    #[test]
    fn an_explicit_cache_looks_back_a_limited_number_of_blocks() {
        let conversation = |messages: usize| -> Vec<Value> {
            let mut all = vec![text("user", 2000)];
            all.extend((0..messages).map(|_| text("assistant", 1)));
            all
        };
        for (added, expected) in [(20, 2000), (21, 0)] {
            let caches = PromptCaches::default();
            send(&caches, EXPLICIT, &[marked("user", 2000)]);
            let mut messages = conversation(added - 1);
            messages.push(marked("user", 1));
            assert_eq!(send(&caches, EXPLICIT, &messages).0, expected, "{added}");
        }
    }

    #[test]
    fn entries_belong_to_a_model_of_a_provider_and_expire() {
        let caches = PromptCaches::default();
        let messages = [text("user", 2048)];
        let read =
            |model, provider| caches.look_up(&request(&messages), model, provider, 4, UNIX_EPOCH).tokens.read;
        send(&caches, AUTOMATIC, &messages);
        assert_eq!(read(AUTOMATIC, PROVIDERS[0]), 2048);
        assert_eq!(read("openai/gpt-5-mini:nitro", PROVIDERS[0]), 2048);
        assert_eq!(read(AUTOMATIC, PROVIDERS[1]), 0);
        assert_eq!(read("deepseek/deepseek-v4-flash", PROVIDERS[0]), 0);
        caches.pass_time(IDLE_TIME / 2);
        send(&caches, AUTOMATIC, &messages);
        caches.pass_time(IDLE_TIME * 3 / 4);
        assert_eq!(read(AUTOMATIC, PROVIDERS[0]), 2048, "each use extends the time");
        caches.pass_time(IDLE_TIME / 4);
        assert_eq!(read(AUTOMATIC, PROVIDERS[0]), 0);
        assert_eq!(send(&caches, "sim/echo", &messages), (0, 0));
        assert_eq!(send(&caches, "sim/echo", &messages), (0, 0), "scenarios have no cache");
    }

    #[test]
    fn invalid_breakpoints_are_refused() {
        let refused = |messages: &[Value], model| refused_breakpoints(&request(messages), model);
        let five: Vec<Value> = (0..5).map(|_| marked("user", 1)).collect();
        assert_eq!(refused(&five[..4], EXPLICIT), None);
        assert!(refused(&five, EXPLICIT).is_some_and(|reason| reason.ends_with("Found 5.")));
        assert!(refused(&[marked("user", 0)], EXPLICIT).is_some());
        assert_eq!(refused(&five, AUTOMATIC), None);
    }
}
