//! The scenarios: behaviours that a model id of the form `sim/<name>` selects.

mod accounting;
mod answers;
mod breaks;
mod bytes;
pub(crate) mod call;
pub(crate) mod params;
mod rate_limits;
mod refusals;
mod reply_script;
mod text;
mod tools;

use std::time::{Duration, SystemTime};

use crate::scenario::call::Call;
use crate::scenario::params::{ModelId, ParameterError};
use crate::script::Script;
use crate::wire::error::{envelope, error};
use crate::wire::request::ChatRequest;

/// One behaviour of the simulated upstream.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// The model id that selects the scenario, such as `sim/echo`.
    pub model: &'static str,
    /// One-sentence description.
    pub summary: &'static str,
    /// Parameters in addition to [`COMMON_PARAMETERS`].
    pub parameters: &'static [Parameter],
    play: fn(&Call<'_>) -> Result<Script, ParameterError>,
}

/// A parameter after the `?` of a model id.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    pub name: &'static str,
    /// The default value; empty without a default.
    pub default: &'static str,
    pub meaning: &'static str,
}

/// The parameters that every scenario supports.
pub const COMMON_PARAMETERS: &[Parameter] = &[
    parameter(
        "times",
        "",
        "only the first so many requests with this very id meet the scenario, later ones get an echo",
    ),
    parameter("key", "", "ignored; makes an id, and with it a `times` count, of one's own"),
    parameter("head_ms", "0", "wait before the response head"),
    parameter("delay_ms", "0", "wait before each delta; not streamed: the sum of them before the text"),
    parameter("gate", "", "the name of a gate to wait at"),
    parameter("gate_at", "each", "`head`, `first`, `each`, `end`, or after how many deltas"),
    parameter("keepalives", "1", "comments before the first delta; not streamed: whitespace heartbeats"),
    parameter("words", "", "the answer is so many words"),
    parameter("chars", "", "the answer is exactly so many characters"),
    parameter("letters", "mixed", "of what `chars` is made: `plain`, `mixed`, `emoji`, `nul` (with U+0000)"),
    parameter("piece", "", "characters per delta; else each word is one"),
    parameter("chars_per_token", "4", "how tokens are counted"),
    parameter("served", "", "the model id that the answer carries, if not the one asked for"),
    parameter("misses", "0", "how often `/generation` answers 404 although the answer has ended"),
];

/// Every scenario, in the order of the table.
pub fn all() -> impl Iterator<Item = &'static Scenario> {
    [
        answers::SCENARIOS,
        tools::SCENARIOS,
        refusals::SCENARIOS,
        rate_limits::SCENARIOS,
        breaks::SCENARIOS,
        bytes::SCENARIOS,
        accounting::SCENARIOS,
    ]
    .into_iter()
    .flatten()
}

