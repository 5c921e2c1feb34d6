//! Several instances on one store: each reads, stops and inherits the turns of the others.

use std::time::Duration;

use crate::support::scripted_gateway::{Step, finish, identified, reasoning, text};
use crate::support::{World, first_delta, told, told_within, user, world_on};
use causerie_domain::ports::ReapScope;
use causerie_domain::turns::TurnStatus;
use causerie_domain::usage::CostBasis;
use causerie_memory_store::MemoryStore;
use causerie_runtime::{Cursor, Place, Settings, TurnEvent, TurnReader};
use tokio::time::Instant;
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

/// A store that takes no time shows what the two intervals cost together, whatever their phases.
#[tokio::test(start_paused = true)]
async fn a_reader_elsewhere_is_at_most_300_ms_behind() {
    let (owner, other) = two_instances().await;
    let anna = user("anna");
    let session = owner.session(&anna).await;
    let word = |gap| [Step::Pause(Duration::from_millis(gap)), text("word ")];
    owner.upstream.will((1..200).flat_map(|gap| word(gap * 7 % 400)).chain([finish()]).collect());
    let mut sent = owner.send(&anna, session, "Hi").await.unwrap();
    let mut elsewhere = other.runtime.stream_session(&anna, session, None).await.unwrap().unwrap();
    let here = async {
        let mut said = Vec::new();
        while let Some(event) = sent.reader.next().await.unwrap() {
            if let TurnEvent::Delta(delta) = event {
                said.push((delta.position, Instant::now()));
            }
        }
        said
    };
    let there = async {
        let mut heard = Vec::new();
        while let Some(event) = elsewhere.next().await.unwrap() {
            if let TurnEvent::Delta(delta) = event {
                heard.push((delta.position, Instant::now()));
            }
        }
        heard
    };
    let (said, heard) = tokio::join!(here, there);
    assert!(heard.len() > 50, "it follows, and is not told all at the end");
    for (position, said_at) in said {
        let (_, heard_at) = heard.iter().find(|(heard, _)| *heard >= position).unwrap();
        let behind = *heard_at - said_at;
        assert!(behind <= Duration::from_millis(300), "{behind:?} at {position}");
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

/// A reader that was told more than is kept is told to begin anew; the others go on where they are.
#[tokio::test(start_paused = true)]
async fn a_turn_that_is_closed_elsewhere_while_it_is_read_is_told_as_it_is_stored() {
    let store = MemoryStore::new();
    let late = Settings { flush_interval: Duration::from_secs(3), ..Settings::default() };
    let (owner, other) = (world_on(store.clone(), late).await, world_on(store, Settings::default()).await);
    let anna = user("anna");
    let session = owner.session(&anna).await;
    let answer =
        vec![identified("gen-1"), reasoning("hé"), text("par"), Step::Gate, text("tial"), Step::Gate];
    owner.upstream.will(answer);
    let mut sent = owner.send(&anna, session, "Hi").await.unwrap();
    first_delta(&mut sent.reader).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let from = |position| {
        let cursor = Cursor { turn_id: sent.turn.id, place: Place::At(position) };
        let (runtime, anna) = (owner.runtime.clone(), anna.clone());
        async move { runtime.stream_session(&anna, session, Some(cursor)).await.unwrap().unwrap() }
    };
    let (unread, mut at_the_edge, mut ahead) = (from(3).await, from(5).await, from(0).await);
    assert!(matches!(at_the_edge.next().await.unwrap(), Some(TurnEvent::Started(start)) if start.from == 5));
    owner.upstream.open_gate();
    while !matches!(ahead.next().await.unwrap(), Some(TurnEvent::Delta(delta)) if delta.position == 9) {}

    other.runtime.start(ReapScope::Everything).await.unwrap();
    let limit = Duration::from_secs(5);
    let anew = ["start from 0", "reasoning: hé", "text: par", "interrupted"];
    assert_eq!(told_within(limit, ahead).await, anew);
    assert_eq!(told_within(limit, sent.reader).await, anew[2..], "the thoughts were read before");
    assert_eq!(told_within(limit, unread).await, ["start from 3", "text: ar", "interrupted"]);
    assert_eq!(told_within(limit, at_the_edge).await, ["interrupted"]);
    assert_eq!(other.transcript(&anna, session).await[1], "2 assistant interrupted \"par\"");

    assert_eq!(owner.upstream.dropped(), 1, "nobody pays for what nobody reads");
    let usage = other.messages(&anna, session).await.remove(1).usage.unwrap();
    assert_eq!((usage.basis, usage.generation_id.as_deref()), (CostBasis::Pending, Some("gen-1")));
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
