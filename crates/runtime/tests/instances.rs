//! Several instances on one store: each reads, stops and inherits the turns of the others.

mod support;

use std::time::Duration;

use causerie_domain::ports::ReapScope;
use causerie_domain::turn::TurnStatus;
use causerie_runtime::memory::MemoryStore;
use causerie_runtime::{Cursor, Place, Settings, TurnReader};
use support::scripted::{Step, finish, reasoning, text};
use support::{World, first_delta, told, told_within, user, world_on};
use tokio_util::task::TaskTracker;

async fn two_instances() -> (World, World) {
    let store = MemoryStore::new();
    (world_on(store.clone(), Settings::default()).await, world_on(store, Settings::default()).await)
}

#[tokio::test(start_paused = true)]
async fn a_reader_elsewhere_is_told_the_rest_from_every_position_also_from_one_that_is_not_flushed() {
    let (owner, other) = two_instances().await;
    let anna = user("anna");
    let session = owner.session(&anna).await;
    let answer = vec![
        reasoning("né"),
        text("🦀a"),
        Step::Gate,
        text("b"),
        reasoning("h"),
        Step::Gate,
        text("cé"),
        finish(),
    ];
    owner.upstream.will(answer);
    let mut sent = owner.send(&anna, session, "Hi").await.unwrap();
    let turn_id = sent.turn.id;
    first_delta(&mut sent.reader).await;

    let whole = ["reasoning: né", "text: 🦀ab", "reasoning: h", "text: cé"];
    let expected = |position: u64| -> Vec<String> {
        let mut before = usize::try_from(position).unwrap();
        let parts = whole.iter().filter_map(|part| {
            let (kind, text) = part.split_once(": ").unwrap();
            let skipped = before.min(text.chars().count());
            before -= skipped;
            let rest: String = text.chars().skip(skipped).collect();
            (!rest.is_empty()).then(|| format!("{kind}: {rest}"))
        });
        let start = [format!("start from {position}")];
        start.into_iter().chain(parts.collect::<Vec<_>>()).chain(["completed".to_owned()]).collect()
    };
    let readers = TaskTracker::new();
    let mut told_elsewhere = Vec::new();
    for position in 0..=8 {
        let cursor = Cursor { turn_id, place: Place::At(position) };
        let reader: TurnReader =
            other.runtime.stream_session(&anna, session, Some(cursor)).await.unwrap().unwrap();
        told_elsewhere.push((position, readers.spawn(told(reader))));
    }
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        owner.upstream.open_gate();
    }
    for (position, told) in told_elsewhere {
        assert_eq!(told.await.unwrap(), expected(position), "from {position} while it runs");
    }
    for position in 0..=8 {
        let cursor = Cursor { turn_id, place: Place::At(position) };
        let reader = other.runtime.stream_session(&anna, session, Some(cursor)).await.unwrap().unwrap();
        assert_eq!(told(reader).await, expected(position), "from {position} after its end");
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_is_cancelled_from_another_instance() {
    let (owner, other) = two_instances().await;
    let anna = user("anna");
    let session = owner.session(&anna).await;
    owner.upstream.will(vec![text("par"), Step::Gate]);
    let mut sent = owner.send(&anna, session, "Hi").await.unwrap();
    first_delta(&mut sent.reader).await;
    let turn = other.runtime.cancel(&anna, session).await.unwrap().unwrap();
    assert_eq!(turn.status, TurnStatus::Cancelled);
    assert_eq!(other.transcript(&anna, session).await[1], "2 assistant cancelled \"par\"");
    assert_eq!(told(sent.reader).await.last().unwrap(), "cancelled");
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_was_closed_elsewhere_ends_for_its_owner_as_it_is_stored() {
    let (owner, other) = two_instances().await;
    let anna = user("anna");
    let session = owner.session(&anna).await;
    owner.upstream.will(vec![text("par"), Step::Gate, text("tial"), finish()]);
    let mut sent = owner.send(&anna, session, "Hi").await.unwrap();
    first_delta(&mut sent.reader).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    other.runtime.start(ReapScope::Everything).await.unwrap();
    assert_eq!(other.talk(&anna, session, "again").await.last().unwrap(), "completed");
    owner.upstream.open_gate();
    let told = told_within(Duration::from_secs(1), sent.reader).await;
    assert_eq!(told.last().unwrap(), "interrupted", "{told:?}");
    let transcript = other.transcript(&anna, session).await;
    assert_eq!(transcript[1], "2 assistant interrupted \"par\"");
    assert_eq!(transcript[3], "4 assistant completed \"ok\"");
}

#[tokio::test(start_paused = true)]
async fn a_place_beyond_what_a_crash_left_is_answered_with_the_whole() {
    let (owner, other) = two_instances().await;
    let anna = user("anna");
    let session = owner.session(&anna).await;
    owner.upstream.will(vec![reasoning("h"), text("par"), Step::Gate]);
    let mut sent = owner.send(&anna, session, "Hi").await.unwrap();
    first_delta(&mut sent.reader).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let cursor = Cursor { turn_id: sent.turn.id, place: Place::At(9) };
    let reader = other.runtime.stream_session(&anna, session, Some(cursor)).await.unwrap().unwrap();
    let waiting = TaskTracker::new().spawn(told(reader));
    tokio::time::sleep(Duration::from_secs(1)).await;
    other.runtime.start(ReapScope::Everything).await.unwrap();
    assert_eq!(waiting.await.unwrap(), ["start from 0", "reasoning: h", "text: par", "interrupted"]);
}
