//! Whole entities: each field is stored with a value of its own and read back.
//!
//! The expected values are literals without `..`, so a new field of an entity does not compile here until it has an
//! expected value, and a store that loses it fails.

use std::time::Duration;

use anyhow::{Context, Result};
use causerie_domain::attachments::{Attachment, NewAttachment, StorageProvider};
use causerie_domain::failure::FailureCode;
use causerie_domain::messages::{
    Message, MessageMarks, MessageMeta, MessageRole, MessageSession, MessageStatus, MessageView, NewMessage,
    Part, PartKind,
};
use causerie_domain::ports::{BeginTurn, CancelRequest, FinishTurn, NewFork, NewSession};
use causerie_domain::prompt_caches::{CacheMiss, LastRequest};
use causerie_domain::sessions::{Session, SessionAction, SessionState};
use causerie_domain::turns::{ContextReport, Turn, TurnFailure, TurnStatus};
use causerie_domain::usage::{
    CloseUsage, CostBasis, MessageUsage, OpenUsage, Settlement, TokenCounts, UsageOutcome, UsageProgress,
};
use causerie_domain::{AttachmentId, Filter, MessageId, Timestamp, ToolVersionId, Usd};
use serde_json::{Map, json};

use super::{START, Subject, TestIds};

const QUESTION: &str = "What is this?";

/// A completed session with one failed turn; each field of its rows has a value that is not its default.
#[derive(Debug)]
pub struct FullSession {
    pub session: Session,
    pub greeting: Message,
    pub question: Message,
    pub attachment: Attachment,
    pub answer: Message,
    pub turn: Turn,
    pub usage: MessageUsage,
    pub open: OpenUsage,
    pub close: CloseUsage,
}

fn at(seconds: u64) -> Timestamp {
    START + Duration::from_secs(seconds)
}

fn pico(amount: i64) -> Option<Usd> {
    Some(Usd::from_pico(amount))
}

fn attachment() -> NewAttachment {
    NewAttachment {
        filename: "cat.png".to_owned(),
        mime_type: "image/png".to_owned(),
        size: Some(1024),
        storage_provider: StorageProvider::Url,
        storage_key: "https://example.org/cat.png".to_owned(),
        meta: Map::from_iter([("alt".to_owned(), json!("a cat"))]),
    }
}

fn last_request(tool_version_id: ToolVersionId) -> LastRequest {
    LastRequest {
        tool_version_id,
        model: "test/model".to_owned(),
        model_served: Some("test/served".to_owned()),
        provider: Some("Provider".to_owned()),
        first_seq: 2,
        answer_seq: 3,
        messages: 2,
        sha256: [9; 32],
        kept_tokens: 1024,
        sent_at: at(9),
    }
}

/// Returns the values that close the usage row of a turn.
fn close_usage(begin: &BeginTurn) -> CloseUsage {
    CloseUsage {
        id: begin.usage.id,
        outcome: UsageOutcome::Failed,
        failure: Some(FailureCode::UpstreamRateLimited),
        progress: UsageProgress {
            generation_id: Some("gen-1".to_owned()),
            model_served: Some("test/served".to_owned()),
            provider: Some("Provider".to_owned()),
            time_to_first_token: Some(Duration::from_millis(250)),
            estimated_input_tokens: Some(8),
            prices: None,
        },
        tokens: TokenCounts {
            input: Some(11),
            output: Some(12),
            cached: Some(3),
            cache_write: Some(4),
            reasoning: Some(5),
        },
        settlement: Settlement {
            cost: pico(21),
            basis: CostBasis::LookedUp,
            reported: pico(22),
            calculated: pico(23),
            cache_saved: pico(-24),
        },
        duration: Duration::from_secs(9),
        closed_at: at(9),
        cache_miss: Some(CacheMiss::Provider),
        next_lookup_at: None,
    }
}

