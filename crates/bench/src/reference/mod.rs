//! Reference proxies: the cost that no server on hyper avoids.
//!
//! "H" forwards requests and responses on pooled connections and does not parse bodies. "H, storing" also commits the
//! message and a ledger row before it asks the upstream, and the answer before the client sees its end. Both run on one
//! thread; the second has another one that writes to SQLite.

mod bodies;
mod pool;
mod serve;
mod store;
mod storing;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use hyper::Request;
use hyper::body::Incoming;
use tokio_util::task::TaskTracker;

use self::pool::Pool;
use self::store::Store;

/// Serves until the process is killed: as "H", or as "H, storing" with a database file.
pub(crate) fn run(upstream: SocketAddr, database: Option<&Path>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match database {
        None => runtime.block_on(forward_only(upstream)),
        Some(path) => {
            let store = Store::open(path)?;
            runtime.block_on(storing::serve(upstream, store))
        }
    }
}

async fn forward_only(upstream: SocketAddr) -> Result<()> {
    let tasks = TaskTracker::new();
    let pool = Pool::new(upstream, tasks.clone());
    serve::serve(tasks, move |request: Request<Incoming>| {
        let pool = Arc::clone(&pool);
        async move { pool.send(request).await }
    })
    .await
}
