//! The requester of the current task.
//!
//! A call of a store has no argument for its requester: it finds the one of its task.

use causerie_domain::Requester;
use tokio::task::futures::TaskLocalFuture;

tokio::task_local! {
    static REQUESTER: Requester;
}

/// Runs a future on behalf of a requester: [`current_requester`] returns it within the future. A task that the future
/// spawns has no requester of its own accord.
pub fn on_behalf_of<F: Future>(requester: Requester, future: F) -> TaskLocalFuture<Requester, F> {
    REQUESTER.scope(requester, future)
}

/// Returns the requester of the current task, and [`Requester::ANONYMOUS`] outside of [`on_behalf_of`].
pub fn current_requester() -> Requester {
    REQUESTER.try_with(|requester| *requester).unwrap_or(Requester::ANONYMOUS)
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinSet;

    use super::*;
    use crate::testing::requester;

    #[tokio::test]
    async fn the_requester_belongs_to_the_future() {
        let first = requester(1, None);
        let inner = on_behalf_of(requester(2, Some(9)), async { current_requester() });
        let seen =
            on_behalf_of(first, async { (current_requester(), inner.await, current_requester()) }).await;
        assert_eq!(seen, (first, requester(2, Some(9)), first));
        assert_eq!(current_requester(), Requester::ANONYMOUS);
        let mut tasks = JoinSet::new();
        on_behalf_of(first, async { tasks.spawn(async { current_requester() }) }).await;
        assert_eq!(tasks.join_next().await.unwrap().unwrap(), Requester::ANONYMOUS);
    }
}