impl Subject {
    /// Stores a session whose rows have a value in each field, and returns the expected entities.
    ///
    /// # Errors
    /// The store refuses or fails.
    pub async fn full_session(&self) -> Result<FullSession> {
        let (group_id, title) = (Some(self.group), Some("Cats".to_owned()));
        let greeting = Some(self.greeting("Welcome"));
        let new = NewSession { group_id, title: title.clone(), greeting, ..self.new_session() };
        let greeting = new.greeting.clone().context("a greeting was given")?;
        let id = self.conversations.create_session(new).await?.id;

        let meta = Map::from_iter([("mood".to_owned(), json!("curious"))]);
        let message =
            NewMessage { content: QUESTION.to_owned(), attachments: vec![attachment()], meta: meta.clone() };
        let mut begin = self.send_message(id, message);
        begin.now = at(3);
        begin.usage.group_id = group_id;
        begin.usage.api_key_id = Some(self.key);
        begin.usage.created_at = at(3);
        let (ids, owner, open, close) =
            (begin.ids.clone(), begin.lease.owner, begin.usage.clone(), close_usage(&begin));
        let running = self.run(begin).await?;
        self.turns.request_cancel(CancelRequest::of(id)).await?;

        let context = ContextReport {
            messages_sent: 2,
            messages_dropped: 1,
            estimated_tokens: 8,
            context_length_assumed: true,
            first_seq: Some(2),
            is_cut: true,
        };
        let failure = TurnFailure {
            retry_after: Some(Duration::from_secs(30)),
            retryable: false,
            ..TurnFailure::new(FailureCode::UpstreamRateLimited, "the provider limits requests")
        };
        let parts = vec![
            Part { kind: PartKind::Reasoning, text: "Let me see. ".to_owned() },
            Part { kind: PartKind::Text, text: "A cat".to_owned() },
            Part { kind: PartKind::File, text: "data:image/png;base64,AAAA".to_owned() },
        ];
        let details = Some(json!([{"type": "reasoning.text", "signature": "c2ln"}]));
        let answer_meta = MessageMeta {
            model: Some("test/served".to_owned()),
            tokens: Some(23),
            latency_ms: Some(9000),
            finish_reason: Some("stop".to_owned()),
            extractions: Some(json!({"animals": 1})),
            other: Map::from_iter([("kept".to_owned(), json!([1, null]))]),
        };
        let finish = FinishTurn {
            turn_id: ids.turn_id,
            session_id: id,
            answer_seq: running.begun.turn.assistant_seq,
            owner,
            status: TurnStatus::Failed,
            failure: Some(failure.clone()),
            finish_reason: Some("stop".to_owned()),
            context: Some(context),
            requests: Vec::new(),
            parts: parts.clone(),
            reasoning_details: details.clone(),
            meta: answer_meta.clone(),
            marks: MessageMarks { accepted: vec![2], withheld: vec![2] },
            last_request: Some(last_request(self.tool_version)),
            usage: close.clone(),
            ended_at: at(9),
        };
        self.turns.finish_turn(finish).await?;
        self.conversations.change_state(id, &Filter::Everything, SessionAction::Complete, at(12)).await?;

        let attachment = attachment();
        Ok(FullSession {
            session: Session {
                id,
                tool_id: self.tool,
                tool_version_id: self.tool_version,
                user_id: self.user,
                group_id,
                state: SessionState::Completed,
                title,
                next_seq: 4,
                active_turn_id: None,
                parent_session_id: None,
                fork_from_seq: None,
                started_at: START,
                ended_at: Some(at(12)),
                last_activity_at: at(9),
                history_from_seq: 2,
                last_request: Some(last_request(self.tool_version)),
            },
            greeting: Message {
                id: greeting.id,
                session_id: id,
                turn_id: None,
                role: MessageRole::Assistant,
                seq: 1,
                status: MessageStatus::Completed,
                content: "Welcome".to_owned(),
                parts: vec![Part { kind: PartKind::Text, text: "Welcome".to_owned() }],
                reasoning_details: None,
                meta: MessageMeta::default(),
                superseded_by: None,
                withheld_from: None,
                accepted: false,
                created_at: START,
            },
            question: Message {
                id: ids.user_message_id,
                session_id: id,
                turn_id: Some(ids.turn_id),
                role: MessageRole::User,
                seq: 2,
                status: MessageStatus::Completed,
                content: QUESTION.to_owned(),
                parts: vec![Part { kind: PartKind::Text, text: QUESTION.to_owned() }],
                reasoning_details: None,
                meta: MessageMeta { other: meta, ..MessageMeta::default() },
                superseded_by: None,
                withheld_from: Some(3),
                accepted: true,
                created_at: at(3),
            },
            attachment: Attachment {
                id: ids.attachment_ids.first().copied().context("the attachment has no id")?,
                message_id: ids.user_message_id,
                filename: attachment.filename,
                mime_type: attachment.mime_type,
                size: attachment.size,
                storage_provider: attachment.storage_provider,
                storage_key: attachment.storage_key,
                meta: attachment.meta,
                uploaded_at: at(3),
            },
            answer: Message {
                id: ids.assistant_message_id,
                session_id: id,
                turn_id: Some(ids.turn_id),
                role: MessageRole::Assistant,
                seq: 3,
                status: MessageStatus::Failed,
                content: "A cat".to_owned(),
                parts,
                reasoning_details: details,
                meta: answer_meta,
                superseded_by: None,
                withheld_from: None,
                accepted: false,
                created_at: at(3),
            },
            turn: Turn {
                id: ids.turn_id,
                session_id: id,
                user_message_id: ids.user_message_id,
                assistant_message_id: ids.assistant_message_id,
                assistant_seq: 3,
                status: TurnStatus::Failed,
                owner,
                model: open.model.clone(),
                cancel_requested: true,
                failure: Some(failure),
                finish_reason: Some("stop".to_owned()),
                context: Some(context),
                started_at: at(3),
                ended_at: Some(at(9)),
            },
            usage: MessageUsage {
                model: "test/served".to_owned(),
                tokens: close.tokens,
                cost: close.settlement.cost,
                basis: close.settlement.basis,
                cache_saved: close.settlement.cache_saved,
                cache_miss: close.cache_miss,
                generation_id: Some("gen-1".to_owned()),
            },
            open,
            close,
        })
    }

