//! Many turns at once while the upstream limits everybody, and right after it stops.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use causerie_simulator::Fault;
use causerie_testkit::anyhow::Result;
use causerie_testkit::app::{Chat, TestAppBuilder};
use futures_util::future::try_join_all;

causerie_testkit::on_both_databases! {
    a_storm_of_refused_turns_is_no_storm_upstream,
}

const CHATS: usize = 500;
/// Long enough for a turn to spend all its retries: they wait for a second and a half at most.
const OUTAGE: Duration = Duration::from_secs(2);

/// How turns ended, by `completed` or the code of the failure.
type Ends = BTreeMap<String, usize>;

async fn a_storm_of_refused_turns_is_no_storm_upstream(on: TestAppBuilder) -> Result<()> {
    let on = on.settings(|settings| {
        settings.upstream.max_retries = 2;
        // On a machine that is busy with other tests, renewing five hundred turns can take longer than a lease.
        settings.runtime.lease = Duration::from_secs(60);
    });
    let app = on.tool("echo", "sim/echo").start().await?;
    let chats = try_join_all((0..CHATS).map(|_| app.ada.chat("echo"))).await?;
    let asked_before = app.upstream().total();
    app.upstream().fail_all(Fault::RateLimited { retry_after: None })?;
    let begun = Instant::now();
    let mut ends = Ends::new();
    while begun.elapsed() < OUTAGE {
        say_everywhere(&chats, &mut ends).await?;
    }
    app.upstream().recover();
    let refused: usize = ends.values().sum();
    for code in ends.keys() {
        assert!(["upstream_rate_limited", "upstream_busy"].contains(&code.as_str()), "{ends:?}");
    }

    let mut after = Ends::new();
    say_everywhere(&chats, &mut after).await?;
    assert_eq!(after, Ends::from([("completed".to_owned(), CHATS)]));
    let (turns, requests) = (refused + CHATS, app.upstream().total() - asked_before);
    assert!(requests * 10 <= turns as u64 * 11, "{requests} requests of {turns} turns");
    app.stop().await
}

/// One turn in every chat, all at once.
async fn say_everywhere(chats: &[Chat], ends: &mut Ends) -> Result<()> {
    for end in try_join_all(chats.iter().map(end_of_a_turn)).await? {
        *ends.entry(end).or_default() += 1;
    }
    Ok(())
}

async fn end_of_a_turn(chat: &Chat) -> Result<String> {
    let told = chat.say("Hello").await?;
    let end = match told.data_of("data-error") {
        Ok(failure) => failure["data"]["code"].clone(),
        Err(_) => told.data_of("finish")?["messageMetadata"]["status"].clone(),
    };
    Ok(end.as_str().unwrap_or_default().to_owned())
}
