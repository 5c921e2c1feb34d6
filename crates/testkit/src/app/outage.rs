//! Outage of the upstream while many sessions send messages, and the recovery from it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use causerie_simulator::Fault;
use futures_util::future::try_join_all;
use tokio::time::Instant;

use super::{Chat, TestApp};

/// Outage during which each session sends a message as soon as its last turn has ended.
#[derive(Debug, Clone)]
pub struct Outage {
    /// Response of the upstream to each request.
    pub fault: Fault,
    /// Number of sessions.
    pub chats: usize,
    pub duration: Duration,
}

/// Number of turns by result: `completed`, or the code of the failure.
pub type TurnResults = BTreeMap<String, usize>;

/// Measurements of an outage.
#[derive(Debug, Clone)]
pub struct OutageReport {
    /// Turns that began during the outage.
    pub during: TurnResults,
    /// Turns that began after the outage. Each session sent messages until one was answered.
    pub after: TurnResults,
    /// Time from the end of the outage until each session had an answer.
    pub recovery: Duration,
    /// Number of upstream requests.
    pub requests: u64,
}

impl OutageReport {
    /// Returns the number of turns.
    pub fn turns(&self) -> usize {
        self.during.values().chain(self.after.values()).sum()
    }

    /// Returns the duration of the turns after an outage at the rate of the turns during it.
    ///
    /// The rate depends on the speed of the machine; a longer recovery consists of waiting.
    pub fn recovery_without_waiting(&self, outage: Duration) -> Duration {
        let count =
            |results: &TurnResults| u32::try_from(results.values().sum::<usize>()).unwrap_or(u32::MAX);
        outage * count(&self.after) / count(&self.during).max(1)
    }
}

impl Outage {
    /// Runs the outage against the sessions of a tool.
    ///
    /// # Errors
    /// A message is refused, or a stream breaks off. A failed turn is not an error.
    pub async fn run(&self, app: &TestApp, tool: &str) -> Result<OutageReport> {
        let chats = try_join_all((0..self.chats).map(|_| app.ada.chat(tool))).await?;
        let requests_before = app.upstream().total();
        app.upstream().fail_all(self.fault.clone())?;
        let end = Instant::now() + self.duration;
        let during = sum(try_join_all(chats.iter().map(|chat| send_until(chat, end))).await?);
        app.upstream().recover();
        let recovered_at = Instant::now();
        let after = sum(try_join_all(chats.iter().map(send_until_answered)).await?);
        let recovery = recovered_at.elapsed();
        let requests = app.upstream().total() - requests_before;
        Ok(OutageReport { during, after, recovery, requests })
    }
}

async fn send_until(chat: &Chat, end: Instant) -> Result<TurnResults> {
    let mut results = TurnResults::new();
    while Instant::now() < end {
        *results.entry(run_turn(chat).await?).or_default() += 1;
    }
    Ok(results)
}

async fn send_until_answered(chat: &Chat) -> Result<TurnResults> {
    let mut results = TurnResults::new();
    while !results.contains_key("completed") {
        *results.entry(run_turn(chat).await?).or_default() += 1;
    }
    Ok(results)
}

/// Sends a message and returns the result of its turn.
async fn run_turn(chat: &Chat) -> Result<String> {
    let transcript = chat.send_and_read("Hello").await?;
    let result = match transcript.frame_data("data-error") {
        Ok(failure) => failure["data"]["code"].clone(),
        Err(_) => transcript.frame_data("finish")?["messageMetadata"]["status"].clone(),
    };
    Ok(result.as_str().unwrap_or_default().to_owned())
}

fn sum(all: Vec<TurnResults>) -> TurnResults {
    let mut sum = TurnResults::new();
    for (result, count) in all.into_iter().flatten() {
        *sum.entry(result).or_default() += count;
    }
    sum
}
