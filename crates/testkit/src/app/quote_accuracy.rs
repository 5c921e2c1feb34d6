//! Quality of quotes: how often real costs and answers stay within them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use anyhow::{Context as _, Result};
use causerie_domain::Usd;
use causerie_domain::models::Pricing;
use causerie_runtime::ExpectedOutput;
use causerie_usage::MaxPrices;
use serde_json::{Value, json};

use super::{Chat, TestApp};

/// Models of the simulated conversations.
const MODELS: [&str; 4] = [
    "openai/gpt-5-mini",
    "anthropic/claude-sonnet-4.5",
    "google/gemini-3.6-flash",
    "deepseek/deepseek-v4-flash",
];
/// Conversations with each model, and turns of each.
const CONVERSATIONS: usize = 8;
const TURNS: usize = 16;

/// Maximum output tokens of a request by default.
const DEFAULT_MAX_OUTPUT: u64 = 4096;

/// Texts of the questions: languages and forms with different numbers of characters per token.
const TEXTS: [&str; 4] = [
    "How does a compiler turn a program into machine code, and what can go wrong on the way? ",
    "Wie entsteht eigentlich der Donnergroll, und weshalb hört man ihn erst nach dem Blitz? ",
    "fn main() { let (a, b) = (0..9).map(|n| n * n).fold((0, 1), |(x, y), n| (x + n, y ^ n)); } ",
    "光はなぜ波でもあり粒子でもあるのか、簡単に説明してください。",
];

/// How often costs and answers stay within their quotes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Accuracy {
    /// Model, or source of the answers.
    pub answers: String,
    pub quotes: usize,
    /// Costs that are known, and those of them within `at_most`.
    pub costs: Share,
    /// Answers within `p90` of a quote that is a guess.
    pub guesses: Share,
    /// Answers within `p90` of other quotes.
    pub outputs: Share,
}

/// Number of cases, and of those that are within a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Share {
    pub cases: usize,
    pub within: usize,
}

impl Share {
    fn count(&mut self, is_within: bool) {
        self.cases += 1;
        self.within += usize::from(is_within);
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cases {
            0 => f.write_str("–"),
            cases => {
                let tenths = self.within * 1000 / cases;
                write!(f, "{} of {cases} ({}.{} %)", self.within, tenths / 10, tenths % 10)
            }
        }
    }
}

impl fmt::Display for Accuracy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Accuracy { answers, quotes, costs, guesses, outputs } = self;
        write!(f, "| {answers} | {quotes} | {} | {costs} | {guesses} | {outputs} |", costs.cases)
    }
}

impl Accuracy {
    fn of(answers: impl Into<String>) -> Self {
        Accuracy { answers: answers.into(), ..Accuracy::default() }
    }

    fn count_output(&mut self, output: u64, p90: u64, is_guess: bool) {
        let share = if is_guess { &mut self.guesses } else { &mut self.outputs };
        share.count(output <= p90);
    }
}

/// Quotes and sends the messages of conversations with simulated models. Each quote is made before its answer, so it has
/// not seen it.
///
/// # Errors
/// A message is refused, or an answer has no usage.
pub async fn simulated() -> Result<Vec<Accuracy>> {
    let tool = |model: &str| model.replace(['/', '.'], "-");
    let builder = TestApp::on_sqlite().await?;
    let builder = MODELS.iter().fold(builder, |builder, model| builder.tool(&tool(model), model));
    let app = builder.start().await?;
    let mut rows = Vec::new();
    let mut random = Random(1);
    for model in MODELS {
        let mut row = Accuracy::of(format!("`{model}`, simulated"));
        for _ in 0..CONVERSATIONS {
            let chat = app.ada.chat(&tool(model)).await?;
            for _ in 0..TURNS {
                let text = TEXTS[random.below(TEXTS.len())];
                // As many short questions as long ones, up to some pages.
                let chars = 8 << random.below(9);
                let chars = chars + random.below(chars);
                let question: String = text.chars().cycle().take(chars).collect();
                quote_and_send(&chat, &question, &mut row).await?;
            }
        }
        rows.push(row);
    }
    app.stop().await?;
    Ok(rows)
}

