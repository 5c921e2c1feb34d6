//! Several instances on one store: each can read, cancel and close the turns of the others.

use std::time::Duration;

use crate::support::scripted_gateway::{Step, finish, identified, reasoning, text};
use crate::support::{World, first_delta, read_all, read_all_within, user, world_on_store};
use causerie_domain::ports::ReapScope;
use causerie_domain::turns::TurnStatus;
use causerie_domain::usage::CostBasis;
use causerie_memory_store::MemoryStore;
use causerie_runtime::{CursorPosition, Settings, TurnCursor, TurnEvent, TurnReader};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

async fn two_instances() -> (World, World) {
    let store = MemoryStore::new();
    (
        world_on_store(store.clone(), Settings::default()).await,
        world_on_store(store, Settings::default()).await,
    )
}

#[tokio::test(start_paused = true)]
async fn a_remote_reader_receives_the_rest_from_any_position() {
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
    owner.upstream.enqueue(answer);
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
    let mut remote_readers = Vec::new();
    for position in 0..=8 {
        let cursor = TurnCursor { turn_id, position: CursorPosition::At(position) };
        let reader: TurnReader =
            other.runtime.stream_session(&anna, session, Some(cursor)).await.unwrap().unwrap();
        remote_readers.push((position, readers.spawn(read_all(reader))));
    }
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        owner.upstream.open_gate();
    }
    for (position, reader) in remote_readers {
        assert_eq!(reader.await.unwrap(), expected(position), "from {position} while it runs");
    }
    for position in 0..=8 {
        let cursor = TurnCursor { turn_id, position: CursorPosition::At(position) };
        let reader = other.runtime.stream_session(&anna, session, Some(cursor)).await.unwrap().unwrap();
        assert_eq!(read_all(reader).await, expected(position), "from {position} after its end");
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_answer_is_read_whole_by_readers_of_any_speed() {
    let (owner, other) = two_instances().await;
    let anna = user("anna");
    let session = owner.session(&anna).await;
    let piece = "né🦀x".repeat(10_000);
    let mut script = vec![reasoning("hm")];
    script.extend((0..20).map(|_| text(&piece)));
    owner.upstream.enqueue(script.into_iter().chain([finish()]).collect());
    let mut sent = owner.send(&anna, session, "Hi").await.unwrap();
    let turn_id = sent.turn.id;
    // A reader that took the first delta only, while the turn ended.
    first_delta(&mut sent.reader).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let whole = format!("text: {}", piece.repeat(20));
    let read = read_all(sent.reader).await;
    assert!(
        read == ["reasoning: hm".to_owned(), whole.clone(), "completed".to_owned()]
            || read == [whole.clone(), "completed".to_owned()]
    );
    for world in [&owner, &other] {
        let cursor = TurnCursor { turn_id, position: CursorPosition::At(0) };
        let reader = world.runtime.stream_session(&anna, session, Some(cursor)).await.unwrap().unwrap();
        let expected = ["start from 0", "reasoning: hm", &whole, "completed"];
        assert!(read_all(reader).await == expected);
    }
}

/// Checks the delay of a reader on another instance. The in-memory store has no latency, so the delay is the sum of the
/// flush interval and the poll interval.
#[tokio::test(start_paused = true)]
async fn a_remote_reader_is_at_most_300_ms_behind() {
    let (owner, other) = two_instances().await;
    let anna = user("anna");
    let session = owner.session(&anna).await;
    let word = |gap| [Step::Pause(Duration::from_millis(gap)), text("word ")];
    owner.upstream.enqueue((1..200).flat_map(|gap| word(gap * 7 % 400)).chain([finish()]).collect());
    let mut sent = owner.send(&anna, session, "Hi").await.unwrap();
    let mut remote = other.runtime.stream_session(&anna, session, None).await.unwrap().unwrap();
    let read_local = async {
        let mut received = Vec::new();
        while let Some(event) = sent.reader.next().await.unwrap() {
            if let TurnEvent::Delta(delta) = event {
                received.push((delta.position, Instant::now()));
            }
        }
        received
    };
    let read_remote = async {
        let mut received = Vec::new();
        while let Some(event) = remote.next().await.unwrap() {
            if let TurnEvent::Delta(delta) = event {
                received.push((delta.position, Instant::now()));
            }
        }
        received
    };
    let (local, remote) = tokio::join!(read_local, read_remote);
    assert!(remote.len() > 50, "deltas arrive during the turn, not only at its end");
    for (position, local_at) in local {
        let (_, remote_at) = remote.iter().find(|(received, _)| *received >= position).unwrap();
        let delay = *remote_at - local_at;
        assert!(delay <= Duration::from_millis(300), "{delay:?} at {position}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_is_cancelled_from_another_instance() {
    let (owner, other) = two_instances().await;
    let anna = user("anna");
    let session = owner.session(&anna).await;
    owner.upstream.enqueue(vec![text("par"), Step::Gate]);
    let mut sent = owner.send(&anna, session, "Hi").await.unwrap();
    first_delta(&mut sent.reader).await;
    let turn = other.runtime.cancel(&anna, session).await.unwrap().unwrap();
    assert_eq!(turn.status, TurnStatus::Cancelled);
    assert_eq!(other.transcript(&anna, session).await[1], "2 assistant cancelled \"par\"");
    assert_eq!(read_all(sent.reader).await.last().unwrap(), "cancelled");
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_another_instance_closed_ends_for_its_owner_as_stored() {
    let (owner, other) = two_instances().await;
    let anna = user("anna");
    let session = owner.session(&anna).await;
    owner.upstream.enqueue(vec![text("par"), Step::Gate, text("tial"), finish()]);
    let mut sent = owner.send(&anna, session, "Hi").await.unwrap();
    first_delta(&mut sent.reader).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    other.runtime.start(ReapScope::Everything).await.unwrap();
    assert_eq!(other.send_and_read(&anna, session, "again").await.last().unwrap(), "completed");
    owner.upstream.open_gate();
    let lines = read_all_within(Duration::from_secs(1), sent.reader).await;
    assert_eq!(lines.last().unwrap(), "interrupted", "{lines:?}");
    let transcript = other.transcript(&anna, session).await;
    assert_eq!(transcript[1], "2 assistant interrupted \"par\"");
    assert_eq!(transcript[3], "4 assistant completed \"ok\"");
}

/// Checks that a reader that received more than the stored text receives a second start, and that the other readers
/// continue.
#[tokio::test(start_paused = true)]
async fn readers_of_a_turn_that_another_instance_closes_receive_the_stored_turn() {
    let store = MemoryStore::new();
    let late = Settings { flush_interval: Duration::from_secs(3), ..Settings::default() };
    let (owner, other) =
        (world_on_store(store.clone(), late).await, world_on_store(store, Settings::default()).await);
    let anna = user("anna");
    let session = owner.session(&anna).await;
    let answer =
        vec![identified("gen-1"), reasoning("hé"), text("par"), Step::Gate, text("tial"), Step::Gate];
    owner.upstream.enqueue(answer);
    let mut sent = owner.send(&anna, session, "Hi").await.unwrap();
    first_delta(&mut sent.reader).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let from = |position| {
        let cursor = TurnCursor { turn_id: sent.turn.id, position: CursorPosition::At(position) };
        let (runtime, anna) = (owner.runtime.clone(), anna.clone());
        async move { runtime.stream_session(&anna, session, Some(cursor)).await.unwrap().unwrap() }
    };
    let (unread, mut at_the_edge, mut ahead) = (from(3).await, from(5).await, from(0).await);
    assert!(matches!(at_the_edge.next().await.unwrap(), Some(TurnEvent::Started(start)) if start.from == 5));
    owner.upstream.open_gate();
    while !matches!(ahead.next().await.unwrap(), Some(TurnEvent::Delta(delta)) if delta.position == 9) {}

    other.runtime.start(ReapScope::Everything).await.unwrap();
    let limit = Duration::from_secs(5);
    let restarted = ["start from 0", "reasoning: hé", "text: par", "interrupted"];
    assert_eq!(read_all_within(limit, ahead).await, restarted);
    assert_eq!(read_all_within(limit, sent.reader).await, restarted[2..], "the reasoning was read before");
    assert_eq!(read_all_within(limit, unread).await, ["start from 3", "text: ar", "interrupted"]);
    assert_eq!(read_all_within(limit, at_the_edge).await, ["interrupted"]);
    assert_eq!(other.transcript(&anna, session).await[1], "2 assistant interrupted \"par\"");

    assert_eq!(owner.upstream.dropped(), 1, "the request was closed");
    let usage = other.messages(&anna, session).await.remove(1).usage.unwrap();
    assert_eq!((usage.basis, usage.generation_id.as_deref()), (CostBasis::Pending, Some("gen-1")));
}

#[tokio::test(start_paused = true)]
async fn a_position_after_the_stored_text_is_answered_with_the_whole_turn() {
    let (owner, other) = two_instances().await;
    let anna = user("anna");
    let session = owner.session(&anna).await;
    owner.upstream.enqueue(vec![reasoning("h"), text("par"), Step::Gate]);
    let mut sent = owner.send(&anna, session, "Hi").await.unwrap();
    first_delta(&mut sent.reader).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let cursor = TurnCursor { turn_id: sent.turn.id, position: CursorPosition::At(9) };
    let reader = other.runtime.stream_session(&anna, session, Some(cursor)).await.unwrap().unwrap();
    let waiting = TaskTracker::new().spawn(read_all(reader));
    tokio::time::sleep(Duration::from_secs(1)).await;
    other.runtime.start(ReapScope::Everything).await.unwrap();
    assert_eq!(waiting.await.unwrap(), ["start from 0", "reasoning: h", "text: par", "interrupted"]);
}
