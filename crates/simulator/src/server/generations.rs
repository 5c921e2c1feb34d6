//! Generation records, served at `/generation` after the answer.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use crate::script::GenerationPlan;
use crate::script::bill::{Bill, KeyOwner};
use crate::script::reply::Finish;
use crate::wire::credits::Credits;
use crate::wire::generation::Generation;

/// Maximum number of records; the oldest are removed first.
const MAX_RECORDS: usize = 10_000;

/// Generation records; each is stored when its answer ends.
#[derive(Debug, Default)]
pub(crate) struct Generations(Mutex<Records>);

#[derive(Debug, Default)]
struct Records {
    /// Each record with its remaining misses.
    by_id: HashMap<String, (Generation, u64)>,
    order: VecDeque<String>,
}

impl Generations {
    /// Stores the record of a complete answer.
    pub(crate) fn complete(&self, plan: GenerationPlan) {
        let (finish, bill) = (plan.finish, plan.bill.clone());
        self.store(record(&plan, finish, &bill), plan.misses);
    }

    /// Stores the record of an answer whose client or connection ended it after `characters` characters.
    ///
    /// A stream is billed up to that point. An answer that is not streamed cannot be cancelled and is billed in full.
    pub(crate) fn cancel(&self, plan: GenerationPlan, characters: u64) {
        if !plan.streamed {
            return self.complete(plan);
        }
        let bill = plan.bill.cut_to(characters);
        self.store(Generation { cancelled: true, ..record(&plan, None, &bill) }, plan.misses);
    }

    /// Returns a record, or `None` until the number of misses that its request set is reached.
    pub(crate) fn look_up(&self, id: &str) -> Option<Generation> {
        let mut records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (generation, misses) = records.by_id.get_mut(id)?;
        if *misses > 0 {
            *misses -= 1;
            return None;
        }
        Some(generation.clone())
    }

    fn store(&self, generation: Generation, misses: u64) {
        let mut records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if records.order.len() >= MAX_RECORDS
            && let Some(oldest) = records.order.pop_front()
        {
            records.by_id.remove(&oldest);
        }
        records.order.push_back(generation.id.clone());
        records.by_id.insert(generation.id.clone(), (generation, misses));
    }
}

fn record(plan: &GenerationPlan, finish: Option<Finish>, bill: &Bill) -> Generation {
    let created = i64::try_from(plan.created).unwrap_or(i64::MAX);
    let is_byok = bill.key_owner != KeyOwner::Platform;
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
