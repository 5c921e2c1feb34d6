//! Reconciliation of costs that the upstream did not report in the stream.

use std::time::Duration;

use crate::support::scripted_gateway::{Step, fail, finish, identified, record, text};
use crate::support::{World, first_delta, paused_world, user};
use causerie_domain::completion::{CompletionError, CompletionErrorKind, CompletionEvent, GenerationInfo};
use causerie_domain::models::{CatalogModel, Pricing};
use causerie_domain::ports::{Models, Reap, ReapScope, Reconciliation, TurnLogQuery, TurnStore};
use causerie_domain::principal::Principal;
use causerie_domain::usage::{CostBasis, MessageUsage};
use causerie_domain::{SessionId, Timestamp, Usd};
use causerie_memory_store::MemoryStore;
use causerie_runtime::Settings;
use tokio::time::Instant;

const HOUR: Duration = Duration::from_secs(3600);
const NOW: Timestamp = Timestamp::from_micros(1_780_000_000_000_000);

/// Creates a store with the tool's model at 3 (input) and 15 (output) pico-USD per token, and another one at 100.
async fn priced() -> MemoryStore {
    let store = MemoryStore::new();
    let model = |id: &str, dated: &str, prompt, completion| CatalogModel {
        id: id.to_owned(),
        canonical_slug: Some(dated.to_owned()),
        name: id.to_owned(),
        context_length: Some(8192),
        max_completion_tokens: None,
        input_modalities: vec!["text".to_owned()],
        output_modalities: vec!["text".to_owned()],
        supported_parameters: Vec::new(),
        pricing: Pricing {
            prompt: Some(Usd::from_pico(prompt)),
            completion: Some(Usd::from_pico(completion)),
            ..Pricing::default()
        },
    };
    let models =
        vec![model("sim/test", "sim/test-2026", 3, 15), model("sim/dear", "sim/dear-2026", 100, 100)];
    store.replace_catalog(models, NOW).await.unwrap();
    store
}

async fn world() -> World {
    paused_world(priced().await, Settings::default()).await
}

/// Returns settings with one query per minute, for tests that wait for days.
fn slow_polling() -> Settings {
    Settings { reconcile_interval: Duration::from_secs(60), ..Settings::default() }
}

/// Runs a turn whose answer is interrupted after its first word. Returns its session.
async fn interrupted_turn(world: &World, anna: &Principal) -> SessionId {
    let session = world.session(anna).await;
    world.upstream.enqueue(vec![identified("gen-1"), text("four"), fail(CompletionErrorKind::Interrupted)]);
    world.send_and_read(anna, session, "Hi").await;
    session
}

async fn usage(world: &World, anna: &Principal, session: SessionId) -> MessageUsage {
    world.messages(anna, session).await.pop().unwrap().usage.unwrap()
}

/// Returns the cost in pico-USD and its basis.
async fn cost(world: &World, anna: &Principal, session: SessionId) -> (Option<i64>, CostBasis) {
    let usage = usage(world, anna, session).await;
    (usage.cost.map(Usd::pico), usage.basis)
}

