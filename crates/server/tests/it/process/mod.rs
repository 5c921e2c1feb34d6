//! The program `causerie` as a process in a folder of its own, and a minimal HTTP client.

mod client;
pub(crate) mod conversation;

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) use client::{Answer, Stream};

/// Timeout of operations that a test expects to end.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);
/// Prefix of the last line of the banner.
const LAST_LINE: &str = "Ctrl-C stops the server";

/// The program with an empty folder and an environment that only the test sets.
pub(crate) struct Program {
    dir: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

/// Result of a process that has ended.
pub(crate) struct Output {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Program {
    pub(crate) fn new() -> Self {
        Program { dir: tempfile::tempdir().unwrap(), environment: Vec::new() }
    }

    /// Sets an environment variable; a later value replaces an earlier one.
    pub(crate) fn with(mut self, variable: &str, value: &str) -> Self {
        self.environment.push((variable.to_owned(), value.to_owned()));
        self
    }

    /// Returns a path in the folder of the program.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(relative)
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let output = self.command().args(arguments).output().unwrap();
        Output {
            code: output.status.code().expect("the program ended by a signal"),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Starts a server on a free port and waits for its banner.
    pub(crate) fn serve(&self) -> RunningServer {
        self.serve_with(&[])
    }

    /// Starts a server with additional environment variables.
    pub(crate) fn serve_with(&self, variables: &[(&str, &str)]) -> RunningServer {
        let served = self.try_serve(variables);
        served.unwrap_or_else(|log| panic!("the start failed: {log}"))
    }

    /// Starts a server that may fail to start; the error is its log.
    pub(crate) fn try_serve(&self, variables: &[(&str, &str)]) -> Result<RunningServer, String> {
        let log = self.path(&format!("log-{}", fs::read_dir(self.dir.path()).unwrap().count()));
        let mut command = self.command();
        command.envs(variables.iter().copied());
        command.args(["--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(File::create(&log).unwrap());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut served = RunningServer { child, log, banner: String::new(), address: String::new() };
        while !served.banner.lines().any(|line| line.starts_with(LAST_LINE)) {
            let Some(line) = lines.next() else { return Err(served.log()) };
            let line = line.unwrap();
            served.banner += &format!("{line}\n");
        }
        let address = served.banner.split_once("http://").unwrap().1;
        served.address = address.split([';', '/']).next().unwrap().to_owned();
        Ok(served)
    }

    /// Runs the indented lines of a banner in a shell and returns their output.
    pub(crate) fn paste(&self, banner: &str) -> String {
        let lines: Vec<_> = banner.lines().filter_map(|line| line.strip_prefix("  ")).collect();
        // `-u`, because a line with an unset variable could still send a request.
        let output = Command::new("sh").args(["-euc", &lines.join("\n")]).output().unwrap();
        let (stdout, stderr) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{lines:#?}\n{stdout}\n{stderr}");
        stdout.into_owned()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_causerie"));
        // The variables of a coverage run are kept.
        let coverage = std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"LLVM_"));
        command
            .env_clear()
            .envs(coverage)
            .envs(self.environment.iter().cloned())
            .current_dir(self.dir.path());
        command
    }
}

/// Running server. Dropping it kills the process.
pub(crate) struct RunningServer {
    child: Child,
    log: PathBuf,
    banner: String,
    address: String,
}

impl RunningServer {
    pub(crate) fn banner(&self) -> String {
        self.banner.clone()
    }

    /// Returns the address that the server listens on.
    pub(crate) fn address(&self) -> &str {
        &self.address
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

    /// Sends a request and returns the received part of the response; empty if there is none. Each header ends with a
    /// line break.
    pub(crate) fn attempt(&self, method: &str, path: &str, headers: &str, body: &str) -> String {
        let Ok(mut stream) = self.stream(method, path, headers, body) else { return String::new() };
        while stream.read_more() {}
        stream.seen
    }

    /// Sends a request and returns the response as a stream.
    pub(crate) fn stream(
        &self,
        method: &str,
        path: &str,
        headers: &str,
        body: &str,
    ) -> std::io::Result<Stream> {
        Stream::open(&self.address, &format!("{method} {path} HTTP/1.1"), headers, body)
    }

    /// Kills the process with SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until the process has been ended by a signal, and returns its log.
    pub(crate) fn died(mut self) -> String {
        let deadline = Instant::now() + TIMEOUT;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "the process still runs: {}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        };
        assert_eq!(status.code(), None, "the process exited: {}", self.log());
        self.log()
    }

    /// Sends a message and closes the connection after the start of the turn.
    pub(crate) fn begin_turn(&self, key: &str, messages: &str) {
        let mut connection = TcpStream::connect(&self.address).unwrap();
        connection.set_read_timeout(Some(TIMEOUT)).unwrap();
        client::send(&mut connection, &format!("POST {messages} HTTP/1.1"), key, r#"{"content":"Hello"}"#);
        let mut seen = String::new();
        while !seen.contains(r#""type":"start""#) {
            let mut bytes = [0; 1024];
            let read = connection.read(&mut bytes).unwrap();
            assert!(read > 0, "{seen}");
            seen += &String::from_utf8_lossy(&bytes[..read]);
        }
    }

    /// Repeats a request until the response has a status.
    pub(crate) fn wait_until(&self, path: &str, status: u16) {
        let deadline = Instant::now() + TIMEOUT;
        while self.get(path).status != status {
            assert!(Instant::now() < deadline, "{path} did not respond with {status}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends a signal by name, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        causerie_testkit::process::signal(&self.child, name).unwrap();
    }

    /// Waits for the end of the process and returns its exit code and its log.
    pub(crate) fn wait(mut self) -> (i32, String) {
        let deadline = Instant::now() + TIMEOUT;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "the process still runs: {}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        };
        (status.code().expect("the program ended by a signal"), self.log())
    }

    /// Stops the process with SIGTERM and returns its log.
    pub(crate) fn stop(self) -> String {
        self.signal("TERM");
        let (code, log) = self.wait();
        assert_eq!(code, 0, "{log}");
        log
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the headers of the first request to a listener. It gets no response.
pub(crate) fn first_request(listener: &TcpListener) -> String {
    listener.set_nonblocking(true).unwrap();
    let deadline = Instant::now() + TIMEOUT;
    let mut connection = loop {
        match listener.accept() {
            Ok((connection, _)) => break connection,
            Err(error) => assert!(Instant::now() < deadline, "no connection: {error}"),
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    connection.set_nonblocking(false).unwrap();
    connection.set_read_timeout(Some(TIMEOUT)).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        connection.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    String::from_utf8(head).unwrap()
}
