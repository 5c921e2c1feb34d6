//! Many turns at once during a rate limit of the upstream: retries add at most 10% to the requests, and all turns
//! succeed soon after the upstream has recovered.

use std::time::Duration;

use crate::support::{World, user, world};
use causerie_domain::completion::{CompletionError, CompletionErrorKind};
use causerie_domain::principal::Principal;
use causerie_runtime::Settings;
use futures_util::future::join_all;
use tokio::time::Instant;

const USERS: usize = 500;
const OUTAGE: Duration = Duration::from_secs(30);

fn rate_limited(retry_after: Option<Duration>) -> CompletionError {
    CompletionError { retry_after, ..CompletionError::new(CompletionErrorKind::RateLimited, "too many") }
}

/// Runs one turn in a new session and returns its last line.
async fn outcome(world: &World, user: &Principal) -> String {
    let session = world.session(user).await;
    world.send_and_read(user, session, "Hi").await.pop().unwrap_or_default()
}

async fn outcomes(world: &World, users: &[Principal]) -> Vec<String> {
    join_all(users.iter().map(|user| outcome(world, user))).await
}

async fn limited_world(retry_after: Option<Duration>) -> (World, Vec<Principal>, Instant) {
    let world = world(Settings::default()).await;
    let users = (0..USERS).map(|number| user(&format!("user-{number}"))).collect();
    let recovery = world.upstream.refuse_for(OUTAGE, rate_limited(retry_after));
    (world, users, recovery)
}

/// Checks that there are at most 10% more requests than turns, and that each turn completed or failed with the rate
/// limit.
fn check_requests(world: &World, ended: &[String], case: &str) {
    let requests = world.upstream.requests().len();
    assert!(requests * 10 <= ended.len() * 11, "{case}: {requests} requests of {} turns", ended.len());
    for end in ended {
        assert!(["completed", "failed upstream_rate_limited"].contains(&end.as_str()), "{case}: {end}");
    }
}

/// Checks that turns which start at the recovery of the upstream complete within five seconds.
async fn check_recovery(world: &World, users: &[Principal], recovery: Instant, case: &str) -> Vec<String> {
    tokio::time::sleep_until(recovery).await;
    let ended = outcomes(world, users).await;
    assert!(recovery.elapsed() <= Duration::from_secs(5), "{case}: {:?}", recovery.elapsed());
    assert!(ended.iter().all(|end| end == "completed"), "{case}: {ended:?}");
    ended
}

#[tokio::test(start_paused = true)]
async fn retries_do_not_multiply_requests_if_all_turns_are_refused() {
    for retry_after in [None, Some(5), Some(30)] {
        let (world, users, recovery) = limited_world(retry_after.map(Duration::from_secs)).await;
        let case = format!("{retry_after:?}");
        let ended = outcomes(&world, &users).await;
        check_requests(&world, &ended, &case);
        check_recovery(&world, &users, recovery, &case).await;
    }
}

#[tokio::test(start_paused = true)]
async fn retries_do_not_multiply_requests_if_users_keep_sending() {
    for retry_after in [None, Some(Duration::from_secs(2))] {
        let (world, users, recovery) = limited_world(retry_after).await;
        let impatient = async |user: &Principal| {
            let mut ended = Vec::new();
            while Instant::now() < recovery {
                ended.push(outcome(&world, user).await);
                tokio::time::sleep(Duration::from_secs(7)).await;
            }
            ended
        };
        let sent = join_all(users.iter().map(impatient));
        let (sent, after) = tokio::join!(sent, check_recovery(&world, &users, recovery, "impatient"));
        let ended: Vec<_> = sent.into_iter().flatten().chain(after).collect();
        assert!(ended.len() > 5 * USERS, "{}", ended.len());
        check_requests(&world, &ended, "impatient");
    }
}
