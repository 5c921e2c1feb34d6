//! Scenarios: behaviours that a model id of the form `sim/<name>` selects.

mod accounting;
mod answers;
mod assistant;
mod bodies;
mod connection_faults;
mod function_calls;
pub(crate) mod input;
pub(crate) mod params;
mod rate_limits;
mod refusals;
mod reply_script;
mod schema;
mod strict;
mod text;

use std::time::{Duration, SystemTime};

use crate::prompt_cache::{CachedTokens, PROVIDERS};
use crate::scenario::input::ScenarioInput;
use crate::scenario::params::{ModelId, ParameterError};
use crate::script::Script;
use crate::wire::error::{envelope, error};
use crate::wire::request::ChatRequest;

/// Behaviour of the simulated upstream.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Model id that selects the scenario, such as `sim/echo`.
    pub model: &'static str,
    /// One-sentence description.
    pub summary: &'static str,
    /// Parameters in addition to [`COMMON_PARAMETERS`].
    pub parameters: &'static [Parameter],
    build: fn(&ScenarioInput<'_>) -> Result<Script, ParameterError>,
}

/// Parameter after the `?` of a model id.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    pub name: &'static str,
    /// Default value; empty without a default.
    pub default: &'static str,
    pub meaning: &'static str,
}

/// Parameters of all scenarios.
pub const COMMON_PARAMETERS: &[Parameter] = &[
    parameter(
        "times",
        "",
        "the scenario applies only to this number of requests with exactly this id; later ones get an echo",
    ),
    parameter("key", "", "ignored; makes the id unique, and with it the count of `times`"),
    parameter("head_ms", "0", "wait before the response head"),
    parameter(
        "delay_ms",
        "0",
        "wait before each delta; not streamed: the sum of these waits before the text",
    ),
    parameter("gate", "", "name of a gate to wait at"),
    parameter("gate_at", "each", "`head`, `first`, `each`, `end`, or a number of deltas"),
    parameter("keepalives", "1", "comments before the first delta; not streamed: whitespace heartbeats"),
    parameter("words", "", "number of words of the answer"),
    parameter("chars", "", "exact number of characters of the answer"),
    parameter(
        "letters",
        "mixed",
        "characters for `chars`: `plain`, `mixed`, `emoji`, `nul` (with U+0000), `blank` (white space and characters without a width)",
    ),
    parameter("piece", "", "characters per delta; by default, each word is a delta"),
    parameter("chars_per_token", "4", "characters per token"),
    parameter("served", "", "model id in the answer; by default the requested one"),
    parameter(
        "misses",
        "0",
        "number of look-ups at `/generation` with status 404 after the end of the answer",
    ),
];

/// Returns all scenarios in the order of the table in the README.
pub fn all() -> impl Iterator<Item = &'static Scenario> {
    [
        answers::SCENARIOS,
        assistant::SCENARIOS,
        function_calls::SCENARIOS,
        refusals::SCENARIOS,
        strict::SCENARIOS,
        rate_limits::SCENARIOS,
        connection_faults::SCENARIOS,
        bodies::SCENARIOS,
        accounting::SCENARIOS,
    ]
    .into_iter()
    .flatten()
}

/// Model id without a scenario or with invalid parameters.
#[derive(Debug, thiserror::Error)]
enum InvalidModelId {
    #[error("{0} is not a valid model ID")]
    Unknown(String),
    #[error(transparent)]
    Parameter(#[from] ParameterError),
}

/// Builds the script of the scenario that a model id selects; ids without `sim/` select an echo.
///
/// An invalid `sim/…` id results in status 400 with the reason, as an unknown model does at the upstream.
pub(crate) fn build_script(input: &ScenarioInput<'_>, path: &str) -> Script {
    try_build(input, path)
        .unwrap_or_else(|invalid| Script::json(400, &envelope(error(400, &invalid.to_string()))))
}

/// Checks a model id and its parameters; the error is the reason.
pub(crate) fn check(model: &str) -> Result<(), String> {
    let ModelId { path, params } = ModelId::parse(model);
    let input = ScenarioInput {
        request: &ChatRequest::default(),
        model: model.to_owned(),
        params,
        attempt: 1,
        generation_id: String::new(),
        now: SystemTime::UNIX_EPOCH,
        created: 0,
        typing_delay: Duration::ZERO,
        provider: PROVIDERS[0],
        cached: CachedTokens::default(),
    };
    try_build(&input, &path).map(|_| ()).map_err(|error| error.to_string())
}

/// Builds the script of a model id whose scenario answers in place of another one.
fn build_in_place(input: &ScenarioInput<'_>, id: &str) -> Result<Script, ParameterError> {
    let ModelId { path, params } = ModelId::parse(id);
    let names: Vec<&str> = params.names().collect();
    match find(&path, &names) {
        Ok(Some(scenario)) => (scenario.build)(&ScenarioInput { params, ..input.clone() }),
        Ok(None) => answers::echo(input),
        Err(InvalidModelId::Parameter(error)) => Err(error),
        Err(InvalidModelId::Unknown(path)) => Err(params::invalid("#", &path, "a scenario".to_owned())),
    }
}

fn try_build(input: &ScenarioInput<'_>, path: &str) -> Result<Script, InvalidModelId> {
    let names: Vec<&str> = input.params.names().collect();
    let build =
        find(path, &names)?.map_or(answers::echo as fn(&ScenarioInput<'_>) -> _, |scenario| scenario.build);
    let applies = input.params.number_up_to("times", u64::MAX)?.is_none_or(|times| input.attempt <= times);
    let mut script = if applies { build(input)? } else { answers::echo(input)? };
    script.before.extend(input.before_head()?);
    Ok(script)
}

/// Returns the scenario of a path; `None` for paths without `sim/`.
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
    /// Returns the model id without `sim/`.
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

    /// Returns the tables of the README.
    fn tables() -> String {
        let mut text =
            String::from("| model id | what happens | parameters (default) |\n| --- | --- | --- |\n");
        for scenario in all() {
            let parameters: Vec<String> = scenario.parameters.iter().map(row).collect();
            let parameters = parameters.join("; ");
            writeln!(text, "| `{}` | {} | {parameters} |", scenario.model, scenario.summary).unwrap();
        }
        text.push_str("\nParameters of all scenarios:\n\n");
        for parameter in COMMON_PARAMETERS {
            writeln!(text, "- {}", row(parameter)).unwrap();
        }
        text
    }

    #[test]
    fn the_readme_has_the_table_of_all_scenarios() {
        let tables = tables();
        assert!(README.contains(&tables), "the README must contain these tables:\n\n{tables}");
    }

    #[test]
    fn names_are_unique() {
        let mut models = BTreeSet::new();
        for scenario in all() {
            assert!(models.insert(scenario.model), "duplicate model {}", scenario.model);
            assert_eq!(format!("sim/{}", scenario.name()), scenario.model);
            let mut names: BTreeSet<&str> =
                COMMON_PARAMETERS.iter().map(|parameter| parameter.name).collect();
            for parameter in scenario.parameters {
                assert!(
                    names.insert(parameter.name),
                    "{}: duplicate parameter {}",
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
