//! Fixtures of the checks: sessions, running turns and their ends.

use std::time::Duration;

use anyhow::{Context, Result};
use causerie_domain::cost_ceiling::CostCeiling;
use causerie_domain::messages::{
    Message, MessageMarks, MessageMeta, MessageView, NewMessage, Part, PartKind,
};
use causerie_domain::ports::{
    BeginTurn, BegunTurn, FinishTurn, NewGreeting, NewSession, TurnFlush, TurnIds, TurnLease,
};
use causerie_domain::sessions::Session;
use causerie_domain::turns::HistoryTrim;
use causerie_domain::turns::{Segment, Turn, TurnStatus};
use causerie_domain::usage::{
    CloseUsage, CostBasis, MessageUsage, OpenUsage, Settlement, TokenCounts, UsageOutcome, UsageProgress,
    UsagePurpose,
};
use causerie_domain::{InstanceId, MessageId, SessionId, TurnId, UsageId, Usd};

use super::{START, Subject};

/// Lease that is longer than any check.
const LEASE: Duration = Duration::from_secs(600);

/// Running turn.
#[derive(Debug, Clone)]
pub struct Running {
    pub begun: BegunTurn,
    pub owner: InstanceId,
    /// Open row of the usage ledger.
    pub usage: UsageId,
}

/// Result of a turn.
#[derive(Debug, Clone)]
pub struct Ending {
    pub status: TurnStatus,
    /// Parts of the answer.
    pub parts: Vec<Part>,
    /// Input tokens.
    pub input: u64,
    /// Output tokens.
    pub output: u64,
    pub cost: Usd,
}

/// Returns a text part of an answer.
pub fn text_part(text: &str) -> Part {
    Part { kind: PartKind::Text, text: text.to_owned() }
}

/// Returns messages as the history of a turn has them.
pub fn as_history(views: Vec<MessageView>) -> Vec<MessageView> {
    let strip =
        |view: MessageView| MessageView { message: view.message.without_parts(), usage: None, ..view };
    views.into_iter().map(strip).collect()
}

impl Ending {
    /// Returns a completed answer with 7 input tokens and 5 output tokens that costs 0.000012 US dollars.
    pub fn whole(text: &str) -> Self {
        Ending {
            status: TurnStatus::Completed,
            parts: vec![text_part(text)],
            input: 7,
            output: 5,
            cost: Usd::from_pico(12_000_000),
        }
    }
}

impl Running {
    pub fn id(&self) -> TurnId {
        self.begun.turn.id
    }

    /// Returns a flush of one segment of text at a position.
    pub fn text_at(&self, position: u64, text: &str) -> TurnFlush {
        let segment = Segment { position, kind: PartKind::Text, text: text.to_owned() };
        TurnFlush { segments: vec![segment], ..self.empty_flush() }
    }

    /// Returns a flush that only renews the lease.
    pub fn empty_flush(&self) -> TurnFlush {
        TurnFlush { turn_id: self.id(), segments: Vec::new(), progress: None, context: None, requests: None }
    }
}

impl Subject {
    /// Returns a session of the user that is not created yet.
    pub fn new_session(&self) -> NewSession {
        NewSession {
            id: SessionId::next(&self.ids),
            tool_id: self.tool,
            tool_version_id: self.tool_version,
            user_id: self.user,
            group_id: None,
            title: None,
            greeting: None,
            started_at: START,
        }
    }

    /// Returns a greeting, the first message of a session.
    pub fn greeting(&self, text: &str) -> NewGreeting {
        NewGreeting { id: MessageId::next(&self.ids), text: text.to_owned() }
    }

    /// Creates a session of the user.
    ///
    /// # Errors
    /// The store fails.
    pub async fn session(&self) -> Result<Session> {
        Ok(self.conversations.create_session(self.new_session()).await?)
    }

    /// Returns a turn with a text message. The turn is not begun, and has an owner of its own.
    pub fn send(&self, session: SessionId, content: &str) -> BeginTurn {
        self.send_message(session, NewMessage { content: content.to_owned(), ..NewMessage::default() })
    }

    /// Returns a turn with a message. The turn is not begun, and has an owner of its own.
    pub fn send_message(&self, session: SessionId, message: NewMessage) -> BeginTurn {
        let ids = TurnIds::draw(&self.ids, session, &message);
        BeginTurn {
            user_id: self.user,
            message,
            answers_again: None,
            key: None,
            keys_kept_since: START,
            title: None,
            lease: TurnLease { owner: self.instance(), duration: LEASE },
            usage: self.open_usage(session, ids.turn_id, ids.assistant_message_id),
            ids,
            ceiling: Some(CostCeiling::FREE),
            max_history_messages: 20,
            trim: HistoryTrim::Block,
            max_messages: None,
            now: START,
        }
    }

