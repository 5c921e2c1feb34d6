//! Rights of open readers: each of them is decided again every few seconds, past the cache of credentials.
//!
//! A task per principal reads its current access and decides all its readers at once, so the cost does not grow with the
//! number of readers.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use causerie_domain::principal::Principal;
use causerie_domain::{ApiKeyId, UserId};
use causerie_runtime::{ReaderScope, Runtime};
use tokio::sync::{Notify, watch};

use super::authenticator::{Authenticator, require_active};
use crate::clock::monotonic;
use crate::error::{Code, Problem};
use crate::main_runtime::MainRuntime;
use crate::refusal::ReaderRefusal;

/// Interval of the decisions. With the time of the look-ups, a change of rights takes effect within 5 seconds.
const DECIDE_EVERY: Duration = Duration::from_secs(4);
/// Time for which readers stay open while the store cannot decide.
const MAX_UNDECIDED: Duration = Duration::from_secs(30);

impl From<ReaderRefusal> for Problem {
    fn from(refusal: ReaderRefusal) -> Self {
        match refusal {
            ReaderRefusal::Unauthenticated => Problem::unauthenticated(),
            ReaderRefusal::Forbidden => Problem::new(
                Code::Forbidden,
                "the right to read this answer was withdrawn; the turn continues",
            ),
            ReaderRefusal::Undecided => {
                let detail =
                    "the right to read this answer cannot be checked at the moment; the turn continues";
                Problem::new(Code::StoreUnavailable, detail)
            }
        }
    }
}

/// User and API key of a principal.
type PrincipalKey = (UserId, Option<ApiKeyId>);

/// Open readers, by principal.
#[derive(Debug, Default)]
pub(crate) struct OpenReaders(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    principals: HashMap<PrincipalKey, PrincipalReaders>,
    next_id: u64,
}

#[derive(Debug, Default)]
struct PrincipalReaders {
    readers: HashMap<u64, Registered>,
    /// Notified when the last reader closes.
    idle: Arc<Notify>,
}

#[derive(Debug)]
struct Registered {
    scope: ReaderScope,
    refusal: watch::Sender<Option<ReaderRefusal>>,
}

/// Open reader. It is decided again until it is dropped.
#[derive(Debug)]
pub(crate) struct OpenReader {
    readers: Arc<OpenReaders>,
    principal: PrincipalKey,
    id: u64,
    refusal: watch::Receiver<Option<ReaderRefusal>>,
}

impl OpenReader {
    /// Waits for the refusal of the reader.
    pub(crate) async fn refused(&mut self) -> ReaderRefusal {
        match self.refusal.wait_for(Option::is_some).await.map(|refusal| *refusal) {
            Ok(Some(refusal)) => refusal,
            _ => std::future::pending().await,
        }
    }
}

impl Drop for OpenReader {
    fn drop(&mut self) {
        let mut table = self.readers.lock();
        if let Some(of_principal) = table.principals.get_mut(&self.principal) {
            of_principal.readers.remove(&self.id);
            if of_principal.readers.is_empty() {
                of_principal.idle.notify_one();
            }
        }
    }
}

impl OpenReaders {
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a reader. Returns the signal of its principal if it is the first one.
    fn add(
        self: &Arc<Self>,
        principal: PrincipalKey,
        scope: ReaderScope,
    ) -> (OpenReader, Option<Arc<Notify>>) {
        let mut table = self.lock();
        let id = table.next_id;
        table.next_id += 1;
        let is_first = !table.principals.contains_key(&principal);
        let of_principal = table.principals.entry(principal).or_default();
        let (sender, refusal) = watch::channel(None);
        of_principal.readers.insert(id, Registered { scope, refusal: sender });
        let idle = is_first.then(|| Arc::clone(&of_principal.idle));
        drop(table);
        (OpenReader { readers: Arc::clone(self), principal, id, refusal }, idle)
    }

    /// Returns the scopes of the readers of a principal. Removes a principal without readers and returns `None`.
    fn scopes(&self, principal: &PrincipalKey) -> Option<HashSet<ReaderScope>> {
        let mut table = self.lock();
        let of_principal = table.principals.get(principal)?;
        if of_principal.readers.is_empty() {
            table.principals.remove(principal);
            return None;
        }
        Some(of_principal.readers.values().map(|reader| reader.scope).collect())
    }

    /// Refuses the readers of a principal with these scopes.
    fn refuse(&self, principal: &PrincipalKey, scopes: &HashSet<ReaderScope>, refusal: ReaderRefusal) {
        let table = self.lock();
        let Some(of_principal) = table.principals.get(principal) else { return };
        for reader in of_principal.readers.values().filter(|reader| scopes.contains(&reader.scope)) {
            reader.refusal.send_replace(Some(refusal));
        }
    }
}

impl Authenticator {
    /// Registers a reader of a principal, which is decided again until it is dropped.
    pub(crate) fn open_reader(
        self: &Arc<Self>,
        principal: &Principal,
        scope: ReaderScope,
        runtime: &Runtime,
        main: &MainRuntime,
    ) -> OpenReader {
        let key = (principal.user.id, principal.api_key_id());
        let (reader, idle) = self.readers.add(key, scope);
        if let Some(idle) = idle {
            main.spawn(decide_readers(Arc::clone(self), key, runtime.clone(), idle));
        }
        reader
    }

    /// Returns the principal of a user and a key as they are stored now; `None` if they are not valid.
    async fn current_principal(&self, (user, key): PrincipalKey) -> Result<Option<Principal>, Problem> {
        let now = self.ports.clock.now();
        let Some(current) = self.ports.authentication.current_access(user, key).await? else {
            return Ok(None);
        };
        Ok(require_active(current.access, current.key, now).ok().map(|verified| verified.principal))
    }

    async fn decide(
        &self,
        key: PrincipalKey,
        scopes: &HashSet<ReaderScope>,
        runtime: &Runtime,
    ) -> Result<(), Problem> {
        let Some(principal) = self.current_principal(key).await? else {
            self.readers.refuse(&key, scopes, ReaderRefusal::Unauthenticated);
            return Ok(());
        };
        let permitted = runtime.permitted_readers(&principal, scopes).await?;
        let refused = scopes.difference(&permitted).copied().collect();
        self.readers.refuse(&key, &refused, ReaderRefusal::Forbidden);
        Ok(())
    }
}

/// Decides the readers of a principal at an interval, until it has none.
async fn decide_readers(
    authenticator: Arc<Authenticator>,
    key: PrincipalKey,
    runtime: Runtime,
    idle: Arc<Notify>,
) {
    let mut decided_at = monotonic();
    let mut next = decided_at + DECIDE_EVERY;
    loop {
        tokio::select! {
            () = tokio::time::sleep_until(next) => {}
            () = idle.notified() => {}
        }
        let Some(scopes) = authenticator.readers.scopes(&key) else { return };
        if monotonic() < next {
            continue;
        }
        next = monotonic() + DECIDE_EVERY;
        match authenticator.decide(key, &scopes, &runtime).await {
            Ok(()) => decided_at = monotonic(),
            Err(problem) => {
                tracing::warn!(user = %key.0, code = problem.code.as_str(), "checking the rights of readers failed");
                if decided_at.elapsed() >= MAX_UNDECIDED {
                    authenticator.readers.refuse(&key, &scopes, ReaderRefusal::Undecided);
                }
            }
        }
    }
}
