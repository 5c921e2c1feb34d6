//! Completions without a session.

mod relay;
mod repeated;
mod rights;

use causerie_domain::audit_events::AuditStamp;
use causerie_domain::budgets::{Budget, BudgetPeriod, BudgetSubject};
use causerie_domain::ports::{Budgets, Ids};
use causerie_domain::principal::Principal;
use causerie_domain::usage::UsageOutcome;
use causerie_domain::{AuditEventId, Filter, Timestamp, Usd};
use causerie_runtime::{
    AnswerEvent, AnswerOutcome, Completion, CompletionReader, CompletionSettings, NewCompletion,
    RuntimeError, Settings, SystemIds,
};
use serde_json::{Value, json};

use crate::support::World;

fn body(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "Hi"}], "stream": true})
}

fn new(body: &Value) -> NewCompletion {
    NewCompletion { body: body.to_string(), ..NewCompletion::default() }
}

fn keyed(body: &Value, key: &str) -> NewCompletion {
    NewCompletion { idempotency_key: Some(key.to_owned()), ..new(body) }
}

fn retry(body: &Value) -> NewCompletion {
    NewCompletion { is_retry: true, ..new(body) }
}

impl World {
    async fn complete(&self, principal: &Principal, new: NewCompletion) -> Completion {
        self.runtime.complete(principal, new).await.unwrap()
    }

    async fn refusal(&self, principal: &Principal, body: &Value) -> RuntimeError {
        self.runtime.complete(principal, new(body)).await.unwrap_err()
    }

    /// Returns outcome and attempt of each closed row, and `None` for an open one.
    fn rows(&self) -> Vec<Option<(UsageOutcome, u32)>> {
        let rows = self.store.completions().into_iter();
        rows.map(|(open, closed)| closed.map(|closed| (closed.outcome, open.attempt))).collect()
    }

    async fn set_budget(&self, principal: &Principal, limit: i64) {
        let subject = BudgetSubject::User(principal.user.id);
        let budget = Budget { subject, period: BudgetPeriod::Day, limit: Usd::from_pico(limit) };
        let event_id = AuditEventId::from_uuid(SystemIds.next());
        let at = Timestamp::from_micros(0);
        let stamp = AuditStamp { event_id, actor_id: None, api_key_id: None, at };
        self.store.set_budget(budget, &Filter::Everything, stamp).await.unwrap();
    }
}

/// Reads an answer to its end. Returns its texts and its outcome.
async fn read(reader: &mut CompletionReader) -> (String, AnswerOutcome) {
    let mut text = String::new();
    loop {
        match reader.next().await {
            AnswerEvent::Chunks(chunks) => {
                for chunk in chunks {
                    let chunk: Value = serde_json::from_str(&chunk).unwrap();
                    text.push_str(chunk["choices"][0]["delta"]["content"].as_str().unwrap_or_default());
                }
            }
            AnswerEvent::Ended(end) => return (text, end.outcome),
        }
    }
}

async fn text(completion: &mut Completion) -> String {
    let (text, outcome) = read(&mut completion.reader).await;
    assert_eq!(outcome, AnswerOutcome::Completed);
    text
}

fn settings(completions: CompletionSettings) -> Settings {
    Settings { completions, ..Settings::default() }
}
