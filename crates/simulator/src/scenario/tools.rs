//! Tool calls, whole and in the odd pieces in which they were seen to arrive.

use serde_json::{Value, json};

use super::{Scenario, parameter};
use crate::scenario::call::Call;
use crate::scenario::params::ParameterError;
use crate::script::Script;
use crate::script::reply::{Delta, Finish, Reply, ToolDelta};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        model: "sim/tool-call",
        summary: "calls the tool `weather`, without text",
        parameters: &[parameter(
            "variant",
            "pieces",
            "`pieces`; `parallel` (two calls); `whole` (one delta with the finish reason); `null-id` (repeated as \
             null); `no-index`; `conflict` (finish `tool_calls`, then `stop`)",
        )],
        play: tool_call,
    },
    Scenario {
        model: "sim/tool-truncated",
        summary: "the output limit cuts a tool call: broken arguments, finish reason `tool_calls`, native `length`",
        parameters: &[],
        play: tool_truncated,
    },
];

fn tool_call(call: &Call<'_>) -> Result<Script, ParameterError> {
    let variants = ["pieces", "parallel", "whole", "null-id", "no-index", "conflict"];
    let mut deltas = match call.params.choice("variant", "pieces", &variants)? {
        "parallel" => [pieces(0, "Paris"), pieces(1, "東京")].concat(),
        "whole" => return whole(call),
        "null-id" => with(pieces(0, "Paris"), |delta| {
            if let Some(delta) = delta.as_object_mut() {
                delta.insert("type".to_owned(), json!("function"));
                delta.entry("id").or_insert(Value::Null);
            }
        }),
        "no-index" => with([pieces(0, "Paris"), pieces(1, "東京")].concat(), |delta| {
            if let Some(delta) = delta.as_object_mut() {
                delta.remove("index");
            }
        }),
        "conflict" => return conflict(call),
        _ => pieces(0, "Paris"),
    };
    call.answer(Reply { deltas: deltas.drain(..).map(tool).collect(), finish: Some(Finish::TOOL_CALLS) })
}

fn whole(call: &Call<'_>) -> Result<Script, ParameterError> {
    call.answer(Reply { deltas: vec![in_one_delta("Paris")], finish: Some(Finish::TOOL_CALLS) })
}

/// The call comes with its finish reason, and then a line feed with another one.
fn conflict(call: &Call<'_>) -> Result<Script, ParameterError> {
    let deltas = vec![in_one_delta("Paris"), Delta::Text("\n".to_owned())];
    call.answer(Reply { deltas, finish: Some(Finish { reason: "stop", native: "STOP" }) })
}

fn tool_truncated(call: &Call<'_>) -> Result<Script, ParameterError> {
    let mut deltas = pieces(0, "Paris");
    deltas.truncate(deltas.len() - 1);
    let finish = Finish { reason: "tool_calls", native: "length" };
    call.answer(Reply { deltas: deltas.into_iter().map(tool).collect(), finish: Some(finish) })
}

/// One call in four deltas: the name, an empty piece, and the arguments in two.
fn pieces(index: u64, city: &str) -> Vec<Value> {
    let head = json!({
        "index": index,
        "id": format!("call_{index}"),
        "type": "function",
        "function": { "name": "weather", "arguments": "" },
    });
    let piece = |arguments: String| json!({ "index": index, "function": { "arguments": arguments } });
    vec![head, piece(String::new()), piece("{\"city\":".to_owned()), piece(format!("\"{city}\"}}"))]
}

fn in_one_delta(city: &str) -> Delta {
    let call = json!({
        "index": 0,
        "id": "call_0",
        "type": "function",
        "function": { "name": "weather", "arguments": format!("{{\"city\":\"{city}\"}}") },
    });
    Delta::Tool(Box::new(ToolDelta { call, finish: Some(Finish::TOOL_CALLS) }))
}

fn with(mut deltas: Vec<Value>, change: impl Fn(&mut Value)) -> Vec<Value> {
    deltas.iter_mut().for_each(change);
    deltas
}

fn tool(call: Value) -> Delta {
    Delta::Tool(Box::new(ToolDelta { call, finish: None }))
}
