//! The address that the first start prints, and the sign-in with its one-time code.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::process::{Program, RunningServer};

/// Sends the code with these headers, each of which ends with a line break, and returns the status and the body.
fn sign_in(served: &RunningServer, headers: &str, code: &str) -> (u16, Value) {
    let mut connection = TcpStream::connect(served.address()).unwrap();
    let body = json!({ "code": code }).to_string();
    let length = body.len();
    let request = format!(
        "POST /sign-in HTTP/1.1\r\n{headers}content-type: application/json\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{body}"
    );
    connection.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(!head.contains(code) && !body.contains(code), "the code is repeated");
    (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap())
}

/// Returns the code in the banner of a first start.
fn code(served: &RunningServer) -> String {
    let banner = served.banner();
    let address = format!("http://{}/#code=", served.address());
    let code = banner.split_once(&address).unwrap_or_else(|| panic!("{banner}")).1;
    code.split_whitespace().next().unwrap().to_owned()
}

#[test]
fn the_first_start_prints_an_address_that_signs_the_admin_in_once() {
    let program = Program::new();
    let served = program.serve();
    let code = code(&served);
    let host = "host: localhost\r\n";

    // No refusal uses the code up.
    for headers in [
        "host: causerie.example.org\r\n",
        "host: localhost\r\nx-forwarded-for: 127.0.0.1\r\n",
        "host: localhost\r\nforwarded: for=127.0.0.1\r\n",
        "host: localhost\r\nx-real-ip: 127.0.0.1\r\n",
    ] {
        let (status, problem) = sign_in(&served, headers, &code);
        assert_eq!((status, &problem["reason"]), (403, &json!("not_from_this_machine")), "{headers}");
    }
    let (status, problem) = sign_in(&served, host, &code[1..]);
    assert_eq!((status, &problem["code"]), (401, &json!("unauthenticated")));

    let (status, signed_in) = sign_in(&served, host, &code);
    assert_eq!(status, 200, "{signed_in}");
    let key = signed_in["key"].as_str().unwrap();
    let me = served.get_as(key, "/me").json();
    assert_eq!((&me["user"]["name"], &me["user"]["role"]), (&json!("admin"), &json!("admin")));
    let keys = served.get_as(key, "/api-keys").json();
    let of_sign_in = keys["data"].as_array().unwrap().iter().find(|key| !key["expires_at"].is_null());
    let of_sign_in = of_sign_in.unwrap();
    assert_eq!(of_sign_in["expires_at"], signed_in["expires_at"]);
    let events = served.get_as(key, "/audit/events").json();
    let event =
        events["data"].as_array().unwrap().iter().find(|event| event["subject_id"] == of_sign_in["id"]);
    let event = event.unwrap_or_else(|| panic!("{events}"));
    assert_eq!((&event["action"], &event["actor_id"]), (&json!("api_key.create"), &me["user"]["id"]));

    assert_eq!(sign_in(&served, host, &code).0, 401, "a code works once");
    let log = served.stop();
    assert!(log.contains("signed in with the one-time code"), "{log}");
    assert!(!log.contains(&code) && !log.contains(key), "the code or the key is logged");

    let served = program.serve();
    assert!(!served.banner().contains("#code="), "{}", served.banner());
    assert_eq!(sign_in(&served, host, &code).0, 401);
    served.stop();
}

#[test]
fn without_authentication_no_code_is_printed() {
    let program = Program::new();
    let served = program.serve_with(&[("CAUSERIE_INSECURE_NO_AUTH", "true")]);
    let banner = served.banner();
    let page = format!("The page is at http://{}/.", served.address());
    assert!(
        banner.contains("first start") && banner.contains(&page) && !banner.contains("#code="),
        "{banner}"
    );
}
