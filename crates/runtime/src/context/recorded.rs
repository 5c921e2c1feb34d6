//! Records of requests: what was sent, so that the messages can be built again later.

use causerie_domain::completion::{CompletionRequest, PromptMessage};
use causerie_domain::messages::MessageView;
use causerie_domain::turn_requests::{SeqRanges, TurnRequest};
use causerie_domain::turns::HistoryTrim;
use causerie_usage::CharsPerToken;

use super::messages::{prompt_messages, shows_something, stored_tokens};
use super::token_budget::message_tokens;
use super::{ContextInput, InputModalities, LeftOut};
use crate::attachments::prompt::new_attachment;

/// Returns the record of a request that is to be sent. Its hash is not known yet.
pub(crate) fn recorded(
    input: &ContextInput,
    request: &CompletionRequest,
    history: &SeqRanges,
    attempt: u32,
) -> TurnRequest {
    let replays = request.messages.iter().any(|message| message.reasoning_details.is_some());
    let marked = (0..).zip(&request.messages).filter(|(_, message)| message.cache_breakpoint);
    TurnRequest {
        attempt,
        sha256: [0; 32],
        history: history.clone(),
        fallback_models: request.fallback_models.clone(),
        max_tokens: request.max_tokens,
        modalities: input.accepted.names().map(<[String]>::to_vec),
        replayed_models: if replays { input.replayed_models.clone() } else { Vec::new() },
        breakpoints: marked.map(|(index, _)| index).collect(),
        millichars_per_token: input.ratio.millichars(),
    }
}

/// Recorded request with the stored messages that it contains.
pub(crate) struct RecordedContext<'a> {
    input: ContextInput,
    breakpoints: &'a [u32],
    history: Vec<&'a MessageView>,
    new: &'a MessageView,
}

impl<'a> RecordedContext<'a> {
    /// Selects the messages of a request from stored ones, the last of which is the new message. `system` is the
    /// [system message](super::system_text). `None` if a message is missing.
    pub(crate) fn of(request: &'a TurnRequest, system: &str, stored: &'a [MessageView]) -> Option<Self> {
        let (new, earlier) = stored.split_last()?;
        let is_sent = |view: &&MessageView| request.history.contains(view.message.seq);
        let history: Vec<&MessageView> = earlier.iter().filter(is_sent).collect();
        if history.len() as u64 != request.history.count() {
            return None;
        }
        let input = ContextInput {
            system: system.to_owned(),
            has_greeting: false,
            history: Vec::new(),
            earlier_messages: 0,
            new_seq: new.message.seq,
            content: new.message.content.clone(),
            attachments: new.attachments.iter().cloned().map(new_attachment).collect(),
            max_history_messages: 0,
            max_history_tokens: None,
            trim: HistoryTrim::Sliding,
            history_from_seq: 1,
            min_cached_tokens: None,
            ratio: CharsPerToken::from_millichars(request.millichars_per_token),
            accepted: InputModalities::named(request.modalities.clone()),
            replayed_models: request.replayed_models.clone(),
        };
        Some(RecordedContext { input, breakpoints: &request.breakpoints, history, new })
    }

    /// Returns the stored messages of the request in order, the new one as the last one.
    pub(crate) fn stored(&self) -> impl Iterator<Item = &'a MessageView> {
        self.history.iter().copied().chain([self.new])
    }

    /// Returns the messages of the request.
    pub(crate) fn messages(&self) -> Vec<PromptMessage> {
        let mut messages = prompt_messages(&self.history, &self.input, LeftOut::default());
        for index in self.breakpoints {
            if let Some(message) = usize::try_from(*index).ok().and_then(|index| messages.get_mut(index)) {
                message.cache_breakpoint = true;
            }
        }
        messages
    }

    /// Returns the estimated tokens of the system message; `None` if it shows nothing, so that it is not sent.
    pub(crate) fn system_tokens(&self) -> Option<u64> {
        let system = Some(&self.input.system).filter(|system| shows_something(system));
        system.map(|system| message_tokens(system, self.input.ratio))
    }

    /// Returns the estimated tokens of a stored message of the request.
    pub(crate) fn tokens_of(&self, view: &MessageView) -> u64 {
        stored_tokens(view, &self.input)
    }
}
