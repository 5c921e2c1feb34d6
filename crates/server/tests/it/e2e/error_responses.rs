//! Errors of HTTP itself: all but those of the parser are problem documents with a request id.

use causerie_testkit::anyhow::{Context as _, Result, ensure};
use causerie_testkit::app::{TestApp, TestAppBuilder};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

causerie_testkit::on_both_databases! {
    errors_are_problem_documents_with_a_request_id,
    the_parser_answers_without_a_body,
}

/// Head and body of a response.
struct RawResponse {
    status: u16,
    head: String,
    body: String,
}

/// Sends bytes on a connection of their own and reads the response to its end.
async fn exchange(app: &TestApp, request: &[u8]) -> Result<RawResponse> {
    let mut connection = TcpStream::connect(app.ada.server()).await?;
    // The server may answer and close before it has read everything.
    let _ = connection.write_all(request).await;
    let mut response = Vec::new();
    let _ = connection.read_to_end(&mut response).await;
    let response = String::from_utf8(response)?;
    let response = response.trim_start_matches("HTTP/1.1 100 Continue\r\n\r\n");
    let (head, body) = response.split_once("\r\n\r\n").with_context(|| format!("no head: {response:?}"))?;
    let status = head.split(' ').nth(1).context("a status")?.parse()?;
    Ok(RawResponse { status, head: head.to_ascii_lowercase(), body: body.to_owned() })
}

async fn errors_are_problem_documents_with_a_request_id(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let json = "content-type: application/json\r\n";
    let cases: [(&str, &str, &str, &str, u16, &str); 14] = [
        ("GET", "/nowhere", "", "", 404, "not_found"),
        ("GET", "/healthz/", "", "", 404, "not_found"),
        ("PUT", "/sessions", "", "", 405, "method_not_allowed"),
        ("TRACE", "/sessions", "", "", 405, "method_not_allowed"),
        ("BREW", "/sessions", "", "", 405, "method_not_allowed"),
        ("GET", "/sessions?limit=many", "", "", 400, "invalid_parameter"),
        ("POST", "/sessions", "content-type: text/plain\r\n", "x", 415, "unsupported_media_type"),
        ("POST", "/sessions", json, "{", 400, "invalid_body"),
        (
            "POST",
            "/sessions",
            "content-type: application/json\r\nexpect: 100-continue\r\n",
            "{",
            400,
            "invalid_body",
        ),
        (
            "POST",
            "/sessions",
            "content-type: application/json\r\ntransfer-encoding: chunked\r\n",
            "zz\r\n",
            400,
            "invalid_body",
        ),
        ("GET", "/usage/records", "accept: image/png\r\n", "", 406, "not_acceptable"),
        ("OPTIONS", "*", "", "", 404, "not_found"),
        ("POST", "/docs", "", "", 405, "method_not_allowed"),
        (
            "POST",
            "/sessions",
            "content-type: application/json\r\ncontent-length: 99999999\r\n",
            "",
            413,
            "payload_too_large",
        ),
    ];
    for (method, path, headers, body, status, code) in cases {
        let length = match headers.contains("transfer-encoding") || headers.contains("content-length") {
            true => String::new(),
            false => format!("content-length: {}\r\n", body.len()),
        };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\nauthorization: Bearer {}\r\n\
             {headers}{length}\r\n{body}",
            app.ada.key()
        );
        let response = exchange(&app, request.as_bytes()).await?;
        let name = format!("{method} {path} {headers}");
        ensure!(response.status == status, "{name}: {} {}", response.head, response.body);
        ensure!(
            response.head.contains("content-type: application/problem+json"),
            "{name}: {}",
            response.head
        );
        let start = response.body.find('{').unwrap_or_default();
        let problem: Value = serde_json::from_str(&response.body[start..]).with_context(|| name.clone())?;
        ensure!(problem["code"] == code, "{name}: {problem}");
        let id = problem["request_id"].as_str().context("a request id")?;
        ensure!(response.head.contains(&format!("x-request-id: {id}")), "{name}: {}", response.head);
    }
    // A range is ignored, as RFC 9110 (14.2) allows.
    for (header, value) in [("range", "bytes=9-1"), ("if-range", "x"), ("if-match", "\"x\"")] {
        let request = app.ada.request(reqwest::Method::GET, "/sessions").header(header, value);
        assert_eq!(request.send().await?.status(), 200, "{header}");
    }
    app.stop().await
}

async fn the_parser_answers_without_a_body(builder: TestAppBuilder) -> Result<()> {
    let app = builder.start().await?;
    let long = format!("GET /healthz HTTP/1.1\r\nhost: test\r\nx-long: {}\r\n\r\n", "x".repeat(200_000));
    let cases: [(&str, u16); 7] = [
        ("nonsense\r\n\r\n", 400),
        ("GET /healthz HTTP/3.0\r\nhost: test\r\n\r\n", 400),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nhost test\r\n\r\n", 400),
        ("POST /sessions HTTP/1.1\r\nhost: test\r\ncontent-length: many\r\n\r\n", 400),
        ("POST /sessions HTTP/1.1\r\nhost: test\r\ntransfer-encoding: gzip\r\n\r\n", 400),
        (&long, 431),
    ];
    for (request, status) in cases {
        let response = exchange(&app, request.as_bytes()).await?;
        let name = request.get(..60).unwrap_or(request);
        ensure!(response.status == status, "{name:?}: {} {}", response.head, response.body);
        ensure!(
            response.body.is_empty() && !response.head.contains("x-request-id"),
            "{name:?}: {}",
            response.head
        );
    }
    app.stop().await
}
