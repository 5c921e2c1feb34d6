//! Takes steps to the threads and brings their results back.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use causerie_domain::ports::StoreError;
use tokio::sync::mpsc::error::SendTimeoutError;
use tokio::sync::{mpsc, oneshot};

use super::Conn;
use super::connection::{Line, Use};
use super::job::StepJob;
use super::threads::{self, Order};
use crate::fault::Failure;
use crate::settings::{OpenError, StoreSettings};
use crate::step::{Mode, Step, abandoned, overloaded};

/// How many steps may wait for the writer, and for the readers.
const QUEUE: usize = 1024;

/// A SQLite file with the threads that work on it. They end when it goes and their queues are empty.
#[derive(Debug)]
pub(crate) struct Engine {
    path: PathBuf,
    wait: Duration,
    writer: mpsc::Sender<Order>,
    readers: mpsc::Sender<Order>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Engine {
    /// Opens the file, making it and its folder where they are missing.
    pub(crate) fn open(path: &Path, settings: &StoreSettings) -> Result<Self, OpenError> {
        if settings.readers == 0 {
            return Err(OpenError::TooFew("reader"));
        }
        let path = &settle(path).map_err(|source| at(path, source))?;
        let open =
            |purpose| Line::open(path, settings.busy_timeout, purpose).map_err(|source| at(path, source));
        let (writer, orders) = mpsc::channel(QUEUE);
        let line = open(Use::Write)?;
        let mut threads = vec![start("store-writer", path, move || threads::write(line, orders))?];
        let (readers, orders) = mpsc::channel(QUEUE);
        let orders = Arc::new(Mutex::new(orders));
        for _ in 0..settings.readers {
            let (line, orders) = (open(Use::Read)?, Arc::clone(&orders));
            threads.push(start("store-reader", path, move || threads::read(line, &orders))?);
        }
        let threads = Mutex::new(threads);
        Ok(Engine { path: path.clone(), wait: settings.wait_timeout, writer, readers, threads })
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs a step on one of the threads. A caller that stops waiting changes nothing of what it does.
    pub(crate) async fn run<T, F>(&self, mode: Mode, step: Step<Conn, T, F>) -> Result<T, F::Port>
    where
        T: Send + 'static,
        F: Failure,
    {
        let (answer, answered) = oneshot::channel();
        let queue = match mode {
            Mode::Read | Mode::Snapshot => &self.readers,
            Mode::Write | Mode::Serial => &self.writer,
        };
        let order = Order::Do(Box::new(StepJob::new(mode, step, answer)));
        let sent = queue.send_timeout(order, self.wait).await;
        sent.map_err(|refused| {
            F::Port::from(match refused {
                SendTimeoutError::Timeout(_) => overloaded(),
                SendTimeoutError::Closed(_) => abandoned(),
            })
        })?;
        answered.await.unwrap_or_else(|_| Err(F::Port::from(abandoned())))
    }

    /// Stops the threads after what was ordered, which leaves the file whole without its log.
    pub(crate) async fn close(&self) {
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in 0..threads.len() {
            let queue = if thread == 0 { &self.writer } else { &self.readers };
            // A thread that is gone already needs no order.
            let _ = queue.send(Order::Stop).await;
        }
        let ended = tokio::task::spawn_blocking(|| threads.into_iter().try_for_each(JoinHandle::join)).await;
        if !matches!(ended, Ok(Ok(()))) {
            tracing::warn!("a thread of the store ended early");
        }
    }

    /// Fails when the thread that writes is gone.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        if self.writer.is_closed() { Err(abandoned()) } else { Ok(()) }
    }
}

/// Makes the file where it is missing, and gives its one true name: links to a file lead to the same lock.
fn settle(path: &Path) -> std::io::Result<PathBuf> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::OpenOptions::new().create(true).append(true).open(path)?;
    path.canonicalize()
}

fn start(name: &str, path: &Path, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, OpenError> {
    thread::Builder::new().name(name.to_owned()).spawn(work).map_err(|source| at(path, source))
}

fn at(path: &Path, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> OpenError {
    OpenError::File { path: path.to_owned(), source: source.into() }
}
