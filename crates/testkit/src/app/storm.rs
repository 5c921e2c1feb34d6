//! Many conversations at once while the upstream refuses everybody, and right after it stops.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use causerie_simulator::Fault;
use futures_util::future::try_join_all;
use tokio::time::Instant;

use super::{Chat, TestApp};

/// A time in which every conversation sends as soon as its last turn has ended.
#[derive(Debug, Clone)]
pub struct Storm {
    /// What the upstream does to every request.
    pub fault: Fault,
    /// How many conversations send.
    pub chats: usize,
    /// For how long the upstream fails.
    pub outage: Duration,
}

/// How turns ended: `completed`, or the code of the failure, and how many did.
pub type Ends = BTreeMap<String, usize>;

/// What came of a storm.
#[derive(Debug, Clone)]
pub struct Aftermath {
    /// The ends of the turns that were begun while the upstream failed.
    pub refused: Ends,
    /// The ends of those that were begun when it had recovered. Each conversation sent until it had an answer.
    pub recovered: Ends,
    /// From the recovery until every conversation had an answer.
    pub recovery: Duration,
    /// What the upstream was asked in all.
    pub requests: u64,
}

impl Aftermath {
    /// All turns.
    pub fn turns(&self) -> usize {
        self.refused.values().chain(self.recovered.values()).sum()
    }

    /// How long the turns after the recovery take at the pace of those in an outage of this length: what the recovery
    /// takes longer is waiting, and the rest is the machine's speed.
    pub fn at_the_pace_of(&self, outage: Duration) -> Duration {
        let count = |ends: &Ends| u32::try_from(ends.values().sum::<usize>()).unwrap_or(u32::MAX);
        outage * count(&self.recovered) / count(&self.refused).max(1)
    }
}

impl Storm {
    /// Lets it pass over an app, in conversations with this tool.
    ///
    /// # Errors
    /// A send is refused, or an answer breaks off: a failed turn is neither.
    pub async fn pass(&self, app: &TestApp, tool: &str) -> Result<Aftermath> {
        let chats = try_join_all((0..self.chats).map(|_| app.ada.chat(tool))).await?;
        let asked_before = app.upstream().total();
        app.upstream().fail_all(self.fault.clone())?;
        let recovery = Instant::now() + self.outage;
        let refused = add_up(try_join_all(chats.iter().map(|chat| send_until(chat, recovery))).await?);
        app.upstream().recover();
        let recovered_at = Instant::now();
        let recovered = add_up(try_join_all(chats.iter().map(until_answered)).await?);
        let recovery = recovered_at.elapsed();
        let requests = app.upstream().total() - asked_before;
        Ok(Aftermath { refused, recovered, recovery, requests })
    }
}

/// Turn after turn until an instant.
async fn send_until(chat: &Chat, until: Instant) -> Result<Ends> {
    let mut ends = Ends::new();
    while Instant::now() < until {
        *ends.entry(end_of_a_turn(chat).await?).or_default() += 1;
    }
    Ok(ends)
}

/// Turn after turn until one is answered.
async fn until_answered(chat: &Chat) -> Result<Ends> {
    let mut ends = Ends::new();
    while !ends.contains_key("completed") {
        *ends.entry(end_of_a_turn(chat).await?).or_default() += 1;
    }
    Ok(ends)
}

async fn end_of_a_turn(chat: &Chat) -> Result<String> {
    let told = chat.say("Hello").await?;
    let end = match told.data_of("data-error") {
        Ok(failure) => failure["data"]["code"].clone(),
        Err(_) => told.data_of("finish")?["messageMetadata"]["status"].clone(),
    };
    Ok(end.as_str().unwrap_or_default().to_owned())
}

fn add_up(all: Vec<Ends>) -> Ends {
    let mut sum = Ends::new();
    for (end, count) in all.into_iter().flatten() {
        *sum.entry(end).or_default() += count;
    }
    sum
}