/// Returns the seconds from an instant to each look-up.
fn lookups_since(world: &World, start: Instant) -> Vec<u64> {
    world.upstream.lookups().iter().map(|at| (*at - start).as_secs()).collect()
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_answer_gets_the_cost_of_its_generation_record() {
    let (world, anna) = (world().await, user("anna"));
    world.upstream.set_records([Ok(None), Ok(None), Ok(record(None)), Ok(record(Some(777)))]);
    let session = interrupted_turn(&world, &anna).await;
    let start = Instant::now();
    let (provisional, basis) = cost(&world, &anna, session).await;
    assert!(basis == CostBasis::Pending && provisional > Some(15), "an estimate is used: {provisional:?}");

    tokio::time::sleep(HOUR).await;
    assert_eq!(cost(&world, &anna, session).await, (Some(777), CostBasis::LookedUp));
    assert_eq!(usage(&world, &anna, session).await.tokens.input, Some(20));
    let lookups = lookups_since(&world, start);
    assert_eq!(lookups.len(), 4, "a settled row is not looked up again: {lookups:?}");
    assert!(lookups[0] <= 2 && (2..=4).contains(&(lookups[1] - lookups[0])), "{lookups:?}");
    assert!(lookups.windows(3).all(|three| three[2] - three[1] > three[1] - three[0]), "{lookups:?}");
}

#[tokio::test(start_paused = true)]
async fn a_row_without_a_record_keeps_its_estimate() {
    let (world, anna) = (paused_world(priced().await, slow_polling()).await, user("anna"));
    let session = interrupted_turn(&world, &anna).await;
    let (provisional, _) = cost(&world, &anna, session).await;
    tokio::time::sleep(HOUR * 23).await;
    assert_eq!(cost(&world, &anna, session).await, (provisional, CostBasis::Pending));
    tokio::time::sleep(HOUR * 2).await;
    assert_eq!(cost(&world, &anna, session).await, (provisional, CostBasis::Estimated));
    let asked = world.upstream.lookups().len();
    assert!((10..30).contains(&asked), "{asked}");
    tokio::time::sleep(HOUR * 48).await;
    assert_eq!(world.upstream.lookups().len(), asked);
}

#[tokio::test(start_paused = true)]
async fn a_row_without_a_record_and_prices_has_an_unknown_cost() {
    let (world, anna) = (paused_world(MemoryStore::new(), slow_polling()).await, user("anna"));
    let session = interrupted_turn(&world, &anna).await;
    tokio::time::sleep(HOUR * 25).await;
    assert_eq!(cost(&world, &anna, session).await, (None, CostBasis::Unknown));
}

#[tokio::test(start_paused = true)]
async fn look_ups_pause_as_long_as_a_rate_limit_requests() {
    let (world, anna) = (world().await, user("anna"));
    let limited = CompletionError {
        retry_after: Some(Duration::from_secs(40)),
        ..CompletionError::new(CompletionErrorKind::RateLimited, "slow down")
    };
    world.upstream.set_records([Err(limited), Ok(record(Some(5)))]);
    let sessions = [
        interrupted_turn(&world, &anna).await,
        interrupted_turn(&world, &anna).await,
        interrupted_turn(&world, &anna).await,
    ];
    tokio::time::sleep(HOUR).await;
    for session in sessions {
        assert_eq!(cost(&world, &anna, session).await, (Some(5), CostBasis::LookedUp));
    }
    let lookups = world.upstream.lookups();
    assert_eq!(lookups.len(), 4, "{lookups:?}");
    assert!(lookups[1] - lookups[0] >= Duration::from_secs(40), "{lookups:?}");
}

#[tokio::test(start_paused = true)]
async fn look_ups_of_one_user_do_not_hold_up_those_of_another() {
    let (world, anna, ben) = (world().await, user("anna"), user("ben"));
    for _ in 0..60 {
        interrupted_turn(&world, &anna).await;
    }
    let session = world.session(&ben).await;
    world.upstream.enqueue(vec![identified("gen-ben"), text("four"), fail(CompletionErrorKind::Interrupted)]);
    let sent = Instant::now();
    world.send_and_read(&ben, session, "Hi").await;
    tokio::time::sleep(HOUR).await;
    // The first look-up is due after a second, and one look-up starts each half second.
    let waited = world.upstream.first_lookup_of("gen-ben").unwrap() - sent;
    assert!(waited <= Duration::from_secs(2), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_the_upstream_loses_no_row_and_limits_look_ups() {
    let (world, anna) = (paused_world(priced().await, slow_polling()).await, user("anna"));
    let away = CompletionError::new(CompletionErrorKind::Unavailable, "unavailable");
    world.upstream.set_records([Err(away)]);
    let mut sessions = Vec::new();
    for _ in 0..20 {
        sessions.push(interrupted_turn(&world, &anna).await);
    }
    tokio::time::sleep(HOUR).await;
    let asked = world.upstream.lookups().len();
    assert!((10..100).contains(&asked), "{asked} look-ups in an hour");
    tokio::time::sleep(HOUR * 25).await;
    for session in sessions {
        assert_eq!(cost(&world, &anna, session).await.1, CostBasis::Estimated);
    }
}

#[tokio::test(start_paused = true)]
async fn look_ups_keep_the_limit_per_minute() {
    let settings = Settings { lookups_per_minute: 6, ..Settings::default() };
    let (world, anna) = (paused_world(priced().await, settings).await, user("anna"));
    world.upstream.set_records([Ok(record(Some(5)))]);
    for _ in 0..5 {
        interrupted_turn(&world, &anna).await;
    }
    tokio::time::sleep(HOUR).await;
    let lookups = world.upstream.lookups();
    assert_eq!(lookups.len(), 5);
    let gaps: Vec<_> = lookups.windows(2).map(|two| two[1] - two[0]).collect();
    assert!(gaps.iter().all(|gap| *gap >= Duration::from_secs(10)), "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn two_instances_look_up_each_row_once() {
    let store = priced().await;
    let anna = user("anna");
    let one = paused_world(store.clone(), Settings::default()).await;
    let other = paused_world(store, Settings::default()).await;
    for world in [&one, &other] {
        world.upstream.set_records([Ok(record(Some(5)))]);
    }
    let mut sessions = Vec::new();
    for _ in 0..10 {
        sessions.push(interrupted_turn(&one, &anna).await);
    }
    tokio::time::sleep(HOUR).await;
    for session in sessions {
        assert_eq!(cost(&other, &anna, session).await, (Some(5), CostBasis::LookedUp));
    }
    let asked = [&one, &other].map(|world| world.upstream.lookups().len());
    assert_eq!(asked.iter().sum::<usize>(), 10, "{asked:?}");
    assert!(asked.iter().all(|asked| *asked > 0), "both instances look up: {asked:?}");
}

#[tokio::test(start_paused = true)]
async fn a_later_process_settles_the_rows_of_an_earlier_one() {
    let (store, anna) = (priced().await, user("anna"));
    let first = paused_world(store.clone(), Settings::default()).await;
    let session = interrupted_turn(&first, &anna).await;
    first.runtime.drain(Duration::ZERO).await;
    assert_eq!(cost(&first, &anna, session).await.1, CostBasis::Pending);
    let second = paused_world(store, Settings::default()).await;
    second.upstream.set_records([Ok(record(Some(5)))]);
    tokio::time::sleep(HOUR).await;
    assert_eq!(cost(&second, &anna, session).await, (Some(5), CostBasis::LookedUp));
    assert_eq!(first.upstream.lookups(), [], "the first process has ended");
}

/// Sends a message with a history and reaps its turn as if its process had ended. Returns its session.
async fn abandoned_turn(world: &World, anna: &Principal, script: Vec<Step>) -> SessionId {
    let session = world.session(anna).await;
    world.send_and_read(anna, session, "A first question of some length").await;
    world.upstream.enqueue(script);
    let sent = world.send(anna, session, "Hi").await.unwrap();
    // Waits for the flush of the context report.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(sent.turn.id == world.store.running_turn(session).await.unwrap().unwrap().id);
    let everything =
        Reap { scope: ReapScope::Everything, running_here: Vec::new(), limit: 9, now: NOW + HOUR };
    assert_eq!(world.store.reap(everything).await.unwrap().len(), 1);
    session
}

#[tokio::test(start_paused = true)]
async fn a_row_of_an_ended_process_without_a_generation_id_is_estimated_at_once() {
    let (world, anna) = (world().await, user("anna"));
    let session = abandoned_turn(&world, &anna, vec![Step::Gate]).await;
    let [row] = &world.store.unpriced(9).await.unwrap()[..] else { panic!("one row is unpriced") };
    let turn = world.messages(&anna, session).await[3].message.turn_id.unwrap();
    let turn = world.store.turn_log(TurnLogQuery::first(turn, 0)).await;
    let sent = u64::from(turn.unwrap().unwrap().turn.context.unwrap().estimated_tokens);
    assert_eq!(row.usage.estimated_input_tokens, sent, "the estimate includes the history");

    tokio::time::sleep(Duration::from_secs(2)).await;
    let expected = i64::try_from(sent * 3).unwrap();
    assert_eq!(cost(&world, &anna, session).await, (Some(expected), CostBasis::Estimated));
    assert_eq!(world.upstream.lookups(), []);
}

#[tokio::test(start_paused = true)]
async fn a_row_of_an_ended_process_with_a_generation_id_is_estimated_until_its_record_exists() {
    let (world, anna) = (world().await, user("anna"));
    let session =
        abandoned_turn(&world, &anna, vec![identified("gen-1"), text("four four"), Step::Gate]).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let usage = usage(&world, &anna, session).await;
    let (input, output) = (usage.tokens.input.unwrap(), usage.tokens.output.unwrap());
    assert_eq!(output, 3, "the flushed text of the answer");
    let expected = i64::try_from(input * 3 + output * 15).unwrap();
    assert_eq!(cost(&world, &anna, session).await, (Some(expected), CostBasis::Pending));
    world.upstream.set_records([Ok(record(Some(5)))]);
    tokio::time::sleep(HOUR).await;
    assert_eq!(cost(&world, &anna, session).await, (Some(5), CostBasis::LookedUp));
}

#[tokio::test(start_paused = true)]
async fn a_start_prices_the_rows_of_earlier_processes_first() {
    let (store, anna) = (priced().await, user("anna"));
    let slow = Settings { reconcile_interval: HOUR, ..Settings::default() };
    let first = paused_world(store.clone(), slow.clone()).await;
    let session = abandoned_turn(&first, &anna, vec![Step::Gate]).await;
    assert_eq!(cost(&first, &anna, session).await, (None, CostBasis::Pending));
    let second = paused_world(store, slow).await;
    assert_eq!(cost(&second, &anna, session).await.1, CostBasis::Estimated);
}

#[tokio::test(start_paused = true)]
async fn a_calculated_cost_uses_the_prices_of_the_model_that_served() {
    let (world, anna) = (world().await, user("anna"));
    let check = async |served: &str, (prompt, completion): (u64, u64)| {
        let session = world.session(&anna).await;
        let identity = GenerationInfo { model: Some(served.to_owned()), ..GenerationInfo::default() };
        world.upstream.enqueue(vec![
            Step::Event(CompletionEvent::Identified(identity)),
            text("four"),
            fail(CompletionErrorKind::Interrupted),
        ]);
        world.send_and_read(&anna, session, "Hi").await;
        let usage = usage(&world, &anna, session).await;
        let (input, output) = (usage.tokens.input.unwrap(), usage.tokens.output.unwrap());
        let expected = i64::try_from(input * prompt + output * completion).unwrap();
        assert_eq!(
            (usage.cost.map(Usd::pico), usage.basis),
            (Some(expected), CostBasis::Estimated),
            "{served}"
        );
    };
    check("sim/test", (3, 15)).await;
    check("sim/test-2026", (3, 15)).await;
    check("sim/dear", (100, 100)).await;
    check("sim/dear-2026", (100, 100)).await;
    check("other/unlisted", (3, 15)).await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_attempt_keeps_the_cost_basis_reported() {
    let (world, anna) = (world().await, user("anna"));
    let session = world.session(&anna).await;
    world.upstream.enqueue(vec![fail(CompletionErrorKind::RateLimited)]);
    world.upstream.enqueue(vec![text("ok"), finish()]);
    world.send_and_read(&anna, session, "Hi").await;
    assert_eq!(cost(&world, &anna, session).await, (Some(123_000_000), CostBasis::Reported));
    // A request without a response may have a cost.
    world.upstream.enqueue(vec![fail(CompletionErrorKind::Network)]);
    world.upstream.enqueue(vec![text("ok"), finish()]);
    world.send_and_read(&anna, session, "Hi").await;
    assert_eq!(cost(&world, &anna, session).await, (Some(123_000_000), CostBasis::Estimated));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_for_a_look_up() {
    let (world, anna) = (world().await, user("anna"));
    let session = world.session(&anna).await;
    world.upstream.enqueue(vec![identified("gen-1"), text("four"), Step::Gate]);
    let mut sent = world.send(&anna, session, "Hi").await.unwrap();
    first_delta(&mut sent.reader).await;
    let start = Instant::now();
    world.runtime.drain(Duration::ZERO).await;
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    assert_eq!(cost(&world, &anna, session).await.1, CostBasis::Pending);
}
