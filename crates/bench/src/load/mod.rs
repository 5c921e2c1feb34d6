//! The load generator: a process with one thread that runs commands from its standard input.

mod client;
mod open;
mod process;
mod protocol;
mod requests;
mod scanner;
mod tally;
mod turns;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncBufReadExt as _, BufReader, stdin};
use tokio_util::task::TaskTracker;

use self::client::Client;
use self::open::OpenStreams;
pub(crate) use self::process::LoadProcess;
pub(crate) use self::protocol::{Command, Outcome, Route, SimpleRequest, Target};
use self::tally::Tally;
use self::turns::{Sessions, Turns};
use crate::answer::Answer;
use crate::clock;

/// Clients that create sessions.
const CREATORS: usize = 16;

/// Runs commands until the input ends. The first line of the input is the target.
///
/// # Errors
/// A line is not valid, or a command cannot be run. Turns and requests that fail are counted.
pub(crate) fn run() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut lines = BufReader::new(stdin()).lines();
        let target = lines.next_line().await?.context("the input has no target")?;
        let mut load = Load::new(serde_json::from_str(&target)?);
        while let Some(line) = lines.next_line().await? {
            let outcome = load.run(serde_json::from_str(&line)?).await?;
            print(&outcome)?;
        }
        Ok(())
    })
}

#[expect(clippy::print_stdout, reason = "the process that started this one reads the results")]
fn print(outcome: &Outcome) -> Result<()> {
    println!("{}", serde_json::to_string(outcome)?);
    Ok(())
}

#[derive(Debug)]
struct Load {
    target: Arc<Target>,
    tasks: TaskTracker,
    sessions: Sessions,
    ended: Sessions,
    clients: Vec<Client>,
    open: OpenStreams,
}

impl Load {
    fn new(target: Target) -> Self {
        let (target, tasks) = (Arc::new(target), TaskTracker::new());
        Load {
            open: OpenStreams::new(Arc::clone(&target), tasks.clone()),
            target,
            tasks,
            sessions: Sessions::default(),
            ended: Sessions::default(),
            clients: Vec::new(),
        }
    }

    async fn run(&mut self, command: Command) -> Result<Outcome> {
        let start = clock::micros();
        let tally = match command {
            Command::Sessions { count, answer } => self.create_sessions(count, answer).await?,
            Command::Connect { clients } => self.connect(clients).await?,
            Command::Turns { turns, answer, per_session } => {
                self.run_turns(turns, answer, per_session).await?
            }
            Command::Open { streams, at_a_time, answer } => {
                let tally = Tally::default();
                let body = client::turn_body(self.target.route, answer);
                let sessions = (self.target.route == Route::Native).then_some(&self.sessions);
                self.open.open(streams, at_a_time, &body, sessions, &tally).await?;
                tally
            }
            Command::Drain => self.open.drain().await?,
            Command::Requests { request, count, pause_us } => {
                let tally = Tally::default();
                let mut client = self.client();
                client.connect().await?;
                let paths = match request {
                    SimpleRequest::ResumeRunning => self.open.paths(),
                    _ => turns::lock(&self.ended).iter().cloned().collect(),
                };
                requests::run(&mut client, &request, count, pause_us, &paths, &tally).await?;
                tally
            }
        };
        Ok(tally.outcome(clock::micros() - start))
    }

    fn client(&self) -> Client {
        Client::new(Arc::clone(&self.target), self.tasks.clone())
    }

    async fn create_sessions(&self, count: u64, answer: Answer) -> Result<Tally> {
        let tally = Tally::default();
        if self.target.route == Route::Completions {
            return Ok(tally);
        }
        turns::lock(&self.sessions).clear();
        let remaining = Arc::new(AtomicU64::new(count));
        let creators: Vec<_> = (0..CREATORS)
            .map(|_| {
                let (mut client, sessions) = (self.client(), Arc::clone(&self.sessions));
                let (remaining, tally) = (Arc::clone(&remaining), tally.clone());
                self.tasks.spawn(async move {
                    while turns::take(&remaining) {
                        let session = client.create_session(answer).await?;
                        turns::lock(&sessions).push_back(session);
                        tally.lock().completed += 1;
                    }
                    anyhow::Ok(())
                })
            })
            .collect();
        for creator in creators {
            creator.await??;
        }
        Ok(tally)
    }

    async fn connect(&mut self, clients: usize) -> Result<Tally> {
        self.clients.truncate(clients);
        while self.clients.len() < clients {
            let mut client = self.client();
            client.connect().await?;
            self.clients.push(client);
        }
        Ok(Tally::default())
    }

    async fn run_turns(&mut self, turns: u64, answer: Answer, per_session: u64) -> Result<Tally> {
        let tally = Tally::default();
        let common = Arc::new(Turns {
            remaining: AtomicU64::new(turns),
            answer,
            body: client::turn_body(self.target.route, answer),
            sessions: (self.target.route == Route::Native).then(|| Arc::clone(&self.sessions)),
            per_session,
            ended: Arc::clone(&self.ended),
            tally: tally.clone(),
        });
        let clients = self.clients.drain(..);
        let running: Vec<_> =
            clients.map(|client| self.tasks.spawn(Arc::clone(&common).run(client))).collect();
        for client in running {
            self.clients.push(client.await?);
        }
        Ok(tally)
    }
}
