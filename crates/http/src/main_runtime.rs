//! Calls from an actix worker into the main runtime of the process.
//!
//! A worker is a single-threaded runtime that ends with its server: a task spawned there ends with it, and a database
//! connection opened there breaks. Workers only parse requests and write responses; calls of lower layers run on the
//! main runtime of the process.

use std::fmt;

use causerie_fair_share::{current_requester, on_behalf_of};
use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinHandle};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};
use tracing::Instrument as _;

use crate::error::Problem;

/// The runtime that outlives every worker, and the tasks that requests have started on it.
#[derive(Clone)]
pub(crate) struct MainRuntime {
    handle: Handle,
    tasks: TaskTracker,
}

impl fmt::Debug for MainRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MainRuntime").field("tasks", &self.tasks.len()).finish_non_exhaustive()
    }
}

impl MainRuntime {
    pub(crate) fn new(handle: Handle) -> Self {
        MainRuntime { handle, tasks: TaskTracker::new() }
    }

    /// Runs a call on the main runtime. It completes even if its caller disconnects, so a started send always ends.
    ///
    /// # Errors
    /// Those of the call, and `internal` if it panicked.
    pub(crate) async fn run<T, E>(
        &self,
        call: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<T, Problem>
    where
        T: Send + 'static,
        E: Into<Problem> + Send + 'static,
    {
        joined_result(self.spawn(call).await)
    }

    /// Runs a call on the main runtime, and aborts it when its caller disconnects.
    ///
    /// # Errors
    /// As [`MainRuntime::run`].
    pub(crate) async fn run_abortable<T, E>(
        &self,
        call: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<T, Problem>
    where
        T: Send + 'static,
        E: Into<Problem> + Send + 'static,
    {
        joined_result(AbortOnDropHandle::new(self.spawn(call)).await)
    }

    /// Starts a task on the main runtime, within the span of the request and on behalf of its requester.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.tasks.spawn_on(on_behalf_of(current_requester(), task).in_current_span(), &self.handle)
    }

    /// Waits for all tasks that were started.
    pub(crate) async fn finished(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Returns the result of a call that was joined.
fn joined_result<T, E: Into<Problem>>(joined: Result<Result<T, E>, JoinError>) -> Result<T, Problem> {
    match joined {
        Ok(result) => result.map_err(Into::into),
        Err(error) => Err(Problem::internal(error)),
    }
}

#[cfg(test)]
impl MainRuntime {
    /// Returns the runtime of the current test.
    pub(crate) fn current() -> Self {
        MainRuntime::new(Handle::current())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use causerie_domain::Requester;
    use futures_util::FutureExt as _;
    use tokio::sync::Notify;

    use super::*;
    use crate::error::Code;

    #[tokio::test]
    async fn a_call_completes_after_its_caller_is_dropped() {
        let main = MainRuntime::current();
        let (go, done) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (gone, ended) = (Arc::clone(&go), Arc::clone(&done));
        let call = main.run(async move {
            gone.notified().await;
            ended.notify_one();
            Ok::<(), Problem>(())
        });
        assert!(call.now_or_never().is_none());
        go.notify_one();
        done.notified().await;
    }

    #[tokio::test]
    async fn a_call_runs_on_behalf_of_the_requester_of_its_caller() {
        let main = MainRuntime::current();
        let call = main.run(async { Ok::<_, Problem>(current_requester()) });
        assert_eq!(on_behalf_of(Requester::UNIDENTIFIED, call).await.unwrap(), Requester::UNIDENTIFIED);
    }

    #[tokio::test]
    async fn an_abortable_call_ends_with_its_caller() {
        let main = MainRuntime::current();
        let call = main.run_abortable(std::future::pending::<Result<(), Problem>>());
        assert!(call.now_or_never().is_none());
        main.finished().await;
    }

    #[tokio::test]
    async fn a_panicking_call_is_an_internal_error() {
        let main = MainRuntime::current();
        let call = async { if true { panic!("on purpose") } else { Ok::<(), Problem>(()) } };
        assert_eq!(main.run(call).await.unwrap_err().code, Code::Internal);
    }
}
