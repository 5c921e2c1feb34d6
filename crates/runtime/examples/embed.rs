//! The runtime as a library: stores in memory, an upstream without a network, one message.
//!
//! Run it with `cargo run -p causerie-runtime --example embed`.

use std::error::Error;
use std::io::Write;
use std::sync::Arc;

use causerie_domain::completion::{
    CompletionEnd, CompletionError, CompletionEvent, CompletionRequest, Finish, FinishReason,
    GenerationRecord,
};
use causerie_domain::models::CatalogListing;
use causerie_domain::ports::{Clock, CompletionGateway, CompletionStream, Ids, ReapScope};
use causerie_domain::principal::{Credential, Principal};
use causerie_domain::users::{Role, User, UserStatus};
use causerie_domain::{Timestamp, UserId};
use causerie_memory_store::MemoryStore;
use causerie_runtime::{CreateSession, NewMessage, Runtime, Stores, SystemClock, SystemIds, TurnEvent};
use causerie_tool_definitions::parse_yaml;
use futures_util::{StreamExt, stream};
use tokio::runtime::Handle;

const PARROT: &str = "\
name: parrot
version: 1.0.0
type: chat
title: Parrot
behavior: Repeat each message.
";

/// Upstream that returns the last message, word by word.
#[derive(Debug)]
struct Parrot;

#[async_trait::async_trait]
impl CompletionGateway for Parrot {
    fn complete(&self, request: CompletionRequest) -> CompletionStream {
        let echo =
            request.messages.last().map(|message| format!("{:?}", message.content)).unwrap_or_default();
        let words: Vec<CompletionEvent> =
            echo.split_inclusive(' ').map(|word| CompletionEvent::Text(word.to_owned())).collect();
        let finish = Finish { reason: Some(FinishReason::Stop), native_reason: None, truncated: false };
        let end = CompletionEvent::Ended(Box::new(CompletionEnd {
            outcome: Ok(finish),
            usage: None,
            reasoning_details: None,
            tool_calls: Vec::new(),
            annotations: Vec::new(),
        }));
        stream::iter(words).chain(stream::iter([end])).boxed()
    }

    async fn generation(&self, _: &str) -> Result<Option<GenerationRecord>, CompletionError> {
        Ok(None)
    }

    async fn models(&self) -> Result<CatalogListing, CompletionError> {
        Ok(CatalogListing::default())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let runtime = Runtime::builder(Stores::of(&Arc::new(MemoryStore::new())), Arc::new(Parrot))
        .build(Handle::current())?;
    let tool = parse_yaml("parrot.yaml", PARROT.as_bytes())?;
    runtime.sync_tools(vec![tool]).await?;
    runtime.start(ReapScope::Everything).await?;

    let principal = service();
    let new = CreateSession { tool: "parrot".to_owned(), title: None, group_id: None };
    let session = runtime.create_session(&principal, new).await?.session;
    let message = NewMessage { content: "Pieces of eight!".to_owned(), ..NewMessage::default() };
    let mut sent = runtime.send_message(&principal, session.id, message, None).await?;

    let mut out = std::io::stdout().lock();
    while let Some(event) = sent.reader.next().await? {
        match event {
            TurnEvent::Delta(delta) => write!(out, "{}", delta.text)?,
            TurnEvent::Ended(end) => writeln!(out, "\n{}", end.turn.status)?,
            TurnEvent::Started(_) | TurnEvent::Context(_) => {}
        }
    }
    runtime.drain(std::time::Duration::from_secs(1)).await;
    Ok(())
}

/// Returns the service itself as principal.
fn service() -> Principal {
    let user = User {
        id: UserId::from_uuid(SystemIds.next()),
        email: "service@example.org".to_owned(),
        name: "service".to_owned(),
        locale: None,
        status: UserStatus::Active,
        role: Role::User,
        created_at: Timestamp::from_micros(SystemClock.now().as_micros()),
    };
    Principal { user, memberships: Vec::new(), rules: Vec::new(), credential: Credential::Process }
}
