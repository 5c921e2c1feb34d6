//! Scenario of a model that follows the parameters of the request.

use serde_json::{Map, Value, json};

use super::{Scenario, parameter, schema, text};
use crate::scenario::answers::{self, PIXEL};
use crate::scenario::input::ScenarioInput;
use crate::scenario::params::ParameterError;
use crate::script::Script;
use crate::script::reply::{Delta, Finish, Reply, ToolDelta};
use crate::wire::request::{ChatRequest, Function, Role};

pub(super) const SCENARIOS: &[Scenario] = &[Scenario {
    model: "sim/assistant",
    summary: "follows the request: calls its `tools` (`tool_choice`, `parallel_tool_calls`), answers with JSON \
              (`response_format`), generates an image (`modalities`), stops at `stop` and at the output limit, \
              thinks (`reasoning`, `reasoning_effort`), sends `logprobs`; otherwise an echo, or the results of the calls",
    parameters: &[parameter("thoughts", "40", "number of words of reasoning, if the request asks for it")],
    build: assistant,
}];

/// Number of characters of each piece of the arguments of a call.
const ARGUMENTS_PIECE: usize = 12;
/// Words of function names that say nothing about their subject.
const COMMON_WORDS: [&str; 9] = ["get", "set", "the", "run", "use", "make", "tool", "call", "function"];

fn assistant(input: &ScenarioInput<'_>) -> Result<Script, ParameterError> {
    let request = input.request;
    let mut left = characters_left(input)?;
    let mut deltas = Vec::new();
    if request.wants_reasoning() {
        let mut thoughts = text::words(input.params.count("thoughts", 40)?);
        let is_cut = cut(&mut thoughts, &mut left);
        deltas.extend(text::by_word(&thoughts).into_iter().map(Delta::Reasoning));
        if is_cut {
            return input.answer(Reply { deltas, finish: Some(Finish::LENGTH) });
        }
    }
    let called = called_functions(request);
    if !called.is_empty() {
        for (index, function) in called.iter().enumerate() {
            deltas.extend(call(input, index, function));
        }
        return input.answer(Reply { deltas, finish: Some(Finish::TOOL_CALLS) });
    }
    let mut answer = answer(request);
    if let Some(end) = request.stop_sequences().filter_map(|stop| answer.find(stop)).min() {
        answer.truncate(end);
    }
    let finish = if cut(&mut answer, &mut left) { Finish::LENGTH } else { Finish::STOP };
    let has_logprobs = request.logprobs == Value::Bool(true);
    let piece = if has_logprobs { Delta::ScoredText } else { Delta::Text };
    deltas.extend(input.pieces(|| answer)?.into_iter().map(piece));
    if request.has_modality("image") {
        deltas.push(Delta::Image(format!("data:image/png;base64,{PIXEL}")));
    }
    input.answer(Reply { deltas, finish: Some(finish) })
}

/// Returns the number of characters up to the output limit.
fn characters_left(input: &ScenarioInput<'_>) -> Result<usize, ParameterError> {
    let Some(tokens) = input.request.output_limit() else { return Ok(usize::MAX) };
    Ok(usize::try_from(tokens.saturating_mul(input.characters_per_token()?)).unwrap_or(usize::MAX))
}

/// Cuts a text at the output limit, counts its characters, and returns whether it was cut.
fn cut(text: &mut String, left: &mut usize) -> bool {
    if let Some((end, _)) = text.char_indices().nth(*left) {
        text.truncate(end);
        return true;
    }
    *left -= text.chars().count();
    false
}

fn answer(request: &ChatRequest) -> String {
    let text = request.last_user_text();
    match request.response_format["type"].as_str() {
        Some("json_schema") => {
            schema::value(&request.response_format["json_schema"]["schema"], &text).to_string()
        }
        Some("json_object") => {
            let members = schema::quoted(&text).map(|name| (name.to_owned(), json!(name)));
            let object: Map<String, Value> = members.collect();
            if object.is_empty() { json!({ "answer": text }) } else { Value::Object(object) }.to_string()
        }
        _ => match request.trailing_tool_results() {
            results if results.is_empty() => match request.media().join(", ") {
                media if media.is_empty() => answers::echo_text(request),
                media => format!("{} (With {media}.)", answers::echo_text(request)),
            },
            results => format!("The functions returned: {}", results.join("; ")),
        },
    }
}

/// Returns the functions that the answer calls: by name if the choice names one, otherwise those that the last user
/// message mentions. A required call without a mentioned function is one of the first.
fn called_functions(request: &ChatRequest) -> Vec<Function<'_>> {
    let functions: Vec<Function<'_>> = request.functions().collect();
    let choice = &request.tool_choice;
    if let Some(name) = choice["function"]["name"].as_str() {
        return functions.into_iter().filter(|function| function.name == name).collect();
    }
    let is_required = choice == "required" || choice == "any";
    let follows_results = request.messages.last().is_some_and(|message| message.role == Role::Tool);
    if choice == "none" || (follows_results && !is_required) {
        return Vec::new();
    }
    let text = request.last_user_text().to_lowercase();
    let named: Vec<Function<'_>> =
        functions.iter().filter(|function| text.contains(&function.name.to_lowercase())).copied().collect();
    let mut called = match named.is_empty() {
        true => functions.iter().filter(|function| mentions(&text, function.name)).copied().collect(),
        false => named,
    };
    if called.is_empty() && is_required {
        called.extend(functions.first());
    }
    if request.parallel_tool_calls == Value::Bool(false) {
        called.truncate(1);
    }
    called
}

/// Returns whether a text in lower case contains a word of a function name.
fn mentions(text: &str, name: &str) -> bool {
    let name = name.to_lowercase();
    let mut words = name.split(|letter: char| !letter.is_alphanumeric());
    words.any(|word| word.len() > 2 && !COMMON_WORDS.contains(&word) && text.contains(word))
}

/// Creates a call in several deltas: its name, then pieces of its arguments.
fn call(input: &ScenarioInput<'_>, index: usize, function: &Function<'_>) -> Vec<Delta> {
    let arguments = match schema::value(function.parameters, &input.request.last_user_text()) {
        object @ Value::Object(_) => object.to_string(),
        _ => "{}".to_owned(),
    };
    let head = json!({
        "index": index,
        "id": format!("call_{}_{index}", input.attempt),
        "type": "function",
        "function": { "name": function.name, "arguments": "" },
    });
    let pieces = text::by_characters(&arguments, ARGUMENTS_PIECE).into_iter();
    let pieces = pieces.map(|piece| json!({ "index": index, "function": { "arguments": piece } }));
    let deltas = std::iter::once(head).chain(pieces);
    deltas.map(|call| Delta::Tool(Box::new(ToolDelta { call, finish: None }))).collect()
}
