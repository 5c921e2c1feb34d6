//! Prompt cache of the provider: what a request leaves there, and why the next one does not read it.
//!
//! A provider is expected to keep the beginning of the last answered request of a session. If it counts fewer than half of
//! these tokens as cached, the reason is looked for in the difference of the two requests.

use causerie_domain::completion::{CompletionRequest, ContentPart, PromptMessage};
use causerie_domain::messages::MessageRole;
use causerie_domain::models::Pricing;
use causerie_domain::prompt_caches::{CacheMiss, LastRequest};
use causerie_domain::turn_requests::SeqRanges;
use causerie_domain::usage::CloseUsage;
use causerie_domain::{Timestamp, ToolVersionId};
use sha2::{Digest as _, Sha256};

use crate::context::{self, CACHE_TIME, ContextInput, is_cached_cheaper, kept_without_breakpoints};

/// Request of a turn that has ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SentRequest<'a> {
    pub(crate) tool_version_id: ToolVersionId,
    pub(crate) request: &'a CompletionRequest,
    /// Input from which its messages were built.
    pub(crate) input: &'a ContextInput,
    /// Sequence numbers of its history.
    pub(crate) history: &'a SeqRanges,
    /// Sequence number of the first message of its history.
    pub(crate) first_seq: i64,
    /// Sequence number of the answer.
    pub(crate) answer_seq: i64,
    pub(crate) sent_at: Timestamp,
    pub(crate) prices: Option<&'a Pricing>,
    pub(crate) usage: &'a CloseUsage,
}

impl SentRequest<'_> {
    /// Returns what the session stores of the request.
    pub(crate) fn last_request(&self) -> LastRequest {
        LastRequest {
            tool_version_id: self.tool_version_id,
            model: self.request.model.clone(),
            model_served: self.usage.progress.model_served.clone(),
            provider: self.usage.progress.provider.clone(),
            first_seq: self.first_seq,
            answer_seq: self.answer_seq,
            messages: u32::try_from(self.request.messages.len()).unwrap_or(u32::MAX),
            sha256: digest(&self.request.messages),
            kept_tokens: self.kept_tokens(),
            sent_at: self.sent_at,
        }
    }

    /// Returns the tokens of the beginning that the provider is expected to keep.
    fn kept_tokens(&self) -> u64 {
        let Some(prices) = self.prices.filter(|prices| is_cached_cheaper(prices)) else { return 0 };
        let all = self.usage.tokens.input.unwrap_or(0);
        if context::min_cached_tokens(&self.request.model, prices).is_none() {
            return kept_without_breakpoints(all);
        }
        match self.request.messages.as_slice() {
            [.., last] if last.cache_breakpoint => all,
            [system, ..] if system.cache_breakpoint => context::beginning_tokens(self.input, 0, 0),
            _ => 0,
        }
    }

    /// Returns the reason for which the provider did not read the beginning of the request from its cache; `None` if it
    /// did, did not count, or was not expected to.
    pub(crate) fn cache_miss(&self, last: &LastRequest) -> Option<CacheMiss> {
        let read = self.usage.tokens.cached?;
        let is_expected = last.kept_tokens > 0 && read.saturating_mul(2) < last.kept_tokens;
        is_expected.then(|| self.difference(last))
    }

    fn difference(&self, last: &LastRequest) -> CacheMiss {
        let progress = &self.usage.progress;
        let differ = |before: &Option<String>, now: &Option<String>| matches!((before, now), (Some(before), Some(now)) if before != now);
        if self.tool_version_id != last.tool_version_id {
            CacheMiss::ToolVersion
        } else if self.request.model != last.model || differ(&last.model_served, &progress.model_served) {
            CacheMiss::Model
        } else if !self.begins_with(last) {
            self.change_of_beginning(last)
        } else if differ(&last.provider, &progress.provider) {
            CacheMiss::Provider
        } else if self.sent_at.since(last.sent_at) >= CACHE_TIME {
            CacheMiss::Idle
        } else {
            CacheMiss::Unknown
        }
    }

    fn change_of_beginning(&self, last: &LastRequest) -> CacheMiss {
        if self.first_seq != last.first_seq {
            CacheMiss::Cut
        } else if self.has_withheld_since(last) {
            CacheMiss::Withheld
        } else if self.has_merged_since(last) {
            CacheMiss::Merged
        } else {
            CacheMiss::Unknown
        }
    }

    /// Returns whether the request begins with all messages of an earlier one.
    fn begins_with(&self, last: &LastRequest) -> bool {
        let messages =
            usize::try_from(last.messages).ok().and_then(|count| self.request.messages.get(..count));
        messages.is_some_and(|messages| digest(messages) == last.sha256)
    }

    /// Returns whether a message of an earlier request was withheld by a later turn.
    fn has_withheld_since(&self, last: &LastRequest) -> bool {
        let mut history = self.input.history.iter().map(|view| &view.message);
        history.any(|message| {
            let was_sent = (last.first_seq..last.answer_seq).contains(&message.seq);
            was_sent && message.withheld_from.is_some_and(|from| from > last.answer_seq)
        })
    }

    /// Returns whether the last message of an earlier request has become one with the next message.
    fn has_merged_since(&self, last: &LastRequest) -> bool {
        let history = self.input.history.iter().map(|view| &view.message);
        let sent: Vec<_> = history.filter(|message| self.history.contains(message.seq)).collect();
        let is_question = |message: &MessageRole| *message == MessageRole::User;
        let Some(index) =
            sent.iter().rposition(|message| is_question(&message.role) && message.seq < last.answer_seq)
        else {
            return false;
        };
        // Without a next message in the history, the new message follows.
        sent.get(index + 1).is_none_or(|next| is_question(&next.role))
    }
}

/// Returns the SHA-256 of messages without their breakpoints.
fn digest(messages: &[PromptMessage]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for message in messages {
        let PromptMessage { role, content, reasoning_details, cache_breakpoint: _ } = message;
        add(&mut hash, b'm', role.as_str());
        for part in content {
            match part {
                ContentPart::Text(text) => add(&mut hash, b't', text),
                ContentPart::ImageUrl(url) => add(&mut hash, b'i', url),
                ContentPart::FileUrl { filename, url } => {
                    add(&mut hash, b'f', filename);
                    add(&mut hash, b'u', url);
                }
            }
        }
        if let Some(details) = reasoning_details {
            add(&mut hash, b'r', &details.to_string());
        }
    }
    hash.finalize().into()
}

/// Adds a text of one kind, with its length, so that different sequences of texts have different bytes.
fn add(hash: &mut Sha256, kind: u8, text: &str) {
    hash.update([kind]);
    hash.update((text.len() as u64).to_le_bytes());
    hash.update(text.as_bytes());
}

#[cfg(test)]
mod tests;
