//! Tool definitions: `causerie tools check`, and reloading at SIGHUP.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::process::{Output, Program, TIMEOUT};
use causerie_simulator::{Options, Simulator};

fn definition(name: &str, version: &str) -> String {
    format!(
        "name: {name}\nversion: {version}\ntype: chat\ntitle: T\nbehavior: Be kind.\nmodel: sim/gated?words=2\n"
    )
}

/// Returns a definition with ten anchors, each of which repeats the previous one ten times.
fn bomb() -> String {
    let mut text = definition("bomb", "1.0.0") + "meta:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for level in 1..10 {
        let below = format!("*a{}", level - 1);
        text += &format!("  a{level}: &a{level} [{}]\n", [below.as_str(); 10].join(", "));
    }
    text
}

/// Runs `tools check tools` and compares the prefix of each line of its errors.
fn check(program: &Program, expected: &[&str]) {
    let Output { code, stdout, stderr } = program.run(&["tools", "check", "tools"]);
    let (head, lines) = stderr.split_once('\n').expect(&stderr);
    assert_eq!(head, "causerie: the tool definitions have errors:");
    assert_eq!((code, stdout.as_str(), lines.lines().count()), (1, "", expected.len()), "{stderr}");
    for (line, beginning) in lines.lines().zip(expected) {
        assert!(line.starts_with(beginning), "{line}\ninstead of\n{beginning}");
    }
}

#[test]
fn all_errors_of_all_files_are_listed_with_positions() {
    let program = Program::new();
    let tools = program.path("tools");
    fs::create_dir(&tools).unwrap();
    let write = |file: &str, text: &[u8]| fs::write(tools.join(file), text).unwrap();
    let head = definition("t", "1.0.0");
    write("a-sound.yaml", definition("sound", "1.0.0").as_bytes());
    write("b-bomb.yaml", bomb().as_bytes());
    write("c-bytes.yaml", b"name: t\ntitle: \xff\n");
    write("d-empty.yaml", b"");
    write("e-large.yaml", &vec![b'#'; 10 << 20]);
    write("f-many.yaml", format!("{head}temperature: 1\nlimits: {{max_input_chars: 0}}\n").as_bytes());
    write("g-fallbacks.yaml", format!("{head}fallback_models: [a, b, c, d]\n").as_bytes());
    write("h-nested.yaml", format!("{head}meta:\n  a:\n    - b: {{c: 1, d: 2, c: 3}}\n").as_bytes());
    write("i-tab.yaml", format!("{head}meta:\n\ta: 1\n").as_bytes());
    write("j-twin.yml", definition("sound", "2.0.0").as_bytes());
    write("notes.txt", b"not: [a definition");
    // A link is read under its own name; a broken link is an error.
    fs::write(program.path("elsewhere"), "name: [\n").unwrap();
    symlink(program.path("elsewhere"), tools.join("k-link.yaml")).unwrap();
    symlink(program.path("nowhere"), tools.join("l-dangling.yaml")).unwrap();
    // Reading these files would block or never end.
    symlink(Path::new("/dev/zero"), tools.join("m-device.yaml")).unwrap();
    assert!(Command::new("mkfifo").arg(tools.join("n-pipe.yaml")).status().unwrap().success());

    let expected = [
        "tools/l-dangling.yaml:1:1: cannot be read: No such file or directory",
        "tools/m-device.yaml:1:1: cannot be read: not a regular file",
        "tools/n-pipe.yaml:1:1: cannot be read: not a regular file",
        "tools/b-bomb.yaml:",
        "tools/c-bytes.yaml:2:8: invalid UTF-8",
        "tools/d-empty.yaml:1:1: the file is empty",
        "tools/e-large.yaml:1:1: the file is larger than 262144 bytes",
        "tools/f-many.yaml:7:1: temperature: unknown key, expected one of name, version, type, title, ",
        "tools/f-many.yaml:8:27: limits.max_input_chars: expected a whole number from 1 to 4294967295, found 0",
        "tools/g-fallbacks.yaml:7:18: fallback_models: expected at most 3 items, found 4",
        "tools/h-nested.yaml:9:23: meta.a[0].b.c: duplicate key",
        "tools/i-tab.yaml:8:1: invalid YAML: ",
        "tools/j-twin.yml:1:7: name: tools/a-sound.yaml defines a tool with the same name",
        "tools/k-link.yaml:2:1: invalid YAML: ",
    ];
    check(&program, &expected);
    let refused = program.with("CAUSERIE_TOOLS_DIR", "tools").run(&["serve"]);
    assert_eq!((refused.code, refused.stderr.lines().count()), (1, expected.len() + 1), "{}", refused.stderr);
}

