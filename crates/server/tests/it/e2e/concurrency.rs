//! Concurrent sends, renames, forks and reads of one session: its totals, its title and its last activity.

use causerie_domain::Usd;
use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::{Chat, TestAppBuilder};
use futures_util::future::try_join_all;
use serde_json::{Value, json};

causerie_testkit::on_both_databases! {
    the_first_of_concurrent_messages_sets_the_title,
    totals_and_activity_are_consistent_during_concurrent_requests,
    concurrent_requests_do_not_reopen_a_completed_session,
}

const SENDERS: usize = 5;
const SENDS: usize = 4;

/// Repeats a send until no other turn runs.
async fn send_until_accepted(chat: &Chat, content: &str) -> Result<()> {
    loop {
        let reply = chat.send_for_json(content).await?;
        if reply.status == 200 {
            return Ok(());
        }
        reply.problem(409, "turn_in_progress")?;
    }
}

async fn the_first_of_concurrent_messages_sets_the_title(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("words", "sim/text?words=1").start().await?;
    let chat = app.ada.chat("words").await?;
    let contents: Vec<String> = (0..8).map(|number| format!("  Question {number}?\nPlease.")).collect();
    try_join_all(contents.iter().map(|content| send_until_accepted(&chat, content))).await?;
    let first = chat.messages().await?[0]["content"].clone();
    let line = first.as_str().context("a text")?.trim().lines().next().context("a line")?;
    assert_eq!(chat.detail().await?["title"], line);
    app.stop().await
}

async fn totals_and_activity_are_consistent_during_concurrent_requests(
    builder: TestAppBuilder,
) -> Result<()> {
    let app = builder.tool("words", "sim/text?words=3").start().await?;
    let chat = app.ada.chat("words").await?;
    send_until_accepted(&chat, "Hello").await?;
    let send = async |sender: usize| -> Result<()> {
        for number in 0..SENDS {
            send_until_accepted(&chat, &format!("{sender} {number}")).await?;
        }
        Ok(())
    };
    let rename = async |number: usize| -> Result<()> {
        let body = json!({ "title": format!("Name {number}") });
        app.ada.patch(&chat.path(""), &body).await?.json(200)?;
        Ok(())
    };
    let fork = async |_| -> Result<Value> {
        app.ada.post(&chat.path("/forks"), &json!({ "from_seq": 2 })).await?.json(201)
    };
    let read = async || -> Result<()> {
        let (mut activity, mut messages, mut cost) = (String::new(), 0, Usd::ZERO);
        while messages < 2 * (1 + SENDERS * SENDS) as u64 {
            let detail = chat.detail().await?;
            let text = |value: &Value| value.as_str().map(str::to_owned).context("a text");
            let (last, now) =
                (std::mem::replace(&mut activity, text(&detail["last_activity_at"])?), messages);
            // Both are RFC 3339 in UTC with the same number of digits.
            assert!(last <= activity, "{last} then {activity}");
            messages = detail["totals"]["messages"].as_u64().context("a number")?;
            assert!(messages >= now && messages % 2 == 0, "{now} then {messages}");
            let paid = text(&detail["totals"]["cost"])?.parse()?;
            assert!(paid >= cost, "{cost} then {paid}");
            cost = paid;
        }
        Ok(())
    };
    let (_, _, forks, ()) = tokio::try_join!(
        try_join_all((0..SENDERS).map(send)),
        try_join_all((0..10).map(rename)),
        try_join_all((0..5).map(fork)),
        read(),
    )?;

    let (messages, detail) = (chat.messages().await?, chat.detail().await?);
    assert_eq!(messages.len(), 2 * (1 + SENDERS * SENDS));
    let usages: Vec<&Value> =
        messages.iter().map(|message| &message["usage"]).filter(|usage| !usage.is_null()).collect();
    let tokens = |member: &str| usages.iter().filter_map(|usage| usage[member].as_u64()).sum::<u64>();
    let costs = usages.iter().filter_map(|usage| usage["cost"].as_str());
    let costs = costs.map(str::parse::<Usd>).collect::<Result<Vec<_>, _>>()?;
    let cost = costs.into_iter().try_fold(Usd::ZERO, Usd::checked_add).context("a sum")?;
    assert_eq!(
        detail["totals"],
        json!({
            "messages": messages.len(),
            "input_tokens": tokens("input_tokens"),
            "output_tokens": tokens("output_tokens"),
            "cost": cost.to_string(),
            "cached_tokens": 0,
            "cache_write_tokens": 0,
            "cache_saved": "0",
        })
    );
    let title = detail["title"].as_str().context("a title")?;
    assert!(title.starts_with("Name "), "{title}");
    let turn = messages[messages.len() - 1]["turn_id"].as_str().context("a turn")?;
    let turn = app.ada.get(&format!("/turns/{turn}")).await?.json(200)?;
    assert_eq!(
        detail["last_activity_at"], turn["ended_at"],
        "neither renaming nor forking is activity in it"
    );

    for fork in forks {
        let copy =
            app.ada.get(&format!("/sessions/{}", fork["id"].as_str().context("an id")?)).await?.json(200)?;
        assert_eq!((&copy["totals"]["messages"], &copy["totals"]["cost"]), (&json!(2), &json!("0")));
        assert_eq!(copy["messages"][1]["content"], messages[1]["content"]);
    }
    app.stop().await
}

async fn concurrent_requests_do_not_reopen_a_completed_session(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("words", "sim/text?words=1").start().await?;
    for _ in 0..3 {
        let chat = app.ada.chat("words").await?;
        let change = async |action: &'static str| -> Result<()> {
            let reply = chat.change_state(action).await?;
            match reply.status {
                200 => reply.json(200).map(drop),
                _ => reply.problem(409, "invalid_state").map(drop),
            }
        };
        let send = async |number: usize| -> Result<bool> {
            let reply = chat.send_for_json(&number.to_string()).await?;
            let refusals = ["session_not_active", "turn_in_progress"];
            let refused = refusals.iter().any(|code| reply.problem(409, code).is_ok());
            assert!(refused || reply.status == 200, "{}", reply.body);
            Ok(reply.status == 200)
        };
        let changes = (0..12).map(|number| change(["pause", "resume", "pause", "complete"][number % 4]));
        let (_, sent) = tokio::try_join!(try_join_all(changes), try_join_all((0..8).map(send)))?;

        let detail = chat.detail().await?;
        assert_eq!((&detail["state"], &detail["active_turn_id"]), (&json!("completed"), &Value::Null));
        assert_eq!(chat.messages().await?.len(), 2 * sent.iter().filter(|sent| **sent).count());
        chat.send_for_json("Too late").await?.problem(409, "session_not_active")?;
        assert_eq!(
            chat.change_state("complete").await?.json(200)?["ended_at"],
            detail["ended_at"],
            "it ended once"
        );
    }
    app.stop().await
}
