//! Output, errors and effects of the commands `causerie admin …`.

use crate::process::{Output, Program};
use serde_json::Value;

/// Length of a printed id, a hyphenated UUID.
const ID_CHARS: usize = 36;

fn admin(program: &Program, arguments: &str) -> Output {
    let arguments: Vec<_> = ["admin"].into_iter().chain(arguments.split_whitespace()).collect();
    program.run(&arguments)
}

/// Runs a command that succeeds without warnings, and returns its output.
#[track_caller]
fn printed(program: &Program, arguments: &str) -> String {
    let result = admin(program, arguments);
    assert_eq!((result.code, result.stderr.as_str()), (0, ""), "{arguments}: {}", result.stdout);
    result.stdout
}

/// Creates a user and returns the id.
fn user(program: &Program, name: &str) -> String {
    let id = printed(program, &format!("create-user --email {name}@example.org --name {name}"));
    assert_eq!(id.trim_end().len(), ID_CHARS, "{id}");
    id.trim_end().to_owned()
}

/// Creates a key and returns it with its id.
fn key(program: &Program, arguments: &str) -> (String, String) {
    let before = printed(program, "list-keys");
    let key = printed(program, &format!("create-key {arguments}"));
    let after = printed(program, "list-keys");
    let line = after.lines().find(|line| !before.contains(line)).unwrap();
    (key.trim_end().to_owned(), line.split('\t').next().unwrap().to_owned())
}

#[test]
fn users_are_created_and_listed() {
    let program = Program::new();
    let ada = user(&program, "ada");
    let root = printed(&program, "create-user --email root@example.org --name Root --role admin");
    let listed = printed(&program, "list-users");
    let expected = format!(
        "{ada}\tada@example.org\tuser\tactive\tada\n{}\troot@example.org\tadmin\tactive\tRoot\n",
        root.trim_end()
    );
    assert_eq!(listed, expected);
}

#[test]
fn keys_are_created_listed_and_revoked() {
    let program = Program::new();
    let ada = user(&program, "ada");
    assert_eq!(printed(&program, "list-keys"), "");
    let (whole, id) = key(&program, "--user ADA@example.org --name laptop");
    let (narrow, narrow_id) = key(
        &program,
        "--user ada@example.org --name script --scope read:Usage --scope create:Message --expires-in 12h",
    );
    let public = |key: &str| key.split('_').nth(1).unwrap().to_owned();
    let expected = format!(
        "{id}\tlive\t{ada}\t{}\t\tlaptop\n{narrow_id}\tlive\t{ada}\t{}\tread:Usage,create:Message\tscript\n",
        public(&whole),
        public(&narrow)
    );
    assert_eq!(printed(&program, "list-keys"), expected);

    let served = program.serve();
    assert_eq!(served.get_as(&narrow, "/usage").status, 200);
    assert_eq!(served.get_as(&narrow, "/sessions").status, 403, "a scope restricts the key");
    let me = served.get_as(&whole, "/me").json();
    assert_eq!((&me["user"]["id"], &me["scopes"]), (&Value::from(ada.as_str()), &Value::Array(Vec::new())));
    // Revoking works while a server runs, and repeating it changes nothing.
    for _ in 0..2 {
        assert_eq!(printed(&program, &format!("revoke-key {id}")), "");
    }
    served.stop();
    let served = program.serve();
    assert_eq!(served.get_as(&whole, "/me").status, 401);
    assert_eq!(served.get_as(&narrow, "/usage").status, 200);
    served.stop();
    let listed = printed(&program, "list-keys");
    assert!(listed.contains(&format!("{id}\trevoked\t{ada}")), "{listed}");
    assert!(listed.contains(&format!("{narrow_id}\tlive\t{ada}")), "{listed}");
}