    /// Returns a turn that answers a stored message again. The turn is not begun, and has an owner of its own.
    pub fn again(&self, session: SessionId, question: &Message) -> BeginTurn {
        let mut begin = self.send(session, &question.content);
        begin.ids.user_message_id = question.id;
        BeginTurn { answers_again: Some(question.seq), ..begin }
    }

    /// Returns the usage row of the first attempt of a turn.
    pub fn open_usage(&self, session: SessionId, turn: TurnId, answer: MessageId) -> OpenUsage {
        OpenUsage {
            id: UsageId::next(&self.ids),
            user_id: self.user,
            group_id: None,
            tool_id: Some(self.tool),
            session_id: Some(session),
            turn_id: Some(turn),
            message_id: Some(answer),
            api_key_id: None,
            purpose: UsagePurpose::Chat,
            attempt: 1,
            model: "test/model".to_owned(),
            estimated_input_tokens: 6,
            prices: None,
            created_at: START,
        }
    }

    /// Begins a turn.
    ///
    /// # Errors
    /// The store refuses or fails.
    pub async fn run(&self, begin: BeginTurn) -> Result<Running> {
        let (owner, usage) = (begin.lease.owner, begin.usage.id);
        let begun = self.turns.begin_turn(begin).await.context("the turn did not begin")?;
        Ok(Running { begun, owner, usage })
    }

    /// Begins a turn with a message.
    ///
    /// # Errors
    /// The store refuses or fails.
    pub async fn start(&self, session: SessionId, content: &str) -> Result<Running> {
        self.run(self.send(session, content)).await
    }

    /// Begins a turn whose lease expires immediately.
    ///
    /// # Errors
    /// The store refuses or fails.
    pub async fn start_expired(&self, session: SessionId, content: &str) -> Result<Running> {
        let send = self.send(session, content);
        self.run(BeginTurn { lease: TurnLease { duration: Duration::ZERO, ..send.lease }, ..send }).await
    }

    /// Flushes one turn.
    ///
    /// # Errors
    /// The store fails.
    pub async fn flush(&self, running: &Running, flush: TurnFlush) -> Result<()> {
        self.turns.flush(running.owner, LEASE, vec![flush]).await?;
        Ok(())
    }

    /// Returns the request that ends a turn.
    pub fn end(&self, running: &Running, ending: &Ending) -> FinishTurn {
        FinishTurn {
            turn_id: running.id(),
            session_id: running.begun.turn.session_id,
            answer_seq: running.begun.turn.assistant_seq,
            owner: running.owner,
            status: ending.status,
            failure: None,
            finish_reason: Some("stop".to_owned()),
            context: None,
            requests: Vec::new(),
            parts: ending.parts.clone(),
            reasoning_details: None,
            meta: MessageMeta::default(),
            marks: MessageMarks { accepted: vec![running.begun.user_message.seq], withheld: Vec::new() },
            last_request: None,
            usage: closed(running.usage, ending),
            ended_at: START + Duration::from_secs(9),
        }
    }

    /// Ends a turn with a completed answer.
    ///
    /// # Errors
    /// The store refuses or fails.
    pub async fn finish(&self, running: &Running, text: &str) -> Result<(Turn, MessageUsage)> {
        let end = self.end(running, &Ending::whole(text));
        self.turns.finish_turn(end).await.context("the turn did not end")
    }

    /// Begins a turn and ends it with a completed answer.
    ///
    /// # Errors
    /// The store refuses or fails.
    pub async fn exchange(&self, session: SessionId, question: &str, answer: &str) -> Result<Running> {
        let running = self.start(session, question).await?;
        self.finish(&running, answer).await?;
        Ok(running)
    }
}

/// Returns the request that closes a usage row with a reported cost.
pub fn closed(id: UsageId, ending: &Ending) -> CloseUsage {
    let tokens =
        TokenCounts { input: Some(ending.input), output: Some(ending.output), ..TokenCounts::default() };
    let settlement = Settlement {
        cost: Some(ending.cost),
        basis: CostBasis::Reported,
        reported: Some(ending.cost),
        calculated: None,
        cache_saved: None,
    };
    CloseUsage {
        id,
        outcome: UsageOutcome::Completed,
        failure: None,
        progress: UsageProgress::default(),
        tokens,
        settlement,
        duration: Duration::from_secs(9),
        closed_at: START + Duration::from_secs(9),
        cache_miss: None,
        next_lookup_at: None,
    }
}
