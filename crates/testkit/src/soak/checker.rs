//! Final check: compares the stored data with the acknowledged data, and checks its consistency.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use causerie_domain::Usd;
use serde_json::Value;

use super::history::{Acknowledged, History};
use super::servers::Servers;
use crate::app::Client;

/// Compares all sessions with the history through the API of a server.
pub(super) async fn check(servers: &Servers, client: &Client, history: &History) -> Result<()> {
    let client = client.with_server(servers.address(0).context("no server is running")?);
    let mut sessions: BTreeMap<String, Vec<Acknowledged>> = BTreeMap::new();
    for message in history.acknowledged() {
        sessions.entry(message.session.clone()).or_default().push(message);
    }
    for (session, acknowledged) in sessions {
        let messages = messages(&client, &session).await?;
        check_messages(&session, &messages, history);
        for message in &acknowledged {
            check_exchange(message, &messages, history);
        }
        let detail = client.get(&format!("/sessions/{session}")).await?.json(200)?;
        if !detail["active_turn_id"].is_null() {
            history.fault("stuck", format!("session {session} has an active turn"));
        }
        if let Some(sum) = total_cost(&messages)
            && detail["totals"]["cost"] != sum.to_string()
        {
            history.fault(
                "ledger",
                format!(
                    "session {session}: the total cost is {}, the sum of its answers {sum}",
                    detail["totals"]["cost"]
                ),
            );
        }
    }
    Ok(())
}

async fn messages(client: &Client, session: &str) -> Result<Vec<Value>> {
    let mut messages = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/sessions/{session}/messages?limit=100{cursor}");
        let mut page = client.get(&path).await?.json(200)?;
        messages.append(page["data"].as_array_mut().context("the page has no data")?);
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(messages),
        }
    }
}

fn check_messages(session: &str, messages: &[Value], history: &History) {
    let mut contents = BTreeSet::new();
    for (number, message) in (1_u64..).zip(messages) {
        if message["seq"] != number {
            history.fault("lost", format!("session {session}: seq {} instead of {number}", message["seq"]));
        }
        if message["status"] == "pending" {
            history.fault("stuck", format!("session {session}: message {number} is pending"));
        }
        let content = message["content"].as_str().unwrap_or_default();
        if message["role"] == "user" && !contents.insert(content) {
            history.fault(
                "duplicated",
                format!("session {session}: {content:?} is stored twice, again as {number}"),
            );
        }
    }
}

fn check_exchange(acknowledged: &Acknowledged, messages: &[Value], history: &History) {
    let Acknowledged { session, turn, message, content, answer } = acknowledged;
    let question = messages.iter().find(|stored| stored["id"] == message.as_str());
    if question.is_none_or(|stored| stored["content"] != content.as_str()) {
        history
            .fault("lost", format!("session {session}: {content:?}, acknowledged as {message}, is missing"));
    }
    let stored =
        messages.iter().find(|stored| stored["role"] == "assistant" && stored["turn_id"] == turn.as_str());
    let Some(stored) = stored else {
        return history.fault("lost", format!("session {session}: turn {turn} has no answer"));
    };
    let parts = stored["parts"].as_array().into_iter().flatten();
    let text: String = parts.filter_map(|part| part["text"].as_str()).collect();
    match answer {
        Some(answer) if *answer != text => {
            let (received, stored_chars) = (answer.chars().count(), text.chars().count());
            let (status, is_prefix) = (&stored["status"], answer.starts_with(&text));
            let what = format!(
                "session {session}: turn {turn} ({status}) sent {received} characters and stores {stored_chars}"
            );
            history.fault("lost", format!("{what}, a prefix: {is_prefix}"));
        }
        Some(_) => {}
        None => history.fault("stuck", format!("session {session}: the stream of turn {turn} did not end")),
    }
}

/// Returns the cost of all answers of a session; `None` if a cost is unknown.
fn total_cost(messages: &[Value]) -> Option<Usd> {
    messages
        .iter()
        .filter(|message| message["role"] == "assistant")
        .try_fold(Usd::ZERO, |sum, message| sum.checked_add(message["usage"]["cost"].as_str()?.parse().ok()?))
}

/// Runs `causerie verify` and records its output if it fails.
pub(super) fn verify(servers: &Servers, history: &History) -> Result<()> {
    let verified = servers.command(&["verify"])?;
    if !verified.status.success() {
        for output in [&verified.stdout, &verified.stderr] {
            for line in String::from_utf8_lossy(output).lines() {
                history.fault("ledger", line);
            }
        }
    }
    Ok(())
}

/// Records lines of the logs that must not occur.
pub(super) fn read_logs(folder: &Path, history: &History) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "log") {
            for line in fs::read_to_string(&path)?.lines() {
                if line.contains("database is locked") {
                    history.fault("locked", line);
                }
                if line.contains("panicked at") {
                    history.fault("stuck", line);
                }
            }
        }
    }
    Ok(())
}