    /// Forks a session at its last message, for the stranger.
    ///
    /// # Errors
    /// The store refuses or fails.
    pub async fn fork_of(&self, full: &FullSession) -> Result<Session> {
        let new = NewFork {
            id: self.no_session(),
            parent: full.session.id,
            allowed: Filter::Everything,
            user_id: self.stranger,
            from_seq: 3,
            title: None,
            now: at(20),
            ids: std::sync::Arc::new(TestIds::after(1 << 32)),
        };
        Ok(self.conversations.fork(new).await?.session)
    }

    async fn all_messages(&self, session: &Session) -> Result<Vec<MessageView>> {
        Ok(self.conversations.latest_messages(session.id, &Filter::Everything, 9).await?)
    }
}

pub async fn no_field_of_an_entity_is_lost(subject: &Subject) -> Result<()> {
    let full = subject.full_session().await?;
    let session = MessageSession::from(&full.session);
    let views = [
        MessageView { message: full.greeting.clone(), session, attachments: Vec::new(), usage: None },
        MessageView {
            message: full.question.clone(),
            session,
            attachments: vec![full.attachment.clone()],
            usage: None,
        },
        MessageView {
            message: full.answer.clone(),
            session,
            attachments: Vec::new(),
            usage: Some(full.usage.clone()),
        },
    ];
    let session = subject.conversations.session(full.session.id, &Filter::Everything).await?;
    assert_eq!(session.as_ref(), Some(&full.session));
    assert_eq!(subject.conversations.turn(full.turn.id, &Filter::Everything).await?, Some(full.turn.clone()));
    assert_eq!(subject.all_messages(&full.session).await?, views);
    Ok(())
}

pub async fn no_field_of_an_entity_is_lost_in_a_fork(subject: &Subject) -> Result<()> {
    let full = subject.full_session().await?;
    let fork = subject.fork_of(&full).await?;
    let session = Session {
        id: fork.id,
        user_id: subject.stranger,
        state: SessionState::Active,
        parent_session_id: Some(full.session.id),
        fork_from_seq: Some(3),
        started_at: at(20),
        ended_at: None,
        last_activity_at: at(20),
        ..full.session.clone()
    };
    assert_eq!(fork, session);
    assert_eq!(subject.conversations.session(fork.id, &Filter::Everything).await?.as_ref(), Some(&session));

    let copies = subject.all_messages(&fork).await?;
    let originals = [&full.greeting, &full.question, &full.answer];
    assert_eq!(copies.len(), originals.len());
    for (copy, original) in copies.iter().zip(originals) {
        let id: MessageId = copy.message.id;
        assert_ne!(id, original.id);
        let expected = Message { id, session_id: fork.id, turn_id: None, ..original.clone() };
        assert_eq!((&copy.message, &copy.usage), (&expected, &None));
    }
    let files: Vec<&Attachment> = copies.iter().flat_map(|view| &view.attachments).collect();
    let [file] = files.as_slice() else { anyhow::bail!("one attachment is expected, not {files:?}") };
    let id: AttachmentId = file.id;
    assert_ne!(id, full.attachment.id);
    let message_id = copies[1].message.id;
    assert_eq!(**file, Attachment { id, message_id, ..full.attachment.clone() });
    Ok(())
}
