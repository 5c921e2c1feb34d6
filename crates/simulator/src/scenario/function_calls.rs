//! Scenarios with function calls, complete and in unusual pieces as recorded from the upstream.

use serde_json::{Value, json};

use super::{Scenario, parameter};
use crate::scenario::input::ScenarioInput;
use crate::scenario::params::ParameterError;
use crate::script::Script;
use crate::script::reply::{Delta, Finish, Reply, ToolDelta};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        model: "sim/tool-call",
        summary: "a call of the function `weather`, without text",
        parameters: &[parameter(
            "variant",
            "pieces",
            "`pieces`; `parallel` (two calls); `whole` (one delta with the finish reason); `null-id` (repeated as \
             null); `no-index`; `conflict` (finish `tool_calls`, then `stop`)",
        )],
        build: tool_call,
    },
    Scenario {
        model: "sim/tool-truncated",
        summary: "the output limit truncates a function call: incomplete arguments, finish reason `tool_calls`, native `length`",
        parameters: &[],
        build: tool_truncated,
    },
];

fn tool_call(input: &ScenarioInput<'_>) -> Result<Script, ParameterError> {
    let variants = ["pieces", "parallel", "whole", "null-id", "no-index", "conflict"];
    let mut deltas = match input.params.choice("variant", "pieces", &variants)? {
        "parallel" => [pieces(0, "Paris"), pieces(1, "東京")].concat(),
        "whole" => return whole(input),
        "null-id" => map_deltas(pieces(0, "Paris"), |delta| {
            if let Some(delta) = delta.as_object_mut() {
                delta.insert("type".to_owned(), json!("function"));
                delta.entry("id").or_insert(Value::Null);
            }
        }),
        "no-index" => map_deltas([pieces(0, "Paris"), pieces(1, "東京")].concat(), |delta| {
            if let Some(delta) = delta.as_object_mut() {
                delta.remove("index");
            }
        }),
        "conflict" => return conflict(input),
        _ => pieces(0, "Paris"),
    };
    input.answer(Reply { deltas: deltas.drain(..).map(tool).collect(), finish: Some(Finish::TOOL_CALLS) })
}

fn whole(input: &ScenarioInput<'_>) -> Result<Script, ParameterError> {
    input.answer(Reply { deltas: vec![in_one_delta("Paris")], finish: Some(Finish::TOOL_CALLS) })
}

/// Creates a call with its finish reason, followed by a line feed with another finish reason.
fn conflict(input: &ScenarioInput<'_>) -> Result<Script, ParameterError> {
    let deltas = vec![in_one_delta("Paris"), Delta::Text("\n".to_owned())];
    input.answer(Reply { deltas, finish: Some(Finish { reason: "stop", native: "STOP" }) })
}

fn tool_truncated(input: &ScenarioInput<'_>) -> Result<Script, ParameterError> {
    let mut deltas = pieces(0, "Paris");
    deltas.truncate(deltas.len() - 1);
    let finish = Finish { reason: "tool_calls", native: "length" };
    input.answer(Reply { deltas: deltas.into_iter().map(tool).collect(), finish: Some(finish) })
}

/// Creates one call in four deltas: the name, an empty piece, and two pieces of the arguments.
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

fn map_deltas(mut deltas: Vec<Value>, change: impl Fn(&mut Value)) -> Vec<Value> {
    deltas.iter_mut().for_each(change);
    deltas
}

fn tool(call: Value) -> Delta {
    Delta::Tool(Box::new(ToolDelta { call, finish: None }))
}
