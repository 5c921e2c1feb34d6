//! Scenario of a provider that refuses some forms and contents of a request.
//!
//! A request that is accepted is answered as the last word of the last user message asks, so that the turns of one session
//! end differently: `#sim/empty` gives an empty answer, and a word without `#` an echo.

use super::{Scenario, answers, build_in_place, parameter, refusals};
use crate::scenario::input::ScenarioInput;
use crate::scenario::params::ParameterError;
use crate::script::Script;
use crate::script::reply::{Delta, Reply};
use crate::wire::error::{envelope, error};
use crate::wire::request::{ChatRequest, Message, Role};

pub(super) const SCENARIOS: &[Scenario] = &[Scenario {
    model: "sim/strict",
    summary: "400: the provider does not accept the form or the content of the request; others are answered by the \
              scenario that the last word of the last user message names, such as `#sim/empty`, or get an echo",
    parameters: &[
        parameter(
            "mode",
            "alternating",
            "what is accepted: `alternating` (roles alternate), `user-first` (the first message after the system \
             message is the user's), `no-empty` (no empty message or text), `text` and `file` (no user message with \
             the refused text or file), `reasoning` (no reasoning that another scenario has signed)",
        ),
        parameter("refuses", "refused", "part of the refused text, or of the address of the refused file"),
        parameter("as", "invalid", "`invalid` (400) or `moderated` (403)"),
    ],
    build: strict,
}];

const MODES: [&str; 6] = ["alternating", "user-first", "no-empty", "text", "file", "reasoning"];

/// Beginning of the signatures of the scenario.
const SIGNATURE: &str = "strict-";

fn strict(input: &ScenarioInput<'_>) -> Result<Script, ParameterError> {
    let mode = input.params.choice("mode", "alternating", &MODES)?;
    let refused = input.params.text("refuses").unwrap_or("refused");
    if let Some(reason) = refusal(input.request, mode, refused) {
        return match input.params.choice("as", "invalid", &["invalid", "moderated"])? {
            "moderated" => refusals::moderation(input),
            _ => Ok(Script::json(400, &envelope(error(400, reason)))),
        };
    }
    let text = input.request.last_user_text();
    match text.split_whitespace().next_back().and_then(|word| word.strip_prefix('#')) {
        Some(id) => build_in_place(input, id),
        None if mode == "reasoning" => signed_echo(input),
        None => answers::echo(input),
    }
}

/// Returns the reason to refuse a request.
fn refusal(request: &ChatRequest, mode: &str, refused: &str) -> Option<&'static str> {
    let is_system = |message: &&Message| matches!(message.role, Role::System | Role::Developer);
    let messages: Vec<&Message> = request.messages.iter().skip_while(is_system).collect();
    let mut users = messages.iter().filter(|message| message.role == Role::User);
    let (is_refused, reason) = match mode {
        "user-first" => (
            messages.first().is_none_or(|first| first.role != Role::User),
            "the first message must have the role user",
        ),
        "no-empty" => (request.messages.iter().any(Message::is_empty), "text content must not be empty"),
        "text" => (users.any(|user| user.text().contains(refused)), "the text is not accepted"),
        "file" => (
            users.any(|user| user.addresses().any(|address| address.contains(refused))),
            "the file is not accepted",
        ),
        "reasoning" => (messages.iter().any(|message| has_foreign_reasoning(message)), "invalid signature"),
        _ => (
            messages.windows(2).any(|pair| pair[0].role == pair[1].role),
            "roles must alternate between user and assistant",
        ),
    };
    is_refused.then_some(reason)
}

fn has_foreign_reasoning(message: &Message) -> bool {
    let details = message.reasoning_details.iter().filter_map(|details| details.as_array()).flatten();
    let mut signatures =
        details.filter_map(|detail| detail["signature"].as_str().or(detail["data"].as_str()));
    signatures.any(|signature| !signature.starts_with(SIGNATURE))
}

/// Answers with reasoning that the scenario has signed, and an echo.
fn signed_echo(input: &ScenarioInput<'_>) -> Result<Script, ParameterError> {
    let echo = Reply::of_text(input.pieces(|| answers::echo_text(input.request))?);
    let signature = format!("{SIGNATURE}{}", input.attempt);
    let mut deltas = vec![Delta::Reasoning("Hm.".to_owned()), Delta::Signature(signature)];
    deltas.extend(echo.deltas);
    input.answer(Reply { deltas, ..echo })
}
