//! Scenarios with unusual usage and cost: absent, in another place, or different from the listed prices.

use std::str::FromStr as _;

use super::{Scenario, parameter};
use crate::scenario::input::ScenarioInput;
use crate::scenario::params::{ParameterError, invalid};
use crate::scenario::reply_script::UsageShape;
use crate::script::Script;
use crate::script::bill::{Bill, KeyOwner};
use crate::wire::credits::Credits;

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        model: "sim/no-usage",
        summary: "a complete answer without usage; the generation record has it",
        parameters: &[],
        build: |input| input.answer_with_usage(input.words(20)?, UsageShape::Absent),
    },
    Scenario {
        model: "sim/usage",
        summary: "usage in another form or place",
        parameters: &[
            parameter(
                "shape",
                "2026",
                "`2026` (repeats the choice and its finish reason), `2026-03` (empty `choices`), `2025` (a choice \
                 with finish reason null), `legacy` (the same, three counts and no cost), `with-finish` (in the \
                 finish event), `null`, `empty`",
            ),
            parameter("cost", "", "cost as a JSON number, sent unchanged"),
            parameter("reasoning", "", "number of reasoning tokens, not limited by the completion"),
        ],
        build: usage,
    },
    Scenario {
        model: "sim/byok",
        summary: "the request uses a provider key of the customer: `cost` is the fee only",
        parameters: &[parameter("fee", "0", "fee in USD")],
        build: byok,
    },
    Scenario {
        model: "sim/cache",
        summary: "part of the prompt is read from the cache of the provider or written to it",
        parameters: &[
            parameter("read", "1000", "tokens read"),
            parameter("write", "200", "tokens written"),
            parameter("overlap", "no", "`yes`: cached tokens are also reported as written, as with Gemini"),
        ],
        build: cache,
    },
];

fn usage(input: &ScenarioInput<'_>) -> Result<Script, ParameterError> {
    let shapes = ["2026", "2026-03", "2025", "legacy", "with-finish", "null", "empty"];
    let shape = match input.params.choice("shape", "2026", &shapes)? {
        "2026-03" => UsageShape::EmptyChoices,
        "2025" => UsageShape::NullFinish,
        "legacy" => UsageShape::Legacy,
        "with-finish" => UsageShape::WithFinish,
        "null" => UsageShape::Null,
        "empty" => UsageShape::Empty,
        _ => UsageShape::RepeatedChoice,
    };
    let cost_literal = match input.params.text("cost") {
        Some(text) if serde_json::Number::from_str(text).is_err() => {
            return Err(invalid("cost", text, "a JSON number".to_owned()));
        }
        literal => literal.map(str::to_owned),
    };
    let reply = input.words(20)?;
    let bill = input.bill(&reply)?;
    let reasoning = input.params.number("reasoning", bill.reasoning)?;
    input.answer_with_bill(reply, shape, Bill { reasoning, cost_literal, ..bill })
}

fn byok(input: &ScenarioInput<'_>) -> Result<Script, ParameterError> {
    let fee = input.params.text("fee").unwrap_or("0");
    let fee =
        Credits::parse(fee).ok_or_else(|| invalid("fee", fee, "an amount such as 0.0001".to_owned()))?;
    let reply = input.words(20)?;
    let bill = input.bill(&reply)?;
    input.answer_with_bill(
        reply,
        UsageShape::RepeatedChoice,
        Bill { key_owner: KeyOwner::Customer { fee }, ..bill },
    )
}

fn cache(input: &ScenarioInput<'_>) -> Result<Script, ParameterError> {
    let read = input.params.number("read", 1_000)?;
    let write = input.params.number("write", 200)?;
    let overlap = input.params.switch("overlap", false)?;
    let reply = input.words(20)?;
    let bill = input.bill(&reply)?;
    // The cached tokens are added to the estimate, so that the counts of the usage are consistent.
    let bill = if overlap {
        Bill { prompt: bill.prompt + read, cached: read, cache_write: read, ..bill }
    } else {
        Bill { prompt: bill.prompt + read + write, cached: read, cache_write: write, ..bill }
    };
    input.answer_with_bill(reply, UsageShape::RepeatedChoice, bill)
}