#[test]
fn the_exit_code_of_a_check_is_its_result() {
    let program = Program::new();
    fs::create_dir(program.path("tools")).unwrap();
    fs::write(program.path("tools/a.yaml"), definition("a", "1.0.0")).unwrap();
    fs::write(program.path("tools/b.yml"), definition("b", "1.0.0")).unwrap();
    let sound = program.run(&["tools", "check", "tools"]);
    assert_eq!(
        (sound.code, sound.stdout.as_str()),
        (0, "2 tool definitions are sound\n"),
        "{}",
        sound.stderr
    );
    for (folder, why) in [("nowhere", "No such file or directory"), ("tools/a.yaml", "Not a directory")] {
        let refused = program.run(&["tools", "check", folder]);
        let line = format!("\n{folder}:1:1: cannot be read: {why}");
        assert_eq!((refused.code, refused.stdout.as_str()), (1, ""));
        assert!(refused.stderr.contains(&line), "{}", refused.stderr);
    }
    assert_eq!(program.run(&["tools", "check"]).code, 2);
    assert!(!program.path("data").exists(), "nothing was opened");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sighup_reloads_definitions_while_a_turn_runs() {
    let upstream = Simulator::start(Options::default()).unwrap();
    let program =
        Program::new().with("AI_GATEWAY_URL", upstream.base_url()).with("CAUSERIE_TOOLS_DIR", "tools");
    fs::create_dir(program.path("tools")).unwrap();
    let write = |file: &str, text: &str| fs::write(program.path("tools").join(file), text).unwrap();
    write("held.yaml", &definition("held", "1.0.0"));
    let served = program.serve();
    let key = fs::read_to_string(program.path("data/admin-key")).unwrap().trim().to_owned();
    let begin = || served.post_as(&key, "/sessions", r#"{"tool":"held"}"#).json();
    let version = || served.get_as(&key, "/tools/held").json()["version"].clone();

    let session = begin();
    let path = format!("/sessions/{}", session["id"].as_str().unwrap());
    let credential = format!("authorization: Bearer {key}\r\n");
    let messages = format!("{path}/messages");
    let mut stream = served.stream("POST", &messages, &credential, r#"{"content":"Hello"}"#).unwrap();
    upstream.release("gate", 1);
    assert!(stream.read_to("text-delta"), "{}", stream.seen);

    write("held.yaml", &definition("held", "2.0.0"));
    served.signal("HUP");
    wait_until("the new version is stored", || version() == "2.0.0");
    assert_eq!(begin()["tool_version"], "2.0.0", "a new session takes the new version");

    write("held.yaml", &definition("held", "3.0.0"));
    write("broken.yaml", "name: broken\nversion: soon\n");
    served.signal("HUP");
    wait_until("the error is logged", || served.log().contains("reloading the tool definitions failed"));
    assert!(served.log().contains("tools/broken.yaml:2:10: version: must be a semantic version"));
    assert_eq!(version(), "2.0.0", "one invalid file prevents the reload");

    let running = served.get_as(&key, &path).json();
    assert!(running["active_turn_id"].is_string(), "the turn still runs: {running}");
    upstream.open("gate");
    assert!(stream.read_to("[DONE]"), "{}", stream.seen);
    assert!(stream.seen.contains(r#""status":"completed""#), "{}", stream.seen);
    assert_eq!(served.get_as(&key, &path).json()["tool_version"], "1.0.0", "a session keeps its version");

    fs::remove_file(program.path("tools/broken.yaml")).unwrap();
    served.signal("HUP");
    wait_until("the corrected files are read", || version() == "3.0.0");
    served.stop();
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + TIMEOUT;
    while !condition() {
        assert!(Instant::now() < deadline, "timeout: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
