//! Program of the simulator.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

/// Program that is killed at the end of the test, also after a panic.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_program_prints_its_base_url_and_its_scenarios() {
    let child = Command::new(env!("CARGO_BIN_EXE_causerie-simulator"))
        .args(["--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut running = Running(child);
    let mut lines = BufReader::new(running.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let first = lines.next().unwrap();
    let url = first.strip_prefix("The simulated upstream is at http://").unwrap();
    let scenarios: Vec<String> = lines
        .by_ref()
        .take_while(|line| !line.starts_with("Parameters"))
        .filter(|line| line.contains("  sim/"))
        .collect();
    assert_eq!(scenarios.len(), causerie_simulator::scenarios().count());
    let (address, path) = url.split_once('/').unwrap();
    assert_eq!(path, "api/v1");
    assert!(std::net::TcpStream::connect(address).is_ok());
}

#[test]
fn an_address_in_use_prints_an_error_and_fails() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output =
        Command::new(env!("CARGO_BIN_EXE_causerie-simulator")).args(["--listen", &address]).output().unwrap();
    assert!(!output.status.success());
    let printed = String::from_utf8(output.stderr).unwrap();
    assert!(printed.starts_with(&format!("causerie-simulator: cannot listen on {address}: ")), "{printed}");
}
