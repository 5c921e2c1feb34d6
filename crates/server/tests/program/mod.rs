//! A folder of its own, a program that is started in it, and a client of few words.

#![allow(dead_code, reason = "each test program uses another part of this")]

mod client;
pub(crate) mod talk;

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) use client::{Answer, Stream};

/// Whatever takes longer than this will not happen any more.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// Prefix of the last line of the banner.
const LAST_LINE: &str = "Ctrl-C stops the server";

/// The program in an empty folder, with nothing in its environment but what a test puts there.
pub(crate) struct Program {
    dir: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

/// What a run that ended has left.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Program {
    pub(crate) fn new() -> Self {
        Program { dir: tempfile::tempdir().unwrap(), environment: Vec::new() }
    }

    /// Sets a variable; the last one of a name counts.
    pub(crate) fn with(mut self, variable: &str, value: &str) -> Self {
        self.environment.push((variable.to_owned(), value.to_owned()));
        self
    }

    /// A path in the program's folder.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(relative)
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        let output = self.command().args(arguments).output().unwrap();
        Ended {
            code: output.status.code().expect("the program was ended by a signal"),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Starts a server on a free port and waits until it has said where it is.
    pub(crate) fn serve(&self) -> Served {
        self.serve_with(&[])
    }

    /// The same, with further variables.
    pub(crate) fn serve_with(&self, variables: &[(&str, &str)]) -> Served {
        let served = self.try_serve(variables);
        served.unwrap_or_else(|log| panic!("the start failed: {log}"))
    }

    /// The same, for a server that may end while it starts. Its log is the error.
    pub(crate) fn try_serve(&self, variables: &[(&str, &str)]) -> Result<Served, String> {
        let log = self.path(&format!("log-{}", fs::read_dir(self.dir.path()).unwrap().count()));
        let mut command = self.command();
        command.envs(variables.iter().copied());
        command.args(["--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(File::create(&log).unwrap());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut served = Served { child, log, banner: String::new(), address: String::new() };
        while !served.banner.lines().any(|line| line.starts_with(LAST_LINE)) {
            let Some(line) = lines.next() else { return Err(served.log()) };
            let line = line.unwrap();
            served.banner += &format!("{line}\n");
        }
        let address = served.banner.split_once("http://").unwrap().1;
        served.address = address.split([';', '/']).next().unwrap().to_owned();
        Ok(served)
    }

    /// Does what a reader of the banner does: pastes the indented lines into a shell.
    pub(crate) fn paste(&self, banner: &str) -> String {
        let lines: Vec<_> = banner.lines().filter_map(|line| line.strip_prefix("  ")).collect();
        // `-u` because a line that lost its variable would still send something.
        let output = Command::new("sh").args(["-euc", &lines.join("\n")]).output().unwrap();
        let (stdout, stderr) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{lines:#?}\n{stdout}\n{stderr}");
        stdout.into_owned()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_causerie"));
        // What a coverage run says to the programs it watches is kept.
        let coverage = std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"LLVM_"));
        command
            .env_clear()
            .envs(coverage)
            .envs(self.environment.iter().cloned())
            .current_dir(self.dir.path());
        command
    }
}

/// A server that runs. It is killed when it is dropped without having been stopped.
pub(crate) struct Served {
    child: Child,
    log: PathBuf,
    banner: String,
    address: String,
}

impl Served {
    /// What it printed at its start.
    pub(crate) fn banner(&self) -> String {
        self.banner.clone()
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        client::request(&self.address, &format!("GET {path} HTTP/1.1"), "", "")
    }

    pub(crate) fn get_as(&self, key: &str, path: &str) -> Answer {
        client::request(&self.address, &format!("GET {path} HTTP/1.1"), key, "")
    }

    pub(crate) fn post_as(&self, key: &str, path: &str, body: &str) -> Answer {
        client::request(&self.address, &format!("POST {path} HTTP/1.1"), key, body)
    }

    /// Sends a request whose answer may break off or never come, and gives what came of it. The headers end in line
    /// ends.
    pub(crate) fn attempt(&self, method: &str, path: &str, headers: &str, body: &str) -> String {
        let Ok(mut stream) = self.stream(method, path, headers, body) else { return String::new() };
        while stream.read_more() {}
        stream.seen
    }

    /// Sends a request whose answer is read piece by piece.
    pub(crate) fn stream(
        &self,
        method: &str,
        path: &str,
        headers: &str,
        body: &str,
    ) -> std::io::Result<Stream> {
        Stream::open(&self.address, &format!("{method} {path} HTTP/1.1"), headers, body)
    }

    /// Kills it: no signal that it could hear.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it has died of a signal.
    pub(crate) fn died(mut self) -> String {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "it lives on: {}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        };
        assert_eq!(status.code(), None, "it ended in order: {}", self.log());
        self.log()
    }

    /// Sends a message, waits until its turn is known to run, and goes away.
    pub(crate) fn begin_turn(&self, key: &str, messages: &str) {
        let mut connection = TcpStream::connect(&self.address).unwrap();
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        client::send(&mut connection, &format!("POST {messages} HTTP/1.1"), key, r#"{"content":"Hello"}"#);
        let mut seen = String::new();
        while !seen.contains(r#""type":"start""#) {
            let mut bytes = [0; 1024];
            let read = connection.read(&mut bytes).unwrap();
            assert!(read > 0, "{seen}");
            seen += &String::from_utf8_lossy(&bytes[..read]);
        }
    }

    /// Asks until the answer has this status.
    pub(crate) fn wait_until(&self, path: &str, status: u16) {
        let deadline = Instant::now() + PATIENCE;
        while self.get(path).status != status {
            assert!(Instant::now() < deadline, "{path} never answered {status}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends it a signal by name, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        causerie_testkit::process::signal(&self.child, name).unwrap();
    }

    /// Waits for its end. Gives its code and its log.
    pub(crate) fn wait(mut self) -> (i32, String) {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "it does not end: {}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        };
        (status.code().expect("the program was ended by a signal"), self.log())
    }

    /// Stops it as a supervisor does, and gives its log.
    pub(crate) fn stop(self) -> String {
        self.signal("TERM");
        let (code, log) = self.wait();
        assert_eq!(code, 0, "{log}");
        log
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It has ended already where a test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The head of the first request that comes to a listener, which nobody answers.
pub(crate) fn first_request(listener: &TcpListener) -> String {
    listener.set_nonblocking(true).unwrap();
    let deadline = Instant::now() + PATIENCE;
    let mut connection = loop {
        match listener.accept() {
            Ok((connection, _)) => break connection,
            Err(error) => assert!(Instant::now() < deadline, "nobody called: {error}"),
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    connection.set_nonblocking(false).unwrap();
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        connection.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    String::from_utf8(head).unwrap()
}