#[test]
fn long_lists_are_printed_completely() {
    let program = Program::new();
    user(&program, "ada");
    // More entries than one page of the store.
    let served = program.serve();
    let (root, _) = {
        printed(&program, "create-user --email root@example.org --name Root --role admin");
        key(&program, "--user root@example.org --name root")
    };
    for number in 0..105 {
        let body = format!(r#"{{"email":"u{number}@example.org","name":"U{number}"}}"#);
        assert_eq!(served.post_as(&root, "/users", &body).status, 201);
        assert_eq!(served.post_as(&root, "/api-keys", &format!(r#"{{"name":"k{number}"}}"#)).status, 201);
    }
    assert_eq!(printed(&program, "list-users").lines().count(), 107);
    assert_eq!(printed(&program, "list-keys").lines().count(), 106);
    served.stop();
}

#[test]
fn a_user_is_linked_to_an_external_id_of_its_own() {
    let program = Program::new();
    let ada = user(&program, "ada");
    user(&program, "bob");
    printed(&program, "create-user --email root@example.org --name Root --role admin");
    let (root, _) = key(&program, "--user root@example.org --name root");
    let link = |user: &str, subject: &str| {
        admin(
            &program,
            &format!("link-user --user {user}@example.org --issuer https://id.example --subject {subject}"),
        )
    };
    let linked = link("ada", "a-1");
    assert_eq!((linked.code, linked.stdout.as_str(), linked.stderr.as_str()), (0, "", ""));
    let taken = link("bob", "a-1");
    assert_eq!((taken.code, taken.stdout.as_str()), (1, ""));
    assert_eq!(taken.stderr, "causerie: another user has this issuer and subject\n");
    assert_eq!(link("ada", "a-2").code, 0, "the external id of a user can be replaced");
    assert_eq!(link("bob", "a-1").code, 0, "the replaced external id is free");

    // Changes by a command have audit events without an actor.
    let served = program.serve();
    let events = served.get_as(&root, &format!("/audit/events?subject_id={ada}")).json();
    let received: Vec<_> = events["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| {
            assert!(event["actor_id"].is_null() && event["api_key_id"].is_null(), "{event}");
            format!("{} {}", event["action"].as_str().unwrap(), event["detail"])
        })
        .collect();
    let issuer = "https://id.example";
    assert_eq!(
        received,
        [
            format!(r#"user.link {{"issuer":"{issuer}","subject":"a-2"}}"#),
            format!(r#"user.link {{"issuer":"{issuer}","subject":"a-1"}}"#),
            r#"user.create {"role":"user"}"#.to_owned(),
        ]
    );
    served.stop();
}

#[test]
fn invalid_arguments_are_named_and_change_nothing() {
    let program = Program::new();
    user(&program, "ada");
    let before = (printed(&program, "list-users"), printed(&program, "list-keys"));
    let nowhere = "01990000-0000-7000-8000-000000000001";
    let long = "x".repeat(201);
    let check = |arguments: &str, code: i32, places: &[&str]| {
        let refused = admin(&program, arguments);
        assert_eq!((refused.code, refused.stdout.as_str()), (code, ""), "{arguments}: {}", refused.stderr);
        for place in places {
            assert!(refused.stderr.contains(place), "{arguments}: {place} in {}", refused.stderr);
        }
    };
    check("create-user --email ADA@example.org --name Ada", 1, &["ADA@example.org already"]);
    check("create-user --email ada --name Ada", 2, &["--email", "name@host"]);
    check("create-user --email x@example.org", 2, &["--name"]);
    check(&format!("create-user --email x@example.org --name {long}"), 2, &["--name", "200"]);
    check("create-user --email x@example.org --name X --role owner", 2, &["--role", "owner"]);
    check("create-key --user bob@example.org --name n", 1, &["no user with the address bob@example.org"]);
    check("create-key --user ada@example.org", 2, &["--name"]);
    check(&format!("create-key --user ada@example.org --name {long}"), 2, &["--name", "200"]);
    check("create-key --user ada@example.org --name n --scope see:Usage", 2, &["--scope", "see"]);
    check("create-key --user ada@example.org --name n --scope read", 2, &["--scope"]);
    let scopes = |count: usize| {
        format!("create-key --user ada@example.org --name n{}", " --scope read:Usage".repeat(count))
    };
    check(&scopes(101), 1, &["--scope", "at most 100", "101"]);
    check(&scopes(100).replace("ada@", "bob@"), 1, &["no user with the address bob"]);
    check("create-key --user ada@example.org --name n --expires-in soon", 2, &["--expires-in", "90d"]);
    check("link-user --user bob@example.org --issuer i --subject s", 1, &["no user with the address bob"]);
    check("link-user --user ada@example.org --issuer i", 2, &["--subject"]);
    check("revoke-key laptop", 2, &["laptop"]);
    check(&format!("revoke-key {nowhere}"), 1, &["no key with the id", nowhere]);
    check("list-users --database-url mysql://me:hunter2@host/db", 2, &["DATABASE_URL (--database-url)"]);
    check("forget-user ada", 2, &["forget-user"]);
    // Control characters would break the lines of the lists.
    for arguments in [
        ["create-user", "--email", "x@example.org", "--name", "a\tb"],
        ["create-key", "--user", "ada@example.org", "--name", "a\nb"],
    ] {
        let refused = program.run(&[&["admin"], &arguments[..]].concat());
        assert_eq!((refused.code, refused.stdout.as_str()), (2, ""));
        assert!(refused.stderr.contains("control characters"), "{}", refused.stderr);
    }
    assert_eq!((printed(&program, "list-users"), printed(&program, "list-keys")), before);
}

#[test]
fn a_missing_database_is_not_created() {
    let program = Program::new().with("DATABASE_URL", "sqlite://typo.db");
    for arguments in [
        "list-users",
        "list-keys",
        "create-key --user ada@example.org --name n",
        "link-user --user ada@example.org --issuer i --subject s",
        "revoke-key 01990000-0000-7000-8000-000000000001",
    ] {
        let refused = admin(&program, arguments);
        assert_eq!((refused.code, refused.stdout.as_str()), (1, ""), "{arguments}");
        assert!(refused.stderr.contains("there is no database typo.db"), "{}", refused.stderr);
        assert!(!program.path("typo.db").exists(), "{arguments}");
    }
}

#[test]
fn secrets_are_not_printed_or_logged_except_a_new_key() {
    let program = Program::new().with("CAUSERIE_LOG", "trace").with("CAUSERIE_LOG_FORMAT", "json");
    let (mut output, mut secrets) = (String::new(), Vec::new());
    let secret = |key: &str| key.trim().rsplit('_').next().unwrap().to_owned();
    let mut run = |arguments: &str| {
        let result = admin(&program, arguments);
        assert_eq!(result.code, 0, "{arguments}: {}", result.stderr);
        output += &result.stderr;
        result.stdout
    };
    run("create-user --email root@example.org --name Root --role admin");
    let key = run("create-key --user root@example.org --name laptop");
    secrets.push(secret(&key));
    let mut lists = run("list-users");
    let served = program.serve();
    // All operations with secrets: valid and invalid keys, tickets and tokens, in headers and in query parameters.
    let created = served.post_as(&key, "/api-keys", r#"{"name":"second"}"#).json();
    let second = created["key"].as_str().unwrap().to_owned();
    secrets.push(secret(&second));
    let session = served.post_as(&second, "/sessions", r#"{"tool":"general-assistant"}"#).json();
    let path = format!("/sessions/{}", session["id"].as_str().unwrap());
    let ticket = served.post_as(&second, &format!("{path}/stream-tickets"), "").json();
    let ticket = ticket["ticket"].as_str().unwrap().to_owned();
    secrets.push(secret(&ticket));
    assert_eq!(served.get(&format!("{path}/stream?ticket={ticket}")).status, 204);
    let wrong = format!("{}_{}", second.rsplit_once('_').unwrap().0, "W".repeat(43));
    secrets.push(secret(&wrong));
    let token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl";
    secrets.push(token.rsplit('.').next().unwrap().to_owned());
    for credential in [&wrong, token, &ticket] {
        let refused = served.get_as(credential, "/me");
        assert_eq!(refused.status, 401);
        lists += &refused.body;
    }
    for path in
        [format!("/me?api_key={second}"), format!("/me?access_token={token}"), format!("/me?ticket={ticket}")]
    {
        let refused = served.get(&path);
        assert_eq!(refused.status, 401);
        lists += &refused.body;
    }
    for path in ["/api-keys", "/me", "/audit/events", "/users", "/openapi.json"] {
        lists += &served.get_as(&key, path).body;
    }
    lists += &run("list-keys");
    let id = created["id"].as_str().unwrap();
    run(&format!("revoke-key {id}"));
    output += &served.stop();
    assert!(output.lines().count() > 10, "the log level is trace");
    for secret in secrets {
        for (what, text) in [("the log", &output), ("an answer", &lists)] {
            let line = text.lines().find(|line| line.contains(&secret));
            assert!(line.is_none(), "{secret} is in {what}: {line:?}");
        }
    }
}
