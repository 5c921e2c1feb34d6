//! Text segments and attempts of a running turn.

use causerie_domain::ports::{BeginTurn, SEARCHED_ANSWERS};
use causerie_domain::turns::Segment;
use causerie_domain::usage::{
    CloseUsage, CostBasis, OpenUsage, Settlement, TokenCounts, UsageOutcome, UsageProgress, UsagePurpose,
};
use causerie_domain::{Timestamp, Usd};

use super::state::{MemoryTurn, State, StoredAttempt};
use crate::text::storable;

impl MemoryTurn {
    /// Stores flushed segments.
    ///
    /// A flush without a response is sent again with the segments since then, so stored segments are replaced from the
    /// first position on. A flush that is older than the stored text has no effect.
    pub(super) fn write_segments(&mut self, segments: Vec<Segment>) {
        let (Some(from), Some(to)) =
            (segments.first().map(|first| first.position), segments.last().map(Segment::end))
        else {
            return;
        };
        if self.segments.last().is_none_or(|stored| stored.end() <= to) {
            self.segments.retain(|stored| stored.position < from);
            self.segments.extend(segments);
        }
    }

    /// Closes an attempt unless it is closed already.
    pub(super) fn close(&mut self, close: CloseUsage) {
        if let Some(attempt) = self.attempts.iter_mut().find(|attempt| attempt.open.id == close.id) {
            attempt.close(close);
        }
    }
}

impl State {
    /// Returns the counted output tokens of the completed answers of a tool by the model of a turn, the latest first.
    pub(super) fn recent_outputs(&self, begin: &BeginTurn) -> Vec<u64> {
        let mut of_tool: Vec<&StoredAttempt> =
            self.attempts().filter(|attempt| attempt.open.tool_id == begin.usage.tool_id).collect();
        of_tool.sort_by_key(|attempt| std::cmp::Reverse(attempt.open.created_at));
        of_tool.truncate(SEARCHED_ANSWERS as usize);
        let answers = of_tool.into_iter().filter(|attempt| {
            attempt.open.purpose == UsagePurpose::Chat && attempt.open.model == begin.usage.model
        });
        let closed = answers.filter_map(|attempt| attempt.closed.as_ref()).filter(|closed| {
            closed.outcome == UsageOutcome::Completed && closed.settlement.basis != CostBasis::Estimated
        });
        closed.filter_map(|closed| closed.tokens.output).collect()
    }
}

impl StoredAttempt {
    pub(super) fn new(open: OpenUsage, reserved: Option<Usd>) -> Self {
        StoredAttempt { open, reserved, progress: UsageProgress::default(), closed: None, lookups: 0 }
    }

    /// Closes the attempt unless it is closed already.
    pub(super) fn close(&mut self, close: CloseUsage) {
        self.merge_progress(close.progress.clone());
        let progress = self.progress.clone();
        self.closed.get_or_insert(CloseUsage { progress, ..close });
    }

    /// Updates the fields that are set in the new progress.
    pub(super) fn merge_progress(&mut self, new: UsageProgress) {
        let old = std::mem::take(&mut self.progress);
        let text = |value: Option<String>| value.map(|value| storable(&value).into_owned());
        self.progress = UsageProgress {
            generation_id: text(new.generation_id).or(old.generation_id),
            model_served: text(new.model_served).or(old.model_served),
            provider: text(new.provider).or(old.provider),
            time_to_first_token: new.time_to_first_token.or(old.time_to_first_token),
            estimated_input_tokens: new.estimated_input_tokens.or(old.estimated_input_tokens),
            prices: new.prices.or(old.prices),
        };
    }

    /// Returns the end of an attempt whose turn is interrupted. The reconciler determines its cost later.
    pub(super) fn interrupted(&self, now: Timestamp) -> CloseUsage {
        CloseUsage {
            id: self.open.id,
            outcome: UsageOutcome::Interrupted,
            failure: None,
            progress: self.progress.clone(),
            tokens: TokenCounts::default(),
            settlement: Settlement {
                cost: None,
                basis: CostBasis::Pending,
                reported: None,
                calculated: None,
                cache_saved: None,
            },
            duration: now.since(self.open.created_at),
            closed_at: now,
            cache_miss: None,
            next_lookup_at: None,
        }
    }
}