async fn quote_and_send(chat: &Chat, question: &str, row: &mut Accuracy) -> Result<()> {
    let body = json!({ "content": question });
    let quote = chat.client().post(&chat.path("/quote"), &body).await?.json(200)?;
    let transcript = chat.send_and_read(question).await?;
    let usage = &transcript.frame_data("data-usage")?["data"];
    row.quotes += 1;
    let expected = &quote["expected_output_tokens"];
    let number = |value: &Value| value.as_u64().with_context(|| format!("no number in {quote} or {usage}"));
    row.count_output(number(&usage["output_tokens"])?, number(&expected["p90"])?, expected["guess"] == true);
    let amount = |value: &Value| value.as_str().and_then(|text| text.parse::<Usd>().ok());
    if let (Some(cost), Some(at_most)) = (amount(&usage["cost"]), amount(&quote["cost"]["at_most"])) {
        row.costs.count(cost <= at_most);
    }
    Ok(())
}

/// Compares recorded answers with quotes of them.
///
/// The requests were not recorded, so the input is the counted one, and the cost tests the prices. The percentile of an
/// answer is that of all other answers.
///
/// # Errors
/// The recordings cannot be read.
pub fn recorded() -> Result<Accuracy> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../openrouter/tests/recordings");
    let prices = listed_prices(&folder)?;
    let mut answers = Vec::new();
    for entry in std::fs::read_dir(&folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let is_answer = name.ends_with(".sse") || name.starts_with("json_");
        if let Some(answer) = is_answer.then(|| answer_of(&path)).transpose()?.flatten() {
            answers.push(answer);
        }
    }
    let mut row = Accuracy { quotes: answers.len(), ..Accuracy::of("recorded, all models") };
    for (index, answer) in answers.iter().enumerate() {
        let other = |(place, other): (usize, &Answer)| (place != index).then_some(other.output);
        let others: Vec<u64> = answers.iter().enumerate().filter_map(other).collect();
        let expected = ExpectedOutput::of(&others, DEFAULT_MAX_OUTPUT);
        row.count_output(answer.output, expected.p90, expected.is_guess);
        let max = prices.get(&answer.model).and_then(|prices| MaxPrices::of(prices, answer.input));
        let at_most = max.and_then(|max| max.cost_of(answer.input, DEFAULT_MAX_OUTPUT));
        if let (Some(cost), Some(at_most)) = (answer.cost, at_most) {
            row.costs.count(cost <= at_most);
        }
    }
    Ok(row)
}

/// Recorded answer.
struct Answer {
    model: String,
    input: u64,
    output: u64,
    cost: Option<Usd>,
}

/// Reads the last usage and the model of a recorded answer; `None` without usage.
fn answer_of(path: &Path) -> Result<Option<Answer>> {
    let text = std::fs::read_to_string(path)?;
    let documents: Vec<Value> = match path.extension().is_some_and(|extension| extension == "sse") {
        true => {
            let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
            data.filter_map(|data| serde_json::from_str(data).ok()).collect()
        }
        false => serde_json::from_str(&text).into_iter().collect(),
    };
    let usage = documents.iter().rev().map(|document| &document["usage"]).find(|usage| usage.is_object());
    let model = documents.iter().rev().find_map(|document| document["model"].as_str());
    let (Some(usage), Some(model)) = (usage, model) else { return Ok(None) };
    let (Some(input), Some(output)) = (usage["prompt_tokens"].as_u64(), usage["completion_tokens"].as_u64())
    else {
        return Ok(None);
    };
    let cost = usage.get("cost").filter(|cost| cost.is_number()).map(Value::to_string);
    let cost = cost.and_then(|cost| Usd::parse_rounding(&cost).ok());
    Ok(Some(Answer { model: model.to_owned(), input, output, cost }))
}

/// Returns the prices of the recorded catalogs by id and by dated id. Later catalogs replace earlier ones.
fn listed_prices(folder: &Path) -> Result<BTreeMap<String, Pricing>> {
    let mut found = BTreeMap::new();
    for name in ["models_2025-07_trimmed.json", "models_2026-08_trimmed.json"] {
        let catalog: Value = serde_json::from_str(&std::fs::read_to_string(folder.join(name))?)?;
        for model in catalog["data"].as_array().into_iter().flatten() {
            let price =
                |name: &str| model["pricing"][name].as_str().and_then(|text| text.parse::<Usd>().ok());
            let prices = Pricing {
                prompt: price("prompt"),
                completion: price("completion"),
                cache_read: price("input_cache_read"),
                cache_write: price("input_cache_write"),
                internal_reasoning: price("internal_reasoning"),
                request: price("request"),
                ..Pricing::default()
            };
            for id in [&model["id"], &model["canonical_slug"]] {
                if let Some(id) = id.as_str() {
                    found.insert(id.to_owned(), prices.clone());
                }
            }
        }
    }
    Ok(found)
}

/// Numbers that are the same in each run.
struct Random(u64);

impl Random {
    /// Returns a number below a maximum.
    fn below(&mut self, max: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % max.max(1)
    }
}
