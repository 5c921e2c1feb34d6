//! What the checks begin with: sessions, turns in progress, and their ends.

use std::time::Duration;

use anyhow::{Context, Result};
use causerie_domain::cost_ceiling::CostCeiling;
use causerie_domain::messages::{MessageMeta, NewMessage, Part, PartKind};
use causerie_domain::ports::{
    BeginTurn, BegunTurn, FinishTurn, NewGreeting, NewSession, TurnFlush, TurnIds, TurnLease,
};
use causerie_domain::sessions::Session;
use causerie_domain::turns::{Segment, Turn, TurnStatus};
use causerie_domain::usage::{
    CloseUsage, CostBasis, MessageUsage, OpenUsage, Settlement, TokenCounts, UsageOutcome, UsageProgress,
    UsagePurpose,
};
use causerie_domain::{InstanceId, MessageId, SessionId, TurnId, UsageId, Usd};

use super::{START, Subject};

/// A lease that no check outlives.
const LEASE: Duration = Duration::from_secs(600);

/// A turn in progress.
#[derive(Debug, Clone)]
pub struct Running {
    /// What its begin answered.
    pub begun: BegunTurn,
    /// Who runs it.
    pub owner: InstanceId,
    /// Its open row in the ledger.
    pub usage: UsageId,
}

/// How a turn ends.
#[derive(Debug, Clone)]
pub struct Ending {
    /// Where it stands then.
    pub status: TurnStatus,
    /// Its answer.
    pub parts: Vec<Part>,
    /// Tokens sent.
    pub input: u64,
    /// Tokens received.
    pub output: u64,
    /// What it cost.
    pub cost: Usd,
}

/// A part of the answer itself.
pub fn text_part(text: &str) -> Part {
    Part { kind: PartKind::Text, text: text.to_owned() }
}

impl Ending {
    /// A whole answer with 7 tokens in, 5 out, for 0.000012 US dollars.
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
    /// The turn.
    pub fn id(&self) -> TurnId {
        self.begun.turn.id
    }

    /// News of it: text from a position on.
    pub fn text_at(&self, position: u64, text: &str) -> TurnFlush {
        let segment = Segment { position, kind: PartKind::Text, text: text.to_owned() };
        TurnFlush { segments: vec![segment], ..self.no_news() }
    }

    /// No news of it.
    pub fn no_news(&self) -> TurnFlush {
        TurnFlush { turn_id: self.id(), segments: Vec::new(), progress: None, context: None }
    }
}

impl Subject {
    /// A session to make.
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

    /// A tool's first word.
    pub fn greeting(&self, text: &str) -> NewGreeting {
        NewGreeting { id: MessageId::next(&self.ids), text: text.to_owned() }
    }

    /// A session of the user.
    ///
    /// # Errors
    /// The store fails.
    pub async fn session(&self) -> Result<Session> {
        Ok(self.conversations.create_session(self.new_session()).await?)
    }

    /// A send to a session, by an instance of its own.
    pub fn send(&self, session: SessionId, content: &str) -> BeginTurn {
        self.send_message(session, NewMessage { content: content.to_owned(), ..NewMessage::default() })
    }

    /// Returns a send of a message to a session, by an instance of its own.
    pub fn send_message(&self, session: SessionId, message: NewMessage) -> BeginTurn {
        let ids = TurnIds::draw(&self.ids, session, &message);
        BeginTurn {
            user_id: self.user,
            message,
            key: None,
            keys_kept_since: START,
            title: None,
            lease: TurnLease { owner: self.instance(), duration: LEASE },
            usage: self.open_usage(session, ids.turn_id, ids.assistant_message_id),
            ids,
            ceiling: Some(CostCeiling::FREE),
            history: 20,
            max_messages: None,
            now: START,
        }
    }

    /// The row of a turn's first request.
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
        let begun = self.turns.begin_turn(begin).await.context("the turn does not begin")?;
        Ok(Running { begun, owner, usage })
    }

    /// Begins a turn of a session.
    ///
    /// # Errors
    /// The store refuses or fails.
    pub async fn start(&self, session: SessionId, content: &str) -> Result<Running> {
        self.run(self.send(session, content)).await
    }

    /// Begins a turn whose lease has run out as soon as it is taken.
    ///
    /// # Errors
    /// The store refuses or fails.
    pub async fn start_expired(&self, session: SessionId, content: &str) -> Result<Running> {
        let send = self.send(session, content);
        self.run(BeginTurn { lease: TurnLease { duration: Duration::ZERO, ..send.lease }, ..send }).await
    }

    /// Flushes news of one turn.
    ///
    /// # Errors
    /// The store fails.
    pub async fn flush(&self, running: &Running, news: TurnFlush) -> Result<()> {
        self.turns.flush(running.owner, LEASE, vec![news]).await?;
        Ok(())
    }

    /// The end of a turn.
    pub fn end(&self, running: &Running, ending: &Ending) -> FinishTurn {
        FinishTurn {
            turn_id: running.id(),
            owner: running.owner,
            status: ending.status,
            failure: None,
            finish_reason: Some("stop".to_owned()),
            context: None,
            parts: ending.parts.clone(),
            reasoning_details: None,
            meta: MessageMeta::default(),
            usage: closed(running.usage, ending),
            ended_at: START + Duration::from_secs(9),
        }
    }

    /// Ends a turn with a whole answer.
    ///
    /// # Errors
    /// The store refuses or fails.
    pub async fn finish(&self, running: &Running, text: &str) -> Result<(Turn, MessageUsage)> {
        let end = self.end(running, &Ending::whole(text));
        self.turns.finish_turn(end).await.context("the turn does not end")
    }

    /// A whole exchange.
    ///
    /// # Errors
    /// The store refuses or fails.
    pub async fn exchange(&self, session: SessionId, question: &str, answer: &str) -> Result<Running> {
        let running = self.start(session, question).await?;
        self.finish(&running, answer).await?;
        Ok(running)
    }
}

/// How a row of the ledger is closed at the end of its request.
pub fn closed(id: UsageId, ending: &Ending) -> CloseUsage {
    let tokens =
        TokenCounts { input: Some(ending.input), output: Some(ending.output), ..TokenCounts::default() };
    let settlement = Settlement {
        cost: Some(ending.cost),
        basis: CostBasis::Reported,
        reported: Some(ending.cost),
        calculated: None,
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
        next_lookup_at: None,
    }
}