/// A model id without a scenario, or with invalid parameters.
#[derive(Debug, thiserror::Error)]
enum InvalidModelId {
    #[error("{0} is not a valid model ID")]
    Unknown(String),
    #[error(transparent)]
    Parameter(#[from] ParameterError),
}

/// The script of the scenario that the model id selects; ids without `sim/` select an echo.
///
/// An invalid `sim/…` id produces status 400 with the reason, like an unknown model at the upstream.
pub(crate) fn play(call: &Call<'_>, path: &str) -> Script {
    try_play(call, path)
        .unwrap_or_else(|invalid| Script::json(400, &envelope(error(400, &invalid.to_string()))))
}

/// Checks a model id and its parameters.
pub(crate) fn check(model: &str) -> Result<(), String> {
    let ModelId { path, params } = ModelId::parse(model);
    let call = Call {
        request: &ChatRequest::default(),
        model: model.to_owned(),
        params,
        attempt: 1,
        generation_id: String::new(),
        now: SystemTime::UNIX_EPOCH,
        created: 0,
        typing_delay: Duration::ZERO,
    };
    try_play(&call, &path).map(|_| ()).map_err(|error| error.to_string())
}

fn try_play(call: &Call<'_>, path: &str) -> Result<Script, InvalidModelId> {
    let names: Vec<&str> = call.params.names().collect();
    let play = find(path, &names)?.map_or(answers::echo as fn(&Call<'_>) -> _, |scenario| scenario.play);
    let applies = call.params.number_up_to("times", u64::MAX)?.is_none_or(|times| call.attempt <= times);
    let mut script = if applies { play(call)? } else { answers::echo(call)? };
    script.before.extend(call.before_head()?);
    Ok(script)
}

/// The scenario of a path; `None` for paths without `sim/`.
fn find(path: &str, names: &[&str]) -> Result<Option<&'static Scenario>, InvalidModelId> {
    if !path.starts_with("sim/") {
        return Ok(None);
    }
    let scenario = all()
        .find(|scenario| scenario.model == path)
        .ok_or_else(|| InvalidModelId::Unknown(path.to_owned()))?;
    let known = |name: &&str| {
        let mut parameters = COMMON_PARAMETERS.iter().chain(scenario.parameters);
        parameters.any(|parameter| parameter.name == *name)
    };
    match names.iter().find(|name| !known(name)) {
        None => Ok(Some(scenario)),
        Some(name) => {
            let error = ParameterError::Unknown { scenario: path.to_owned(), name: (*name).to_owned() };
            Err(error.into())
        }
    }
}

impl Scenario {
    /// The model id without `sim/`.
    pub fn name(&self) -> &'static str {
        self.model.trim_start_matches("sim/")
    }
}

const fn parameter(name: &'static str, default: &'static str, meaning: &'static str) -> Parameter {
    Parameter { name, default, meaning }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fmt::Write as _;

    const README: &str = include_str!("../../README.md");

    fn row(parameter: &Parameter) -> String {
        let default = match parameter.default {
            "" => String::new(),
            default => format!(" ({default})"),
        };
        format!("`{}`{default}: {}", parameter.name, parameter.meaning)
    }

    /// The tables of the README, which are also the crate's documentation.
    fn tables() -> String {
        let mut text =
            String::from("| model id | what happens | parameters (default) |\n| --- | --- | --- |\n");
        for scenario in all() {
            let parameters: Vec<String> = scenario.parameters.iter().map(row).collect();
            let parameters = parameters.join("; ");
            writeln!(text, "| `{}` | {} | {parameters} |", scenario.model, scenario.summary).unwrap();
        }
        text.push_str("\nEvery scenario understands these too:\n\n");
        for parameter in COMMON_PARAMETERS {
            writeln!(text, "- {}", row(parameter)).unwrap();
        }
        text
    }

    #[test]
    fn the_readme_has_the_table_of_all_scenarios() {
        let tables = tables();
        assert!(README.contains(&tables), "the README should have these tables:\n\n{tables}");
    }

    #[test]
    fn names_are_unique() {
        let mut models = BTreeSet::new();
        for scenario in all() {
            assert!(models.insert(scenario.model), "{} is there twice", scenario.model);
            assert_eq!(format!("sim/{}", scenario.name()), scenario.model);
            let mut names: BTreeSet<&str> =
                COMMON_PARAMETERS.iter().map(|parameter| parameter.name).collect();
            for parameter in scenario.parameters {
                assert!(
                    names.insert(parameter.name),
                    "{}: {} is there twice",
                    scenario.model,
                    parameter.name
                );
            }
        }
    }

    #[test]
    fn a_misspelt_id_is_an_error() {
        let check_id = |model: &str, expected: Result<(), &str>| {
            assert_eq!(check(model), expected.map_err(str::to_owned), "{model}");
        };
        check_id("sim/echo?delay_ms=3", Ok(()));
        check_id("openai/gpt-5-mini?anything=1", Ok(()));
        check_id("sim/ekho", Err("sim/ekho is not a valid model ID"));
        check_id("sim/echo?delay=3", Err("sim/echo has no parameter delay"));
        check_id("sim/status?code=200", Err("code=200 is not a status from 400 to 599"));
    }
}
