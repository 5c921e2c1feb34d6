//! The log of failed turns: it has the errors of the upstream, and nothing of the conversation.

use std::fs;

use crate::process::Program;
use crate::process::conversation::Conversation;

/// Models whose turns fail, each in another way.
const FAILING: [&str; 34] = [
    "sim/status?code=400&body=quote",
    "sim/status?code=400&body=quote-json",
    "sim/status?code=422&body=quote-html",
    "sim/status?code=422&body=quote-text",
    "sim/status?code=404&body=quote-html",
    "sim/status?code=400",
    "sim/status?code=400&body=provider",
    "sim/status?code=400&body=provider-json",
    "sim/status?code=413&body=html",
    "sim/status?code=400&body=text",
    "sim/status?code=400&body=empty",
    "sim/status?code=500&body=string-code",
    "sim/status?code=500&body=no-code",
    "sim/unauthorized",
    "sim/payment",
    "sim/moderation",
    "sim/guardrail",
    "sim/no-endpoints",
    "sim/unknown-model",
    "sim/context-length?limit=1",
    "sim/error-200",
    "sim/rate-limited?form=daily",
    "sim/error-mid-stream",
    "sim/garbage?kind=malformed",
    "sim/garbage?kind=glued",
    "sim/garbage?kind=utf8",
    "sim/garbage?kind=text",
    "sim/garbage?kind=array",
    "sim/garbage?kind=html",
    "sim/garbage?kind=words",
    "sim/empty",
    "sim/cut-mid-stream",
    "sim/drop",
    "sim/tool-call",
];

const QUESTION: &str = "My \"secret\" plan\nfor C:\\temp – ünïcode 🦀 & <b>bold</b> 100 % confidential words";
/// Length of a run of the conversation that the log must not have.
const RUN: usize = 16;

#[test]
fn the_log_of_failed_turns_quotes_no_conversation() {
    let program = Program::new()
        .with("CAUSERIE_TOOLS_DIR", "tools")
        .with("CAUSERIE_LOG_FORMAT", "json")
        .with("CAUSERIE_LOG", "debug")
        .with("CAUSERIE_SENDS_PER_MINUTE", "0")
        .with("AI_MAX_RETRIES", "0");
    fs::create_dir(program.path("tools")).unwrap();
    for (number, model) in FAILING.into_iter().enumerate() {
        let tool = format!(
            "name: tool-{number}\nversion: 1.0.0\ntype: chat\ntitle: Tool\nbehavior: Be discreet.\nmodel: {model:?}\n"
        );
        fs::write(program.path(&format!("tools/tool-{number}.yaml")), tool).unwrap();
    }
    let served = program.serve();
    let mut answers = String::new();
    for (number, model) in FAILING.into_iter().enumerate() {
        let chat = Conversation::with_tool(&program, &served, &format!("tool-{number}"));
        let stream = chat.send(&served, QUESTION, "");
        assert!(stream.contains("[DONE]"), "{model}: {stream}");
        answers += &crate::process::conversation::text(&stream);
        answers.push('\n');
    }
    let log = served.stop();
    let failures = log.matches("\"attempt failed\"").count() + log.matches("refused the API key").count();
    assert!(failures >= FAILING.len() - 3, "{failures} failures: {log}");
    assert!(log.contains("invalid input: ***") && log.contains("requires more credits"), "{log}");
    for text in [QUESTION, answers.as_str()] {
        for line in text.lines() {
            let json = serde_json::to_string(line).unwrap();
            for form in
                [line, json.trim_matches('"'), &serde_json::to_string(json.trim_matches('"')).unwrap()]
            {
                let characters: Vec<char> = form.trim_matches('"').chars().collect();
                for run in characters.windows(RUN) {
                    let run: String = run.iter().collect();
                    let quoting = log.lines().find(|line| line.contains(&run));
                    assert!(quoting.is_none(), "{run:?} in {quoting:?}");
                }
            }
        }
    }
    assert!(
        !log.contains(|one: char| one.is_control() && one != '\n' || one == '\u{FFFD}'),
        "bytes that are no text"
    );
}
