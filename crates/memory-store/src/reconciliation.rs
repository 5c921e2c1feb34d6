//! Reconciliation of usage rows whose cost is pending.

use async_trait::async_trait;
use causerie_domain::messages::Part;
use causerie_domain::ports::{
    ClaimLookup, ExpiredLookupsQuery, PostponeLookup, PriceUsage, Reconciliation, SettleUsage, StoreError,
    UnpricedUsage,
};
use causerie_domain::usage::{CloseUsage, CostBasis, PendingUsage};
use causerie_domain::{MessageId, Timestamp, UsageId};

use super::MemoryStore;
use super::state::{State, StoredAttempt};

#[async_trait]
impl Reconciliation for MemoryStore {
    async fn unpriced(&self, limit: u32) -> Result<Vec<UnpricedUsage>, StoreError> {
        let state = self.lock();
        let rows = state.pending().filter(|(_, row)| row.next_lookup_at.is_none()).take(limit as usize);
        let with_parts = rows.map(|(answer, usage)| UnpricedUsage { parts: state.parts_of(answer), usage });
        Ok(with_parts.collect())
    }

    async fn price(&self, price: PriceUsage) -> Result<bool, StoreError> {
        let mut state = self.lock();
        let found = state.pending_row(price.id).filter(|(_, row)| row.next_lookup_at.is_none());
        let Some((_, row)) = found else { return Ok(false) };
        (row.tokens, row.settlement) = (price.tokens, price.settlement);
        row.next_lookup_at = price.next_lookup_at;
        Ok(true)
    }

    async fn expired_lookups(&self, query: ExpiredLookupsQuery) -> Result<Vec<PendingUsage>, StoreError> {
        let state = self.lock();
        let rows = state
            .pending()
            .map(|(_, row)| row)
            .filter(|row| is_due(row, query.now) && row.closed_at < query.closed_before && row.lookups > 0);
        Ok(rows.take(query.limit as usize).collect())
    }

    async fn claim_lookup(&self, claim: ClaimLookup) -> Result<Option<PendingUsage>, StoreError> {
        let mut state = self.lock();
        let due = state
            .pending()
            .map(|(_, row)| row)
            .filter(|row| is_due(row, claim.now) && !claim.served.contains(row.user_id, row.group_id));
        let Some(first) = due.min_by_key(|row| row.next_lookup_at) else { return Ok(None) };
        let next_lookup_at = Some(claim.until);
        if let Some((_, row)) = state.pending_row(first.id) {
            row.next_lookup_at = next_lookup_at;
        }
        Ok(Some(PendingUsage { next_lookup_at, ..first }))
    }

    async fn settle_usage(&self, settle: SettleUsage) -> Result<bool, StoreError> {
        let mut state = self.lock();
        let Some((_, row)) = state.pending_row(settle.id) else { return Ok(false) };
        (row.tokens, row.settlement) = (settle.tokens, settle.settlement);
        row.next_lookup_at = None;
        let progress = &mut row.progress;
        progress.model_served = progress.model_served.take().or(settle.model_served);
        progress.provider = progress.provider.take().or(settle.provider);
        Ok(true)
    }

    async fn postpone_lookup(&self, postpone: PostponeLookup) -> Result<(), StoreError> {
        let mut state = self.lock();
        let claim = Some(postpone.claimed_until);
        let found = state.pending_row(postpone.id).filter(|(_, row)| row.next_lookup_at == claim);
        if let Some((lookups, row)) = found {
            row.next_lookup_at = Some(postpone.next_lookup_at);
            *lookups = postpone.lookups;
        }
        Ok(())
    }
}

fn is_due(row: &PendingUsage, now: Timestamp) -> bool {
    row.next_lookup_at.is_some_and(|due| due <= now)
}

impl State {
    /// Returns the pending rows in the order of their turns, each with the id of its answer, then those of completions.
    fn pending(&self) -> impl Iterator<Item = (Option<MessageId>, PendingUsage)> {
        let of_turns = self.turns.values().flat_map(|turn| {
            let answer = turn.turn.assistant_message_id;
            turn.attempts.iter().filter_map(pending).map(move |row| (Some(answer), row))
        });
        let of_completions = self.completions.values().map(|completion| &completion.attempt);
        of_turns.chain(of_completions.filter_map(pending).map(|row| (None, row)))
    }

    /// Returns a pending row with its number of unsuccessful look-ups.
    fn pending_row(&mut self, id: UsageId) -> Option<(&mut u32, &mut CloseUsage)> {
        let of_turns = self.turns.values_mut().flat_map(|turn| &mut turn.attempts);
        let of_completions = self.completions.values_mut().map(|completion| &mut completion.attempt);
        of_turns
            .chain(of_completions)
            .filter_map(|attempt| attempt.closed.as_mut().map(|row| (&mut attempt.lookups, row)))
            .find(|(_, row)| row.id == id && row.settlement.basis == CostBasis::Pending)
    }

    fn parts_of(&self, answer: Option<MessageId>) -> Vec<Part> {
        let Some(answer) = answer else { return Vec::new() };
        let mut messages = self.sessions.values().flat_map(|stored| &stored.messages);
        messages.find(|message| message.id == answer).map(|message| message.parts.clone()).unwrap_or_default()
    }
}

fn pending(attempt: &StoredAttempt) -> Option<PendingUsage> {
    let row = attempt.closed.as_ref().filter(|row| row.settlement.basis == CostBasis::Pending)?;
    let (open, progress) = (&attempt.open, &row.progress);
    Some(PendingUsage {
        id: row.id,
        user_id: Some(open.user_id),
        group_id: open.group_id,
        model: open.model.clone(),
        outcome: row.outcome,
        generation_id: progress.generation_id.clone(),
        estimated_input_tokens: progress.estimated_input_tokens.unwrap_or(open.estimated_input_tokens),
        prices: progress.prices.clone().or_else(|| open.prices.clone()),
        tokens: row.tokens,
        settlement: row.settlement,
        created_at: open.created_at,
        closed_at: row.closed_at,
        lookups: attempt.lookups,
        next_lookup_at: row.next_lookup_at,
    })
}
