//! Usage and cost: absent, elsewhere, or different from what a price table says.

use std::str::FromStr as _;

use super::{Scenario, parameter};
use crate::scenario::call::Call;
use crate::scenario::params::{ParameterError, invalid};
use crate::scenario::reply_script::UsageShape;
use crate::script::Script;
use crate::script::bill::{Bill, Payer};
use crate::wire::credits::Credits;

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        model: "sim/no-usage",
        summary: "a whole answer without usage; its generation record has it",
        parameters: &[],
        play: |call| call.answer_shaped(call.words(20)?, UsageShape::Absent),
    },
    Scenario {
        model: "sim/usage",
        summary: "usage in another shape or place",
        parameters: &[
            parameter(
                "shape",
                "2026",
                "`2026` (the choice and its finish reason once more), `2026-03` (empty `choices`), `2025` (a choice \
                 with finish reason null), `legacy` (the same, three counts and no cost), `with-finish` (in the \
                 finish event), `null`, `empty`",
            ),
            parameter("cost", "", "the JSON number to give as cost, as it is written"),
            parameter("reasoning", "", "the count of reasoning tokens, even above the completion's"),
        ],
        play: usage,
    },
    Scenario {
        model: "sim/byok",
        summary: "the customer's own provider key pays: `cost` is only the fee",
        parameters: &[parameter("fee", "0", "the fee in USD")],
        play: byok,
    },
    Scenario {
        model: "sim/cache",
        summary: "part of the prompt is read from the provider's cache or written to it",
        parameters: &[
            parameter("read", "1000", "tokens read"),
            parameter("write", "200", "tokens written"),
            parameter("overlap", "no", "`yes`: the tokens read are reported as written too, as Gemini does"),
        ],
        play: cache,
    },
];

fn usage(call: &Call<'_>) -> Result<Script, ParameterError> {
    let shapes = ["2026", "2026-03", "2025", "legacy", "with-finish", "null", "empty"];
    let shape = match call.params.choice("shape", "2026", &shapes)? {
        "2026-03" => UsageShape::EmptyChoices,
        "2025" => UsageShape::NullFinish,
        "legacy" => UsageShape::Legacy,
        "with-finish" => UsageShape::WithFinish,
        "null" => UsageShape::Null,
        "empty" => UsageShape::Empty,
        _ => UsageShape::RepeatedChoice,
    };
    let cost_literal = match call.params.text("cost") {
        Some(text) if serde_json::Number::from_str(text).is_err() => {
            return Err(invalid("cost", text, "a JSON number".to_owned()));
        }
        literal => literal.map(str::to_owned),
    };
    let reply = call.words(20)?;
    let bill = call.bill(&reply)?;
    let reasoning = call.params.number("reasoning", bill.reasoning)?;
    call.answer_billed(reply, shape, Bill { reasoning, cost_literal, ..bill })
}

fn byok(call: &Call<'_>) -> Result<Script, ParameterError> {
    let fee = call.params.text("fee").unwrap_or("0");
    let fee =
        Credits::parse(fee).ok_or_else(|| invalid("fee", fee, "an amount such as 0.0001".to_owned()))?;
    let reply = call.words(20)?;
    let bill = call.bill(&reply)?;
    call.answer_billed(reply, UsageShape::RepeatedChoice, Bill { payer: Payer::Customer { fee }, ..bill })
}

fn cache(call: &Call<'_>) -> Result<Script, ParameterError> {
    let read = call.params.number("read", 1_000)?;
    let write = call.params.number("write", 200)?;
    let overlap = call.params.switch("overlap", false)?;
    let reply = call.words(20)?;
    let bill = call.bill(&reply)?;
    // The cached tokens come on top of the estimate, so that every count of the usage adds up.
    let bill = if overlap {
        Bill { prompt: bill.prompt + read, cached: read, cache_write: read, ..bill }
    } else {
        Bill { prompt: bill.prompt + read + write, cached: read, cache_write: write, ..bill }
    };
    call.answer_billed(reply, UsageShape::RepeatedChoice, bill)
}
