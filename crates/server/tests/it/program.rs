//! The program from outside: arguments, environment, files, signals, output and log.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::process::{Program, first_request};

#[test]
fn the_first_start_writes_a_key_and_prints_working_commands() {
    let program = Program::new();
    let served = program.serve();
    let key_file = program.path("data/admin-key");
    assert_eq!(fs::metadata(&key_file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(program.path("data")).unwrap().permissions().mode() & 0o777, 0o700);
    let banner = served.banner();
    assert!(banner.contains("built-in simulator") && banner.contains("first start"), "{banner}");
    assert!(banner.contains(key_file.to_str().unwrap()), "{banner}");
    assert_eq!(served.get("/readyz").status, 200);

    let output = program.paste(&banner);
    let (stream, messages) = output.split_once("data: [DONE]").expect(&output);
    assert!(stream.contains(r#""type":"start""#) && stream.contains(r#""status":"completed""#), "{output}");
    assert!(stream.matches(r#""type":"text-delta""#).count() > 1, "the answer has several deltas: {output}");
    for expected in [r#""seq":1"#, r#""seq":2"#, "What is a causerie?", r#""cost":""#, "simulator"] {
        assert!(messages.contains(expected), "{expected} in {messages}");
    }

    let log = served.stop();
    let key = fs::read_to_string(&key_file).unwrap();
    assert!(!banner.contains(key.trim()) && !log.contains(key.trim()), "the key is printed or logged");
}

#[test]
fn a_second_start_keeps_the_key_and_a_second_server_is_refused() {
    let program = Program::new();
    program.serve().stop();
    let key = fs::read_to_string(program.path("data/admin-key")).unwrap();

    let served = program.serve();
    assert!(!served.banner().contains("first start"));
    assert_eq!(fs::read_to_string(program.path("data/admin-key")).unwrap(), key);
    assert_eq!(served.get_as(&key, "/me").status, 200);

    let refused = program.run(&["--listen", "127.0.0.1:0"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("another process serves from this database"), "{}", refused.stderr);
    served.stop();
}

#[test]
fn commands_are_printed_only_with_a_valid_key() {
    let program = Program::new();
    program.serve().stop();
    let other = program.with("DATABASE_URL", "sqlite://other.db");
    let banner = other.serve().banner();
    assert!(banner.contains("first start") && banner.contains("SESSION="), "{banner}");
    assert!(other.path("data/admin-key.earlier").exists(), "the key of the first store is kept");

    let first = other.with("DATABASE_URL", "sqlite://data/causerie.db");
    let banner = first.serve().banner();
    assert!(!banner.contains("SESSION=") && banner.contains("causerie admin create-key"), "{banner}");
}

#[test]
fn all_invalid_settings_are_reported_before_startup() {
    let program =
        Program::new().with("AI_MAX_RETRIES", "many").with("DATABASE_URL", "mysql://me:hunter2@host/db");
    let refused = program.run(&["--listen", "8080", "--ai-api-key", "hunter 3"]);
    assert_eq!(refused.code, 2);
    assert_eq!(
        refused.stderr,
        "causerie: CAUSERIE_LISTEN (--listen) must be an IP address and a port, such as 127.0.0.1:8080 or \
         [::1]:8080, not \"8080\"\n\
         causerie: DATABASE_URL (--database-url) must be sqlite://PATH or postgres://USER:PASSWORD@HOST/NAME\n\
         causerie: AI_API_KEY (--ai-api-key) must be printable ASCII without blanks and line breaks\n\
         causerie: AI_MAX_RETRIES (--ai-max-retries) must be a whole number from 0 to 10, not \"many\"\n"
    );
    assert!(!program.path("data").exists());
}

#[test]
fn an_address_that_a_client_would_reject_is_named_without_its_password() {
    for (flag, variable) in [
        ("ai-proxy-url", "AI_PROXY_URL"),
        ("ai-gateway-url", "AI_GATEWAY_URL"),
        ("ai-app-url", "AI_APP_URL"),
        ("jwt-jwks-url", "CAUSERIE_JWT_JWKS_URL"),
        ("cors-origins", "CAUSERIE_CORS_ORIGINS"),
    ] {
        let program = Program::new();
        for address in
            ["http://me:hunter2@127.0.0.1:bad", "https://127.0.0.1:bad", "https://me:hunter2@1.2.3.999"]
        {
            let refused = program.run(&[&format!("--{flag}={address}")]);
            assert_eq!(refused.code, 2, "{flag} {address}: {}", refused.stderr);
            let name = format!("causerie: {variable} (--{flag}) must be ");
            assert!(refused.stderr.contains(&name), "{flag} {address}: {}", refused.stderr);
            assert!(!refused.stderr.contains("hunter2"), "{}", refused.stderr);
        }
        assert!(!program.path("data").exists());
    }
}

#[test]
fn a_setting_that_the_store_rejects_is_named() {
    for (url, name) in [
        ("postgres://me:hunter2@host/db?sslmode=verify-ca", "sslrootcert"),
        ("postgres://me:hunter2@host/db?sslmode=verify-full&sslrootcert=/none.pem", "/none.pem"),
        ("postgres://me:hunter2@host/db?mode=hunter2", "mode"),
        ("postgres://me:@hunter2@host/db", "%40"),
        ("sqlite://typo.db?mode=rwc", "the option mode,"),
        ("sqlite://100%.db", "%25"),
        ("sqlite://%ff.db", "not UTF-8"),
        ("postgres://me:hunter2%zz@host/db", "%25"),
        ("postgres://me:hunter2@host/db?sslmode=disable&sslmode=require", "the option sslmode twice"),
        ("postgres://me:hunter2@host/db?sslmode=disable&sslrootcert=/none.pem", "sslrootcert"),
    ] {
        let program = Program::new().with("DATABASE_URL", url);
        for arguments in [&["serve"][..], &["migrate"], &["verify"], &["admin", "list-users"]] {
            let refused = program.run(arguments);
            assert_eq!(refused.code, 2, "{url} {arguments:?}");
            assert!(refused.stderr.starts_with("causerie: DATABASE_URL (--database-url) cannot be used: "));
            assert!(refused.stderr.contains(name), "{}", refused.stderr);
            assert!(!refused.stderr.contains("hunter2"), "{}", refused.stderr);
        }
        assert!(fs::read_dir(program.path("")).unwrap().next().is_none(), "{url} left a file");
    }
}

#[test]
fn a_server_without_its_database_ends_with_a_sentence() {
    for file in ["causerie.db", "causerie.db.lock", "causerie.db-wal"] {
        let program = Program::new().with("CAUSERIE_DRAIN_MS", "600000");
        let served = program.serve();
        let path = program.path("data").join(file);
        fs::remove_file(&path).unwrap();
        let (code, log) = served.wait();
        let sentence = format!(
            "causerie: the file {} was removed or replaced while this process served from the database\n",
            path.display()
        );
        assert_eq!(code, 1, "{log}");
        assert!(log.ends_with(&sentence), "{log}");
        // The log of the missing database is not mixed into a new one.
        match file {
            "causerie.db" => {
                let refused = program.try_serve(&[]).map(drop).unwrap_err();
                assert!(refused.contains("causerie.db-wal has changes of it"), "{refused}");
            }
            "causerie.db.lock" => drop(program.serve().stop()),
            // Without its log, the database lacks the last changes.
            _ => {}
        }
    }
}

#[test]
fn a_data_folder_may_have_any_name() {
    let program = Program::new().with("CAUSERIE_DATA_DIR", "100% a?b#c");
    program.serve().stop();
    assert!(program.path("100% a?b#c/causerie.db").is_file());
    assert_eq!(program.run(&["verify"]).code, 0);
}

#[test]
fn an_address_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let refused = Program::new().run(&["--listen", &address]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains(&format!("cannot listen on {address}")), "{}", refused.stderr);
    assert!(refused.stderr.contains("CAUSERIE_LISTEN (--listen)"), "{}", refused.stderr);
}

#[test]
fn invalid_tool_definitions_are_listed_and_prevent_startup() {
    let program = Program::new().with("CAUSERIE_TOOLS_DIR", "tools");
    fs::create_dir(program.path("tools")).unwrap();
    fs::write(program.path("tools/one.yaml"), "name: one\nversion: 1.0.0\ntitle: One\nbehaviour: typo\n")
        .unwrap();
    fs::write(program.path("tools/two.yaml"), "name: two\nversion: soon\n").unwrap();
    for arguments in [&["serve"][..], &["tools", "check", "tools"]] {
        let refused = program.run(arguments);
        assert_eq!(refused.code, 1);
        for place in ["\ntools/one.yaml:4:1: behaviour", "\ntools/two.yaml:2:"] {
            assert!(refused.stderr.contains(place), "{place} in {}", refused.stderr);
        }
    }
    assert!(!program.path("data").exists(), "the data folder was created");
}

#[test]
fn the_configured_upstream_gets_its_key_which_is_not_logged() {
    let upstream = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/api/v1", upstream.local_addr().unwrap());
    let program = Program::new()
        .with("AI_GATEWAY_URL", &url)
        .with("OPENROUTER_API_KEY", "sk-hunter2")
        .with("CAUSERIE_LOG", "trace");
    let served = program.serve();
    let banner = served.banner();
    assert!(banner.contains(&url) && !banner.contains("simulator"), "{banner}");
    let request = first_request(&upstream);
    assert!(request.to_lowercase().contains("authorization: bearer sk-hunter2"), "{request}");
    let log = served.stop();
    assert!(!log.contains("hunter2"), "the upstream key is in the log");
}

#[test]
fn keys_and_messages_are_not_logged_at_any_level() {
    let program = Program::new().with("CAUSERIE_LOG", "trace");
    let served = program.serve();
    program.paste(&served.banner());
    let log = served.stop();
    let key = fs::read_to_string(program.path("data/admin-key")).unwrap();
    let secret = key.trim().rsplit('_').next().unwrap();
    for (what, text) in
        [("the key", secret), ("the question", "What is a causerie?"), ("the answer", "You output")]
    {
        let line = log.lines().find(|line| line.contains(text));
        assert!(line.is_none(), "{what} is in the log: {line:?}");
    }
}

#[test]
fn the_log_is_json_without_a_terminal_and_has_no_errors() {
    // A failure of the upstream is reported to the client and is not an error of the program.
    let program = Program::new().with("AI_DEFAULT_MODEL", "sim/cut-mid-stream");
    let served = program.serve();
    let stream = program.paste(&served.banner());
    assert!(stream.contains("upstream_interrupted"), "{stream}");
    let log = served.stop();
    assert!(log.lines().count() > 0);
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect(line);
        assert!(line["timestamp"].is_string() && line["message"].is_string(), "{line}");
        assert!(matches!(line["level"].as_str(), Some("INFO" | "WARN")), "{line}");
    }
}

#[test]
fn a_stop_interrupts_turns_after_the_drain_timeout_and_keeps_their_text() {
    let program =
        Program::new().with("AI_DEFAULT_MODEL", "sim/stall?words=3").with("CAUSERIE_DRAIN_MS", "100");
    let served = program.serve();
    let key = fs::read_to_string(program.path("data/admin-key")).unwrap();
    let session = served.post_as(&key, "/sessions", r#"{"tool":"general-assistant"}"#).json();
    let messages = format!("/sessions/{}/messages", session["id"].as_str().unwrap());
    served.begin_turn(&key, &messages);
    let log = served.stop();
    assert!(log.contains("drain deadline reached"), "{log}");

    let served = program.serve();
    let stored = served.get_as(&key, &messages).json();
    assert_eq!(stored["data"][1]["status"], "interrupted", "{stored}");
    served.stop();
}

#[test]
fn a_second_signal_stops_immediately() {
    // The turn waits for an upstream that does not respond, and the drain timeout is long.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let program = Program::new().with("AI_GATEWAY_URL", &url).with("CAUSERIE_DRAIN_MS", "600000");
    let served = program.serve();
    let key = fs::read_to_string(program.path("data/admin-key")).unwrap();
    let session = served.post_as(&key, "/sessions", r#"{"tool":"general-assistant"}"#).json();
    served.begin_turn(&key, &format!("/sessions/{}/messages", session["id"].as_str().unwrap()));

    served.signal("TERM");
    served.wait_until("/readyz", 503);
    served.signal("TERM");
    assert_eq!(served.wait().0, 1);
}

#[test]
fn users_and_keys_are_created_on_the_command_line() {
    let program = Program::new();
    assert_eq!(program.run(&["migrate"]).code, 0);
    assert_eq!(program.run(&["migrate"]).stdout, "the database is up to date\n");
    let user = program.run(&["admin", "create-user", "--email", "ada@example.org", "--name", "Ada"]);
    assert_eq!(user.code, 0, "{}", user.stderr);
    let again = program.run(&["admin", "create-user", "--email", "ADA@example.org", "--name", "Ada"]);
    assert_eq!((again.code, again.stdout.as_str()), (1, ""));
    let key = program.run(&["admin", "create-key", "--user", "ada@example.org", "--name", "laptop"]);
    let unknown = program.run(&["admin", "create-key", "--user", "bob@example.org", "--name", "laptop"]);
    assert_eq!(unknown.code, 1);
    assert!(
        unknown.stderr.contains("there is no user with the address bob@example.org"),
        "{}",
        unknown.stderr
    );

    let served = program.serve();
    assert!(!program.path("data/admin-key").exists(), "a store with a user is not bootstrapped");
    let me = served.get_as(&key.stdout, "/me");
    assert_eq!(me.status, 200);
    assert!(me.body.contains("ada@example.org"), "{}", me.body);
    let late = program.run(&[
        "admin",
        "create-key",
        "--user",
        "ada@example.org",
        "--name",
        "l",
        "--expires-in",
        "1h",
    ]);
    assert_eq!(served.get_as(&late.stdout, "/me").status, 200, "a key can be created while a server runs");
    served.stop();
}

#[test]
fn the_documents_are_printed() {
    let program = Program::new();
    let openapi = program.run(&["openapi"]);
    assert!(openapi.stdout.contains(r#""openapi": "3.1"#) && openapi.stdout.ends_with("}\n"));
    let schema = program.run(&["tools", "schema"]);
    assert!(serde_json::from_str::<serde_json::Value>(&schema.stdout).unwrap().is_object());
    assert!(!program.path("data").exists());
}
