//! The signals the program knows: SIGTERM and SIGINT end it, once for a graceful stop, twice for one at once; SIGHUP
//! has it read its tool definitions again.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens from the moment it is made, so that no signal is lost while the server starts.
#[derive(Debug)]
pub(crate) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

/// Listens for the wish to read tool definitions again.
#[derive(Debug)]
pub(crate) struct ReloadSignal(Signal);

impl ReloadSignal {
    /// Begins to listen. From now on SIGHUP no longer ends the process.
    pub(crate) fn listen() -> io::Result<Self> {
        signal(SignalKind::hangup()).map(ReloadSignal)
    }

    /// Waits for the next one. Several at once may be one.
    pub(crate) async fn next(&mut self) {
        self.0.recv().await;
    }
}

impl StopSignals {
    /// Begins to listen. From now on these signals no longer end the process by themselves.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(StopSignals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next one and gives its name.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
