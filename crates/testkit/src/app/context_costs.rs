//! Cost of the input of conversations, by the cuts of their history and the prompt cache of their model.

use std::fmt;

use anyhow::{Context as _, Result};
use causerie_domain::Usd;
use serde_json::Value;

use super::{TestApp, TestAppBuilder};

/// Model with an automatic cache; cached input costs a tenth.
pub const AUTOMATIC: &str = "openai/gpt-5-mini";
/// Model that caches up to breakpoints; cached input costs a tenth, written input a quarter more.
pub const EXPLICIT: &str = "anthropic/claude-sonnet-4.5";

/// Prices of an output token in pico-USD.
const OUTPUT_PRICES: [(&str, u64); 2] = [(AUTOMATIC, 2_000_000), (EXPLICIT, 15_000_000)];

/// Characters of a user message. The answer repeats it with some more words; both together have 300 tokens.
const QUESTION_CHARS: usize = 566;

/// Conversation to measure.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub model: &'static str,
    /// `block` or `sliding`.
    pub trim: &'static str,
    pub max_messages: u32,
    pub turns: usize,
}

/// Input of all requests of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InputCost {
    /// All input tokens.
    pub tokens: u64,
    /// Input tokens that were read from the cache.
    pub read: u64,
    /// Cost of the input in pico-USD: reported cost less the price of the output.
    pub pico_usd: u64,
}

impl Plan {
    /// Returns the name of the tool of the plan.
    pub fn tool(&self) -> String {
        let author = self.model.split('/').next().unwrap_or_default();
        format!("{author}-{}-{}", self.trim, self.max_messages)
    }

    /// Returns the definition of the tool.
    pub fn definition(&self) -> String {
        let Plan { model, trim, max_messages, .. } = self;
        format!(
            "name: {}\nversion: 1.0.0\ntype: chat\ntitle: Costs\nbehavior: Be kind.\nmodel: {model}\n\
             history: {{max_messages: {max_messages}, trim: {trim}}}\n",
            self.tool()
        )
    }

    /// Runs the conversation and returns the cost of its input.
    ///
    /// # Errors
    /// A message is refused, or an answer has no usage.
    pub async fn run(&self, app: &TestApp) -> Result<InputCost> {
        let prices = OUTPUT_PRICES.iter().find(|(model, _)| *model == self.model);
        let output_price = prices.context("a model without a price")?.1;
        let chat = app.ada.chat(&self.tool()).await?;
        let mut cost = InputCost::default();
        for turn in 0..self.turns {
            // The name of the tool, so that no conversation reads what another one has cached.
            let words = format!("{} {turn:>6} ", self.tool());
            let question: String = words.chars().cycle().take(QUESTION_CHARS).collect();
            let transcript = chat.send_and_read(&question).await?;
            let usage = &transcript.frame_data("data-usage")?["data"];
            cost.tokens += count(usage, "input_tokens")?;
            cost.read += count(usage, "cached_tokens")?;
            let whole: Usd = usage["cost"].as_str().context("a cost")?.parse()?;
            let whole = u64::try_from(whole.pico())?;
            cost.pico_usd += whole.saturating_sub(count(usage, "output_tokens")? * output_price);
        }
        Ok(cost)
    }
}

impl InputCost {
    /// Returns the percentage by which the cost is below another one, rounded down.
    pub fn saving(&self, other: &InputCost) -> i64 {
        percent_below(self.pico_usd.into(), other.pico_usd.into())
    }

    /// Returns the percentage by which the cost per token is below another one, rounded down.
    pub fn saving_per_token(&self, other: &InputCost) -> i64 {
        let product = |cost: u64, tokens: u64| i128::from(cost) * i128::from(tokens);
        percent_below(product(self.pico_usd, other.tokens), product(other.pico_usd, self.tokens))
    }
}

fn percent_below(cost: i128, other: i128) -> i64 {
    let other = other.max(1);
    i64::try_from((other - cost).saturating_mul(100).div_euclid(other)).unwrap_or(i64::MIN)
}

fn count(usage: &Value, member: &str) -> Result<u64> {
    usage[member].as_u64().with_context(|| format!("no {member} in {usage}"))
}

/// Row of the table in `docs/context.md`.
#[derive(Debug, Clone, Copy)]
pub struct Comparison {
    pub block: (Plan, InputCost),
    pub sliding: InputCost,
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (plan, block) = &self.block;
        write!(
            f,
            "| `{}` | {} | {} | {} | {} | {} | {} % | {} % |",
            plan.model,
            plan.max_messages,
            self.sliding.tokens,
            self.sliding.read,
            block.tokens,
            block.read,
            block.saving(&self.sliding),
            block.saving_per_token(&self.sliding),
        )
    }
}

/// Compares block cuts with a sliding window, for conversations of 60 turns.
///
/// # Errors
/// As [`Plan::run`].
pub async fn compare(model: &'static str, limits: &[u32]) -> Result<Vec<Comparison>> {
    let plans = |max_messages: &u32| {
        ["block", "sliding"].map(|trim| Plan { model, trim, max_messages: *max_messages, turns: 60 })
    };
    let plans: Vec<[Plan; 2]> = limits.iter().map(plans).collect();
    let builder: TestAppBuilder = TestApp::on_sqlite().await?;
    let builder =
        plans.iter().flatten().fold(builder, |builder, plan| builder.definition(&plan.definition()));
    let app = builder.start().await?;
    let mut comparisons = Vec::new();
    for [block, sliding] in plans {
        let comparison =
            Comparison { block: (block, block.run(&app).await?), sliding: sliding.run(&app).await? };
        comparisons.push(comparison);
    }
    app.stop().await?;
    Ok(comparisons)
}
