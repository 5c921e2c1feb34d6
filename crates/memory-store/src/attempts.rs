//! What a turn in memory has so far: its text, and its requests.

use causerie_domain::turns::Segment;
use causerie_domain::usage::{
    CloseUsage, CostBasis, OpenUsage, Settlement, TokenCounts, UsageOutcome, UsageProgress,
};
use causerie_domain::{Timestamp, Usd};

use super::state::{StoredAttempt, StoredTurn};
use crate::text::storable;

impl StoredTurn {
    /// A flush whose answer was lost is sent again, with what came since; one that arrives after a newer one has
    /// nothing to add.
    pub(super) fn write_segments(&mut self, news: Vec<Segment>) {
        let (Some(from), Some(to)) =
            (news.first().map(|first| first.position), news.last().map(Segment::end))
        else {
            return;
        };
        if self.segments.last().is_none_or(|known| known.end() <= to) {
            self.segments.retain(|known| known.position < from);
            self.segments.extend(news);
        }
    }

    pub(super) fn close(&mut self, close: CloseUsage) {
        if let Some(open) = self.attempts.iter_mut().find(|attempt| attempt.open.id == close.id) {
            open.learn(close.progress.clone());
            let progress = open.progress.clone();
            open.closed.get_or_insert(CloseUsage { progress, ..close });
        }
    }
}

impl StoredAttempt {
    pub(super) fn new(open: OpenUsage, reserved: Option<Usd>) -> Self {
        StoredAttempt { open, reserved, progress: UsageProgress::default(), closed: None, lookups: 0 }
    }

    /// Takes over what is new; what was known before stays where nothing new is said.
    pub(super) fn learn(&mut self, news: UsageProgress) {
        let known = std::mem::take(&mut self.progress);
        let said = |news: Option<String>| news.map(|news| storable(&news).into_owned());
        self.progress = UsageProgress {
            generation_id: said(news.generation_id).or(known.generation_id),
            model_served: said(news.model_served).or(known.model_served),
            provider: said(news.provider).or(known.provider),
            time_to_first_token: news.time_to_first_token.or(known.time_to_first_token),
            estimated_input_tokens: news.estimated_input_tokens.or(known.estimated_input_tokens),
            prices: news.prices.or(known.prices),
        };
    }

    /// How it ends where its turn is interrupted: nobody has priced it yet.
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
            },
            duration: now.since(self.open.created_at),
            closed_at: now,
            next_lookup_at: None,
        }
    }
}
