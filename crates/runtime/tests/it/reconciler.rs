//! What requests cost that did not say so: learnt afterwards, within bounds, and never lost.

use std::time::Duration;

use crate::support::scripted_gateway::{Step, fail, finish, identified, record, text};
use crate::support::{World, first_delta, paused_world, user};
use causerie_domain::completion::{CompletionError, CompletionErrorKind, CompletionEvent, GenerationInfo};
use causerie_domain::models::{CatalogModel, Pricing};
use causerie_domain::ports::{Models, Reap, ReapScope, Reconciliation, TurnLedger};
use causerie_domain::principal::Principal;
use causerie_domain::usage::{CostBasis, MessageUsage};
use causerie_domain::{SessionId, Timestamp, Usd};
use causerie_memory_store::MemoryStore;
use causerie_runtime::Settings;
use tokio::time::Instant;

const HOUR: Duration = Duration::from_secs(3600);
const NOW: Timestamp = Timestamp::from_micros(1_780_000_000_000_000);

/// The tool's model at 3 and 15 pico-dollars a token, and another one at 100 each.
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

/// For days of waiting: searches once a minute.
fn patient() -> Settings {
    Settings { reconcile_interval: Duration::from_secs(60), ..Settings::default() }
}

/// Sends a message whose answer is cut after its first word, and waits for the end of its turn.
async fn cut(world: &World, anna: &Principal) -> SessionId {
    let session = world.session(anna).await;
    world.upstream.will(vec![identified("gen-1"), text("four"), fail(CompletionErrorKind::Interrupted)]);
    world.talk(anna, session, "Hi").await;
    session
}

async fn usage(world: &World, anna: &Principal, session: SessionId) -> MessageUsage {
    world.messages(anna, session).await.pop().unwrap().usage.unwrap()
}

/// The cost in pico-dollars and its basis.
async fn cost(world: &World, anna: &Principal, session: SessionId) -> (Option<i64>, CostBasis) {
    let usage = usage(world, anna, session).await;
    (usage.cost.map(Usd::pico), usage.basis)
}

