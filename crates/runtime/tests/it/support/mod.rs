//! Runtime on the in-memory store with a scripted upstream.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

pub(crate) mod failing_store;
pub(crate) mod scripted_gateway;
pub(crate) mod slow_completions;

use std::sync::Arc;
use std::time::Duration;

use causerie_domain::messages::MessageView;
use causerie_domain::ports::{Clock, Ids, ReapScope};
use causerie_domain::principal::{Credential, Principal};
use causerie_domain::users::{Role, User, UserStatus};
use causerie_domain::{SessionId, Timestamp, UserId};
use causerie_memory_store::MemoryStore;
use causerie_runtime::{
    CreateSession, ListMessages, NewMessage, Runtime, RuntimeError, SendOutcome, Settings, Stores,
    SystemClock, SystemIds, TurnEvent, TurnReader,
};
use causerie_tool_definitions::parse_yaml;
use tokio::runtime::Handle;
use tokio::time::Instant;

use self::failing_store::FailingStore;
use self::scripted_gateway::ScriptedGateway;

pub(crate) const TOOL: &str = "\
name: helper
version: 1.0.0
type: chat
title: Helper
behavior: Help.
model: sim/test
";

/// Started runtime with one tool.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) runtime: Runtime,
    pub(crate) upstream: Arc<ScriptedGateway>,
    pub(crate) store: MemoryStore,
}

pub(crate) async fn world(settings: Settings) -> World {
    world_on_store(MemoryStore::new(), settings).await
}

pub(crate) async fn world_on_store(store: MemoryStore, settings: Settings) -> World {
    let stores = stores_of(&store);
    world_with(store, stores, settings).await
}

/// Creates a runtime whose turn store can fail.
pub(crate) async fn world_with_failing_store(settings: Settings) -> (World, Arc<FailingStore>) {
    let store = MemoryStore::new();
    let troubled = Arc::new(FailingStore::new(store.clone()));
    let stores = Stores { turn_store: Arc::clone(&troubled) as _, ..stores_of(&store) };
    (world_with(store, stores, settings).await, troubled)
}

pub(crate) async fn world_with(store: MemoryStore, stores: Stores, settings: Settings) -> World {
    clocked_world(store, stores, settings, Arc::new(SystemClock)).await
}

/// Creates a runtime whose wall clock follows the clock of tokio, which tests can pause.
pub(crate) async fn paused_world(store: MemoryStore, settings: Settings) -> World {
    let stores = stores_of(&store);
    clocked_world(store, stores, settings, Arc::new(PausedClock(Instant::now()))).await
}

/// Wall clock that follows the clock of tokio, with the instant of its start.
#[derive(Debug)]
struct PausedClock(Instant);

impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_780_000_000_000_000) + self.0.elapsed()
    }
}

async fn clocked_world(
    store: MemoryStore,
    stores: Stores,
    settings: Settings,
    clock: Arc<dyn Clock>,
) -> World {
    let upstream = Arc::new(ScriptedGateway::default());
    let runtime = Runtime::builder(stores, Arc::clone(&upstream) as _)
        .settings(settings)
        .clock(clock)
        .build(Handle::current())
        .unwrap();
    let tool = parse_yaml("helper.yaml", TOOL.as_bytes()).unwrap();
    runtime.sync_tools(vec![tool]).await.unwrap();
    runtime.start(ReapScope::Expired).await.unwrap();
    World { runtime, upstream, store }
}

/// Returns the ports of a runtime, all on the same store.
pub(crate) fn stores_of(store: &MemoryStore) -> Stores {
    Stores::of(&Arc::new(store.clone()))
}

pub(crate) fn user(name: &str) -> Principal {
    let id = UserId::from_uuid(SystemIds.next());
    Principal {
        user: User {
            id,
            email: format!("{name}@example.org"),
            name: name.to_owned(),
            locale: None,
            status: UserStatus::Active,
            role: Role::User,
            created_at: Timestamp::from_micros(0),
        },
        memberships: Vec::new(),
        rules: Vec::new(),
        credential: Credential::Process,
    }
}

impl World {
    pub(crate) async fn session(&self, principal: &Principal) -> SessionId {
        let new = CreateSession { tool: "helper".to_owned(), title: None, group_id: None };
        self.runtime.create_session(principal, new).await.unwrap().session.id
    }

    pub(crate) async fn send(
        &self,
        principal: &Principal,
        id: SessionId,
        text: &str,
    ) -> Result<SendOutcome, RuntimeError> {
        let new = NewMessage { content: text.to_owned(), ..NewMessage::default() };
        self.runtime.send_message(principal, id, new, None).await
    }

    /// Sends a message and reads its turn to the end.
    pub(crate) async fn send_and_read(
        &self,
        principal: &Principal,
        id: SessionId,
        text: &str,
    ) -> Vec<String> {
        read_all(self.send(principal, id, text).await.unwrap().reader).await
    }

    pub(crate) async fn messages(&self, principal: &Principal, session_id: SessionId) -> Vec<MessageView> {
        let list =
            ListMessages { session_id, without_marked: false, after_seq: None, before_seq: None, limit: 100 };
        self.runtime.messages(principal, list).await.unwrap().rows
    }

    /// Returns the messages as lines `seq role status content`.
    pub(crate) async fn transcript(&self, principal: &Principal, id: SessionId) -> Vec<String> {
        let line = |view: &MessageView| {
            let message = &view.message;
            format!("{} {} {} {:?}", message.seq, message.role, message.status, message.content)
        };
        self.messages(principal, id).await.iter().map(line).collect()
    }
}

/// Reads up to the first delta.
pub(crate) async fn first_delta(reader: &mut TurnReader) {
    while !matches!(reader.next().await.unwrap(), Some(TurnEvent::Delta(_))) {}
}

/// Reads a turn to the end, within a time limit.
pub(crate) async fn read_all_within(limit: Duration, reader: TurnReader) -> Vec<String> {
    tokio::time::timeout(limit, read_all(reader)).await.unwrap()
}

/// Reads a turn to the end. Returns the events as lines; adjacent deltas of one part are joined.
pub(crate) async fn read_all(mut reader: TurnReader) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut open: Option<(usize, String)> = None;
    while let Some(event) = reader.next().await.unwrap() {
        if let TurnEvent::Delta(delta) = &event {
            match &mut open {
                Some((part, text)) if *part == delta.part => text.push_str(&delta.text),
                _ => {
                    lines.extend(open.take().map(|(_, text)| text));
                    open = Some((delta.part, format!("{}: {}", delta.kind, delta.text)));
                }
            }
            continue;
        }
        lines.extend(open.take().map(|(_, text)| text));
        lines.push(match event {
            TurnEvent::Started(start) => format!("start from {}", start.from),
            TurnEvent::Context(sent) => format!("{} dropped", sent.messages_dropped),
            TurnEvent::Delta(_) => continue,
            TurnEvent::Ended(end) => match end.turn.failure {
                Some(failure) => format!("failed {}", failure.code),
                None => end.turn.status.to_string(),
            },
        });
    }
    lines
}
