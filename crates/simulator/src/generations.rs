//! Records of answers, to be asked for afterwards at `/generation`.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use crate::bill::{Bill, Payer};
use crate::credits::Credits;
use crate::reply::Finish;
use crate::wire::generation::Generation;

/// How many records are kept; the oldest go first.
const KEPT: usize = 10_000;

/// What is known of an answer when it begins.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) id: String,
    pub(crate) model: String,
    pub(crate) provider: &'static str,
    /// Seconds since the epoch.
    pub(crate) created: u64,
    pub(crate) streamed: bool,
    pub(crate) finish: Option<Finish>,
    pub(crate) bill: Bill,
    /// How often the look-up is answered with 404 although the record exists.
    pub(crate) misses: u64,
}

/// The records, each absent until its answer has ended.
#[derive(Debug, Default)]
pub(crate) struct Generations(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    records: HashMap<String, (Generation, u64)>,
    order: VecDeque<String>,
}

impl Generations {
    /// Keeps the record of an answer that was sent whole.
    pub(crate) fn complete(&self, plan: Plan) {
        let (finish, bill) = (plan.finish, plan.bill.clone());
        self.keep(record(&plan, finish, &bill), plan.misses);
    }

    /// Keeps the record of an answer of which only so many characters were sent.
    ///
    /// A stream is billed for what was sent. An answer that is not streamed cannot be cancelled: it is billed whole.
    pub(crate) fn cancel(&self, plan: Plan, characters: u64) {
        if !plan.streamed {
            return self.complete(plan);
        }
        let bill = plan.bill.cut_to(characters);
        self.keep(Generation { cancelled: true, ..record(&plan, None, &bill) }, plan.misses);
    }

    /// The record, once it has been missed as often as its request asked for.
    pub(crate) fn look_up(&self, id: &str) -> Option<Generation> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (generation, misses) = kept.records.get_mut(id)?;
        if *misses > 0 {
            *misses -= 1;
            return None;
        }
        Some(generation.clone())
    }

    fn keep(&self, generation: Generation, misses: u64) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.order.len() >= KEPT
            && let Some(oldest) = kept.order.pop_front()
        {
            kept.records.remove(&oldest);
        }
        kept.order.push_back(generation.id.clone());
        kept.records.insert(generation.id.clone(), (generation, misses));
    }
}

fn record(plan: &Plan, finish: Option<Finish>, bill: &Bill) -> Generation {
    let created = i64::try_from(plan.created).unwrap_or(i64::MAX);
    let is_byok = bill.payer != Payer::Platform;
    Generation {
        id: plan.id.clone(),
        upstream_id: format!("chatcmpl-{}", plan.id),
        model: plan.model.clone(),
        provider_name: plan.provider,
        created_at: jiff::Timestamp::from_second(created).unwrap_or_default().to_string(),
        streamed: plan.streamed,
        cancelled: false,
        finish_reason: finish.map(|finish| finish.reason),
        native_finish_reason: finish.map(|finish| finish.native),
        tokens_prompt: bill.prompt,
        tokens_completion: bill.completion,
        native_tokens_prompt: bill.prompt,
        native_tokens_completion: bill.completion,
        native_tokens_reasoning: bill.reasoning,
        native_tokens_cached: bill.cached,
        total_cost: bill.charged(),
        usage: bill.charged(),
        upstream_inference_cost: if is_byok { bill.inference() } else { Credits::default() },
        is_byok,
        latency: 10,
        generation_time: 100,
        cache_discount: None,
        num_search_results: None,
        external_user: None,
        session_id: None,
        api_type: "completions",
        router: None,
    }
}
