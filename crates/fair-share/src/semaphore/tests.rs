//! Grants of permits, on tokio's paused clock.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::task::JoinSet;

use super::*;
use crate::testing::requester;

const WAIT: Duration = Duration::from_secs(10);

async fn acquire(semaphore: &FairSemaphore, user: u8) -> Option<FairPermit> {
    semaphore.acquire(requester(user, None), Instant::now() + WAIT).await
}

#[tokio::test(start_paused = true)]
async fn one_user_never_takes_the_reserved_permits() {
    let semaphore = FairSemaphore::new(16, None);
    let mut held = Vec::new();
    while let Some(permit) = acquire(&semaphore, 1).await {
        held.push(permit);
    }
    assert_eq!(held.len(), 12);
    let start = Instant::now();
    let mut others = Vec::new();
    for user in 2..=5 {
        others.push(acquire(&semaphore, user).await.unwrap());
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert!(acquire(&semaphore, 6).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn the_only_permit_is_for_a_user_without_one() {
    let semaphore = FairSemaphore::new(1, None);
    let permit = acquire(&semaphore, 1).await.unwrap();
    let start = Instant::now();
    assert!(acquire(&semaphore, 2).await.is_none());
    assert_eq!(start.elapsed(), WAIT);
    drop(permit);
    assert!(acquire(&semaphore, 2).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn released_permits_go_to_waiting_users_in_turn() {
    let semaphore = FairSemaphore::new(2, None);
    let first = acquire(&semaphore, 1).await.unwrap();
    let last = acquire(&semaphore, 9).await.unwrap();
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = JoinSet::new();
    for user in [1, 1, 1, 2, 2, 3] {
        let (semaphore, order) = (semaphore.clone(), Arc::clone(&order));
        tasks.spawn(async move {
            let _permit = acquire(&semaphore, user).await.unwrap();
            order.lock().unwrap().push(user);
            sleep(Duration::from_millis(1)).await;
        });
        tokio::task::yield_now().await;
    }
    drop((first, last));
    while tasks.join_next().await.is_some() {}
    assert_eq!(*order.lock().unwrap(), [1, 2, 3, 1, 2, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_is_dropped_leaves_the_queue() {
    let semaphore = FairSemaphore::new(1, None);
    let permit = acquire(&semaphore, 1).await.unwrap();
    for _ in 0..100 {
        assert!(tokio::time::timeout(Duration::from_millis(1), acquire(&semaphore, 2)).await.is_err());
    }
    assert!(semaphore.shared.lock().waiting.is_empty());
    drop(permit);
    assert_eq!(semaphore.shared.lock().free, 1);
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_delays_permits_and_keeps_the_turns() {
    // One unit per second.
    let next = Mutex::new(Instant::now());
    let rate: RateLimit = Box::new(move || {
        let (now, mut next) = (Instant::now(), next.lock().unwrap());
        if now < *next {
            return Err(*next - now);
        }
        *next = now + Duration::from_secs(1);
        Ok(())
    });
    let semaphore = FairSemaphore::new(100, Some(rate));
    let start = Instant::now();
    let (order, count) = (Arc::new(Mutex::new(Vec::new())), AtomicU32::new(0));
    let mut tasks = JoinSet::new();
    for user in [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2] {
        let (semaphore, order) = (semaphore.clone(), Arc::clone(&order));
        count.fetch_add(1, Ordering::Relaxed);
        tasks.spawn(async move {
            let granted = acquire(&semaphore, user).await.is_some();
            order.lock().unwrap().push((user, granted, start.elapsed().as_secs()));
        });
        tokio::task::yield_now().await;
    }
    while tasks.join_next().await.is_some() {}
    let order = order.lock().unwrap();
    assert_eq!(order[..3], [(1, true, 0), (1, true, 1), (2, true, 2)]);
    assert_eq!(order.iter().filter(|(_, granted, _)| *granted).count(), 10, "{order:?}");
}
