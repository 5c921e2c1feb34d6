//! The model that follows the parameters of the request.
#![expect(clippy::unwrap_used, reason = "a test's helper fails the test")]

use causerie_simulator::Simulator;
use serde_json::{Value, json};

use super::client::{ask, simulator};

/// Returns the choice of an answer that is not streamed. A stream must have the same content.
async fn choice(simulator: &Simulator, parameters: Value) -> Value {
    let mut request = json!({"model": "sim/assistant"});
    for (name, value) in parameters.as_object().unwrap() {
        request[name] = value.clone();
    }
    let document = ask(simulator, &request).await.finish().await.json();
    let choice = document["choices"][0].clone();
    request["stream"] = json!(true);
    let stream = ask(simulator, &request).await.finish().await;
    assert!(stream.is_done());
    assert_eq!(stream.content(), choice["message"]["content"].as_str().unwrap_or_default());
    assert_eq!(stream.finish_reasons().first().unwrap(), choice["finish_reason"].as_str().unwrap());
    let arguments = choice["message"]["tool_calls"].as_array().into_iter().flatten();
    let arguments: String =
        arguments.map(|call| call["function"]["arguments"].as_str().unwrap().to_owned()).collect();
    assert_eq!(stream.joined("delta/tool_calls/0/function/arguments"), arguments);
    choice
}

fn says(text: &str) -> Value {
    json!([{"role": "user", "content": text}])
}

fn function(name: &str) -> Value {
    let city = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    json!({"type": "function", "function": {"name": name, "parameters": city}})
}

/// Returns the names and arguments of the calls.
fn calls(choice: &Value) -> Vec<(String, Value)> {
    let calls = choice["message"]["tool_calls"].as_array().into_iter().flatten();
    let arguments =
        |call: &Value| serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
    calls.map(|call| (call["function"]["name"].as_str().unwrap().to_owned(), arguments(call))).collect()
}

#[tokio::test]
async fn functions_of_the_request_are_called_according_to_the_choice() {
    let simulator = simulator();
    let tools = json!([function("get_weather"), function("get_time")]);
    let paris = json!({"city": "Paris"});
    let check = async |text: &str, parameters: Value, expected: &[&str]| {
        let mut request = json!({"messages": says(text), "tools": tools});
        for (name, value) in parameters.as_object().unwrap() {
            request[name] = value.clone();
        }
        let choice = choice(&simulator, request).await;
        let expected: Vec<(String, Value)> =
            expected.iter().map(|name| ((*name).to_owned(), paris.clone())).collect();
        assert_eq!(calls(&choice), expected, "{text} {parameters}");
        let finish = if expected.is_empty() { "stop" } else { "tool_calls" };
        assert_eq!(choice["finish_reason"], finish);
        assert_eq!(choice["message"]["content"].is_null(), !expected.is_empty());
    };
    let both = "The weather and the time in Paris?";
    check("How is the weather in Paris?", json!({}), &["get_weather"]).await;
    check(both, json!({}), &["get_weather", "get_time"]).await;
    check(both, json!({"parallel_tool_calls": false}), &["get_weather"]).await;
    check(both, json!({"tool_choice": "none"}), &[]).await;
    check("Hello from Paris", json!({"tool_choice": "auto"}), &[]).await;
    check("Hello from Paris", json!({"tool_choice": "required"}), &["get_weather"]).await;
    let named = json!({"tool_choice": {"type": "function", "function": {"name": "get_time"}}});
    check("Hello from Paris", named, &["get_time"]).await;
}

#[tokio::test]
async fn results_of_functions_are_answered_with_text() {
    let simulator = simulator();
    let call =
        json!({"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}});
    let request = json!({
        "tools": [function("get_weather")],
        "messages": [
            {"role": "user", "content": "How is the weather in Paris?"},
            {"role": "assistant", "content": null, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
        ],
    });
    let choice = choice(&simulator, request).await;
    assert_eq!(choice["message"]["content"], "The functions returned: rain");
    assert_eq!(choice["finish_reason"], "stop");
}

#[tokio::test]
async fn answers_have_the_format_of_the_request() {
    let simulator = simulator();
    let schema =
        json!({"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}});
    for (format, text, expected) in [
        (
            json!({"type": "json_schema", "json_schema": {"name": "person", "schema": schema}}),
            "This is Grace, 36 years old.",
            json!({"name": "Grace", "age": 36}),
        ),
        (
            json!({"type": "json_object"}),
            "Give me \"setup\" and \"end\".",
            json!({"setup": "setup", "end": "end"}),
        ),
        (json!({"type": "json_object"}), "Hello", json!({"answer": "Hello"})),
    ] {
        let request = json!({"messages": says(text), "response_format": format});
        let choice = choice(&simulator, request).await;
        let content: Value = serde_json::from_str(choice["message"]["content"].as_str().unwrap()).unwrap();
        assert_eq!(content, expected);
    }
}

#[tokio::test]
async fn an_answer_ends_at_the_limit_and_at_a_stop_sequence() {
    let simulator = simulator();
    for (parameters, content, finish) in [
        (json!({"max_tokens": 2}), "You said", "length"),
        (json!({"max_completion_tokens": 1000, "stop": "two"}), "You said: one ", "stop"),
        (json!({"stop": ["three", "two"]}), "You said: one ", "stop"),
    ] {
        let mut request = parameters.clone();
        request["messages"] = says("one two three");
        let choice = choice(&simulator, request).await;
        assert_eq!(
            (&choice["message"]["content"], &choice["finish_reason"]),
            (&json!(content), &json!(finish))
        );
    }
}

#[tokio::test]
async fn a_request_that_asks_for_reasoning_gets_it_within_the_limit() {
    let simulator = simulator();
    let ask = async |parameters: Value| {
        let mut request = parameters;
        request["messages"] = says("Hello");
        choice(&simulator, request).await
    };
    let plain = ask(json!({"reasoning_effort": "none"})).await;
    assert!(plain["message"]["reasoning"].is_null());
    let thinking = ask(json!({"reasoning": {"effort": "low"}})).await;
    assert!(thinking["message"]["reasoning"].is_string() && thinking["message"]["content"].is_string());
    let cut = ask(json!({"reasoning_effort": "low", "max_tokens": 4})).await;
    assert_eq!((&cut["finish_reason"], &cut["message"]["content"]), (&json!("length"), &Value::Null));
    assert_eq!(cut["message"]["reasoning"].as_str().unwrap().chars().count(), 16);
}

#[tokio::test]
async fn log_probabilities_and_images_are_sent_on_request() {
    let simulator = simulator();
    let request = json!({"messages": says("Hello"), "logprobs": true, "modalities": ["text", "image"]});
    let choice = choice(&simulator, request).await;
    let tokens = choice["logprobs"]["content"].as_array().unwrap();
    let text: String = tokens.iter().map(|token| token["token"].as_str().unwrap()).collect();
    assert_eq!(choice["message"]["content"], text);
    let image = choice["message"]["images"][0]["image_url"]["url"].as_str().unwrap();
    assert!(image.starts_with("data:image/png;base64,"));
}

#[tokio::test]
async fn images_and_files_of_the_user_are_named() {
    let simulator = simulator();
    let content = json!([
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="}},
    ]);
    let choice = choice(&simulator, json!({"messages": [{"role": "user", "content": content}]})).await;
    assert!(choice["message"]["content"].as_str().unwrap().ends_with("(With image_url, file.)"));
}