/// Seconds from an instant to each look-up.
fn lookups_since(world: &World, start: Instant) -> Vec<u64> {
    world.upstream.lookups().iter().map(|at| (*at - start).as_secs()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_cut_answer_costs_what_its_record_says_once_there_is_one() {
    let (world, anna) = (world().await, user("anna"));
    world.upstream.will_record([Ok(None), Ok(None), Ok(record(None)), Ok(record(Some(777)))]);
    let session = cut(&world, &anna).await;
    let start = Instant::now();
    let (provisional, basis) = cost(&world, &anna, session).await;
    assert!(basis == CostBasis::Pending && provisional > Some(15), "an estimate stands in: {provisional:?}");

    tokio::time::sleep(HOUR).await;
    assert_eq!(cost(&world, &anna, session).await, (Some(777), CostBasis::LookedUp));
    assert_eq!(usage(&world, &anna, session).await.tokens.input, Some(20));
    let lookups = lookups_since(&world, start);
    assert_eq!(lookups.len(), 4, "one that is settled is not asked for again: {lookups:?}");
    assert!(lookups[0] <= 2 && (2..=4).contains(&(lookups[1] - lookups[0])), "{lookups:?}");
    assert!(lookups.windows(3).all(|three| three[2] - three[1] > three[1] - three[0]), "{lookups:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_never_found_keeps_what_stood_in_for_it() {
    let (world, anna) = (paused_world(priced().await, patient()).await, user("anna"));
    let session = cut(&world, &anna).await;
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
async fn without_prices_what_is_never_found_is_unknown() {
    let (world, anna) = (paused_world(MemoryStore::new(), patient()).await, user("anna"));
    let session = cut(&world, &anna).await;
    tokio::time::sleep(HOUR * 25).await;
    assert_eq!(cost(&world, &anna, session).await, (None, CostBasis::Unknown));
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_limits_us_is_left_alone_for_as_long_as_it_says() {
    let (world, anna) = (world().await, user("anna"));
    let limited = CompletionError {
        retry_after: Some(Duration::from_secs(40)),
        ..CompletionError::new(CompletionErrorKind::RateLimited, "slow down")
    };
    world.upstream.will_record([Err(limited), Ok(record(Some(5)))]);
    let sessions = [cut(&world, &anna).await, cut(&world, &anna).await, cut(&world, &anna).await];
    tokio::time::sleep(HOUR).await;
    for session in sessions {
        assert_eq!(cost(&world, &anna, session).await, (Some(5), CostBasis::LookedUp));
    }
    let lookups = world.upstream.lookups();
    assert_eq!(lookups.len(), 4, "{lookups:?}");
    assert!(lookups[1] - lookups[0] >= Duration::from_secs(40), "{lookups:?}");
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_is_away_loses_no_row_and_is_not_hammered() {
    let (world, anna) = (paused_world(priced().await, patient()).await, user("anna"));
    let away = CompletionError::new(CompletionErrorKind::Unavailable, "nobody is there");
    world.upstream.will_record([Err(away)]);
    let mut sessions = Vec::new();
    for _ in 0..20 {
        sessions.push(cut(&world, &anna).await);
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
async fn no_more_records_are_asked_for_than_the_pace_allows() {
    let settings = Settings { lookups_per_minute: 6, ..Settings::default() };
    let (world, anna) = (paused_world(priced().await, settings).await, user("anna"));
    world.upstream.will_record([Ok(record(Some(5)))]);
    for _ in 0..5 {
        cut(&world, &anna).await;
    }
    tokio::time::sleep(HOUR).await;
    let lookups = world.upstream.lookups();
    assert_eq!(lookups.len(), 5);
    let gaps: Vec<_> = lookups.windows(2).map(|two| two[1] - two[0]).collect();
    assert!(gaps.iter().all(|gap| *gap >= Duration::from_secs(10)), "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn two_instances_ask_once_for_each_row() {
    let store = priced().await;
    let anna = user("anna");
    let one = paused_world(store.clone(), Settings::default()).await;
    let other = paused_world(store, Settings::default()).await;
    for world in [&one, &other] {
        world.upstream.will_record([Ok(record(Some(5)))]);
    }
    let mut sessions = Vec::new();
    for _ in 0..10 {
        sessions.push(cut(&one, &anna).await);
    }
    tokio::time::sleep(HOUR).await;
    for session in sessions {
        assert_eq!(cost(&other, &anna, session).await, (Some(5), CostBasis::LookedUp));
    }
    let asked = [&one, &other].map(|world| world.upstream.lookups().len());
    assert_eq!(asked.iter().sum::<usize>(), 10, "{asked:?}");
    assert!(asked.iter().all(|asked| *asked > 0), "both work: {asked:?}");
}

#[tokio::test(start_paused = true)]
async fn a_later_process_settles_what_an_earlier_one_has_left() {
    let (store, anna) = (priced().await, user("anna"));
    let first = paused_world(store.clone(), Settings::default()).await;
    let session = cut(&first, &anna).await;
    first.runtime.drain(Duration::ZERO).await;
    assert_eq!(cost(&first, &anna, session).await.1, CostBasis::Pending);
    let second = paused_world(store, Settings::default()).await;
    second.upstream.will_record([Ok(record(Some(5)))]);
    tokio::time::sleep(HOUR).await;
    assert_eq!(cost(&second, &anna, session).await, (Some(5), CostBasis::LookedUp));
    assert_eq!(first.upstream.lookups(), [], "it was told to end");
}

/// Leaves a turn behind that was sent with a history, and gives its session.
async fn left_behind(world: &World, anna: &Principal, script: Vec<Step>) -> SessionId {
    let session = world.session(anna).await;
    world.talk(anna, session, "A first question of some length").await;
    world.upstream.will(script);
    let sent = world.send(anna, session, "Hi").await.unwrap();
    // Until the flusher has told the store what is sent.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(sent.turn.id == world.store.running_turn(session).await.unwrap().unwrap().id);
    let everything = Reap { scope: ReapScope::Everything, limit: 9, now: NOW + HOUR };
    assert_eq!(world.store.reap(everything).await.unwrap().len(), 1);
    session
}

#[tokio::test(start_paused = true)]
async fn a_row_of_a_dead_process_knows_what_was_sent_and_is_settled_at_once_without_an_id() {
    let (world, anna) = (world().await, user("anna"));
    let session = left_behind(&world, &anna, vec![Step::Gate]).await;
    let [row] = &world.store.unpriced(9).await.unwrap()[..] else { panic!("one row is left") };
    let turn =
        world.store.turn_log(world.messages(&anna, session).await[3].message.turn_id.unwrap(), 0).await;
    let sent = u64::from(turn.unwrap().unwrap().turn.context.unwrap().estimated_tokens);
    assert_eq!(row.usage.estimated_input_tokens, sent, "the history is counted");

    tokio::time::sleep(Duration::from_secs(2)).await;
    let expected = i64::try_from(sent * 3).unwrap();
    assert_eq!(cost(&world, &anna, session).await, (Some(expected), CostBasis::Estimated));
    assert_eq!(world.upstream.lookups(), []);
}

#[tokio::test(start_paused = true)]
async fn a_row_of_a_dead_process_with_an_id_is_estimated_until_its_record_is_there() {
    let (world, anna) = (world().await, user("anna"));
    let session = left_behind(&world, &anna, vec![identified("gen-1"), text("four four"), Step::Gate]).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let usage = usage(&world, &anna, session).await;
    let (input, output) = (usage.tokens.input.unwrap(), usage.tokens.output.unwrap());
    assert_eq!(output, 3, "what was flushed of the answer");
    let expected = i64::try_from(input * 3 + output * 15).unwrap();
    assert_eq!(cost(&world, &anna, session).await, (Some(expected), CostBasis::Pending));
    world.upstream.will_record([Ok(record(Some(5)))]);
    tokio::time::sleep(HOUR).await;
    assert_eq!(cost(&world, &anna, session).await, (Some(5), CostBasis::LookedUp));
}

#[tokio::test(start_paused = true)]
async fn a_start_prices_what_earlier_processes_left_before_anybody_asks() {
    let (store, anna) = (priced().await, user("anna"));
    let slow = Settings { reconcile_interval: HOUR, ..Settings::default() };
    let first = paused_world(store.clone(), slow.clone()).await;
    let session = left_behind(&first, &anna, vec![Step::Gate]).await;
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
        world.upstream.will(vec![
            Step::Event(CompletionEvent::Identified(identity)),
            text("four"),
            fail(CompletionErrorKind::Interrupted),
        ]);
        world.talk(&anna, session, "Hi").await;
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
    check("somebody/else", (3, 15)).await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_attempt_does_not_make_a_reported_cost_less_certain() {
    let (world, anna) = (world().await, user("anna"));
    let session = world.session(&anna).await;
    world.upstream.will(vec![fail(CompletionErrorKind::RateLimited)]);
    world.upstream.will(vec![text("ok"), finish()]);
    world.talk(&anna, session, "Hi").await;
    assert_eq!(cost(&world, &anna, session).await, (Some(123_000_000), CostBasis::Reported));
    // Nobody knows what became of a request that was never answered.
    world.upstream.will(vec![fail(CompletionErrorKind::Network)]);
    world.upstream.will(vec![text("ok"), finish()]);
    world.talk(&anna, session, "Hi").await;
    assert_eq!(cost(&world, &anna, session).await, (Some(123_000_000), CostBasis::Estimated));
}

#[tokio::test(start_paused = true)]
async fn an_end_does_not_wait_for_a_look_up() {
    let (world, anna) = (world().await, user("anna"));
    let session = world.session(&anna).await;
    world.upstream.will(vec![identified("gen-1"), text("four"), Step::Gate]);
    let mut sent = world.send(&anna, session, "Hi").await.unwrap();
    first_delta(&mut sent.reader).await;
    let start = Instant::now();
    world.runtime.drain(Duration::ZERO).await;
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    assert_eq!(cost(&world, &anna, session).await.1, CostBasis::Pending);
}
