//! The shares of users in the writer thread and in the reader threads.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use causerie_domain::{Requester, UserId};
use causerie_fair_share::on_behalf_of;
use futures_util::FutureExt as _;
use futures_util::future::{join, join_all};
use tempfile::TempDir;
use uuid::Uuid;

use super::engine::Engine;
use super::engine::tests::{Gate, noted, open_with_readers, until_waiting};
use crate::backend::transaction::Mode;

fn user(number: u128) -> Requester {
    Requester { user_id: UserId::from_uuid(Uuid::from_u128(number)), group_id: None }
}

/// Runs writes while the writer is blocked: those of the first user, then one of each other user. Returns the users in
/// the order in which their writes ran.
async fn order_of_writes(
    engine: &Engine,
    mode: Mode,
    of_first: usize,
    queued: usize,
    others: u128,
) -> Vec<u128> {
    let log = Arc::new(Mutex::new(Vec::new()));
    let write = |number| on_behalf_of(user(number), engine.run(mode, noted(&log, number)));
    let (gate, holder) = Gate::new();
    let rest = async {
        gate.held().await;
        let first = join_all((0..of_first).map(|_| write(1)));
        let further = async {
            until_waiting(engine, queued).await;
            let further = join_all((2..2 + others).map(write));
            let release = async {
                until_waiting(engine, queued + usize::try_from(others).unwrap()).await;
                drop(gate);
            };
            join(further, release).await.0
        };
        join(first, further).await
    };
    let (held, (first, further)) = join(engine.run(Mode::Write, holder), rest).await;
    held.unwrap();
    assert!(first.iter().chain(&further).all(Result::is_ok));
    let order = log.lock().unwrap().clone();
    assert_eq!(order.len(), of_first + further.len());
    order
}

#[tokio::test]
async fn the_first_write_of_a_user_waits_for_one_write_of_each_other_user() {
    let folder = TempDir::new().unwrap();
    let engine = open_with_readers(&folder, 1);
    for mode in [Mode::Write, Mode::PriorityWrite, Mode::Serializable] {
        let order = order_of_writes(&engine, mode, 300, 300, 3).await;
        assert_eq!(order[..5], [1, 2, 3, 4, 1], "{mode:?}");
    }
}

#[tokio::test]
async fn one_user_never_takes_the_last_quarter_of_the_queue() {
    let folder = TempDir::new().unwrap();
    let engine = open_with_readers(&folder, 1);
    let order = order_of_writes(&engine, Mode::Write, 1500, 768, 200).await;
    assert_eq!(order.iter().take(201).filter(|user| **user == 1).count(), 1);
}

#[tokio::test]
async fn writes_join_a_batch_in_turn() {
    let folder = TempDir::new().unwrap();
    let engine = open_with_readers(&folder, 1);
    let log = Arc::new(Mutex::new(Vec::new()));
    let (first_gate, first) = Gate::new();
    let (second_gate, second) = Gate::new();
    let first = on_behalf_of(user(1), engine.run(Mode::Write, first));
    let rest = async {
        first_gate.held().await;
        // The second write of the first user blocks the batch in which the first one ran.
        let second = on_behalf_of(user(1), engine.run(Mode::Write, second));
        let many = join_all((0..100).map(|_| on_behalf_of(user(1), engine.run(Mode::Write, noted(&log, 1)))));
        let late = async {
            until_waiting(&engine, 101).await;
            drop(first_gate);
            second_gate.held().await;
            let late = on_behalf_of(user(2), engine.run(Mode::Write, noted(&log, 2)));
            let release = async {
                until_waiting(&engine, 101).await;
                drop(second_gate);
            };
            join(late, release).await.0
        };
        let (second, (many, late)) = join(second, join(many, late)).await;
        assert!(many.iter().chain([&second, &late]).all(Result::is_ok));
    };
    join(first, rest).await.0.unwrap();
    let order = log.lock().unwrap();
    assert!(order.iter().take(2).any(|user| *user == 2), "{order:?}");
}

#[tokio::test]
async fn one_user_never_occupies_all_reader_threads() {
    let folder = TempDir::new().unwrap();
    let engine = open_with_readers(&folder, 3);
    let log = Arc::new(Mutex::new(Vec::new()));
    let (gates, holders): (Vec<_>, Vec<_>) = (0..3).map(|_| Gate::new()).unzip();
    let mut holders: Vec<_> = holders
        .into_iter()
        .map(|holder| on_behalf_of(user(1), engine.run(Mode::Read, holder)).boxed())
        .collect();
    let mut poll = |index: usize| holders[index].poll_unpin(&mut Context::from_waker(Waker::noop()));
    for index in 0..3 {
        assert!(poll(index).is_pending());
    }
    gates[0].held().await;
    gates[1].held().await;
    for mode in [Mode::Read, Mode::Snapshot] {
        on_behalf_of(user(2), engine.run(mode, noted(&log, mode))).await.unwrap();
    }
    assert_eq!(*log.lock().unwrap(), [Mode::Read, Mode::Snapshot]);
    drop(gates);
    let ended = join_all(holders).await;
    assert!(ended.iter().all(Result::is_ok));
}

#[tokio::test]
async fn a_call_that_is_dropped_leaves_the_queue() {
    let folder = TempDir::new().unwrap();
    let engine = open_with_readers(&folder, 1);
    let log = Arc::new(Mutex::new(Vec::new()));
    let (gate, holder) = Gate::new();
    let rest = async {
        gate.held().await;
        for _ in 0..2000 {
            let mut dropped = on_behalf_of(user(1), engine.run(Mode::Write, noted(&log, 1))).boxed();
            let polled = dropped.poll_unpin(&mut Context::from_waker(Waker::noop()));
            assert!(matches!(polled, Poll::Pending));
        }
        until_waiting(&engine, 0).await;
        drop(gate);
    };
    join(engine.run(Mode::Write, holder), rest).await.0.unwrap();
    engine.close().await;
    assert!(log.lock().unwrap().is_empty());
}
