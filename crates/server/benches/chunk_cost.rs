//! CPU time of the program per chunk of an answer: of the native stream and of `/v1/chat/completions`.
//!
//! `cargo bench -p causerie-server --bench chunk_cost -- [ROUNDS [STREAMS [CHUNKS]]]`; the defaults are 5 rounds of 8
//! concurrent streams of 2,000 chunks, 2 ms apart. The program is a process of its own with a database on disk; upstream
//! and clients are the process of the bench. The rounds of both routes alternate; the ratio is that of the medians.
#![expect(clippy::print_stdout, reason = "a bench prints its results")]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use causerie_simulator::{Options, Simulator};
use causerie_testkit::anyhow::{Context as _, Result, ensure};
use futures_util::future::try_join_all;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

/// Clock ticks of `/proc/<pid>/stat` in a second.
const TICKS: u64 = 100;
const TOOL: &str = "chunks";

#[derive(Debug, Clone, Copy)]
enum Route {
    Native,
    OpenAi,
}

struct Server {
    child: Child,
    client: Client,
    address: String,
    key: String,
    model: String,
}

impl Server {
    fn start(dir: &Path, upstream: &str, model: &str) -> Result<Self> {
        std::fs::create_dir(dir.join("tools"))?;
        let definition = format!(
            "name: {TOOL}\nversion: 1.0.0\ntype: chat\ntitle: Chunks\nbehavior: Be kind.\nmodel: {model}\n"
        );
        std::fs::write(dir.join("tools/chunks.yaml"), definition)?;
        let mut child = Command::new(env!("CARGO_BIN_EXE_causerie"))
            .args(["--listen", "127.0.0.1:0"])
            .env_clear()
            .envs([("AI_GATEWAY_URL", upstream), ("CAUSERIE_TOOLS_DIR", "tools")])
            .current_dir(dir)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("a pipe")?).lines();
        let address = loop {
            let line = lines.next().context("the program has ended")??;
            if let Some((_, address)) = line.split_once("http://") {
                break address.split([';', '/']).next().context("an address")?.to_owned();
            }
        };
        // The program writes to the pipe until its end.
        std::thread::spawn(move || lines.for_each(drop));
        let key = std::fs::read_to_string(dir.join("data/admin-key"))?.trim().to_owned();
        Ok(Server { child, client: Client::new(), address, key, model: model.to_owned() })
    }

    fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.client.post(format!("http://{}{path}", self.address)).bearer_auth(&self.key).json(body)
    }

    /// Returns the CPU time of the program in microseconds.
    fn cpu(&self) -> Result<u64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let fields: Vec<&str> = stat.rsplit(')').next().context("a name")?.split_whitespace().collect();
        let ticks = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
        Ok(ticks * 1_000_000 / TICKS)
    }

    async fn stream(&self, route: Route) -> Result<()> {
        let request = match route {
            Route::Native => {
                let session = self.post("/sessions", &json!({ "tool": TOOL })).send().await?;
                let session: Value = session.error_for_status()?.json().await?;
                let id = session["id"].as_str().context("an id")?;
                self.post(&format!("/sessions/{id}/messages"), &json!({ "content": "Hello" }))
            }
            Route::OpenAi => {
                let messages = json!([{ "role": "user", "content": "Hello" }]);
                let body = json!({ "model": self.model, "messages": messages, "stream": true });
                self.post("/v1/chat/completions", &body)
            }
        };
        let mut response = request.send().await?.error_for_status()?;
        let mut end = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            end.extend_from_slice(&chunk);
            end.drain(..end.len().saturating_sub(32));
        }
        ensure!(String::from_utf8_lossy(&end).contains("[DONE]"), "the stream broke off");
        Ok(())
    }

    /// Runs concurrent streams and returns the CPU time that the program used.
    async fn round(&self, route: Route, streams: usize) -> Result<u64> {
        let before = self.cpu()?;
        try_join_all((0..streams).map(|_| self.stream(route))).await?;
        Ok(self.cpu()? - before)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse().ok());
    let mut next = |default: usize| numbers.next().unwrap_or(default);
    let (rounds, streams, chunks) = (next(5), next(8), next(2000));
    // Fails if a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let upstream = Simulator::start(Options::default())?;
    let dir = tempfile::tempdir()?;
    let model = format!("sim/text?words={chunks}&delay_ms=2");
    let server = Server::start(dir.path(), upstream.base_url(), &model)?;
    #[expect(clippy::cast_precision_loss, reason = "only printed")]
    let per_chunk = |cpu: u64| cpu as f64 / (streams * chunks) as f64;
    // Both paths are warm before the first round.
    for route in [Route::Native, Route::OpenAi] {
        server.round(route, streams).await?;
    }
    let (mut native, mut openai) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        native.push(server.round(Route::Native, streams).await?);
        openai.push(server.round(Route::OpenAi, streams).await?);
        let [native, openai] = [&native, &openai].map(|all| per_chunk(*all.last().unwrap_or(&0)));
        println!("round {round}: native {native:.2} µs, /v1 {openai:.2} µs of CPU per chunk");
    }
    let [native, openai] = [native, openai].map(|mut all| {
        all.sort_unstable();
        per_chunk(all[all.len() / 2])
    });
    println!("median: native {native:.2} µs, /v1 {openai:.2} µs, ratio {:.3}", openai / native);
    Ok(())
}
