//! Signals: the first SIGTERM or SIGINT stops the server gracefully, the second at once; SIGHUP reloads the tool
//! definitions.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// A listener for SIGTERM and SIGINT. It receives signals from its creation, so none is lost during startup.
#[derive(Debug)]
pub(crate) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

/// A listener for SIGHUP, which reloads the tool definitions.
#[derive(Debug)]
pub(crate) struct ReloadSignal(Signal);

impl ReloadSignal {
    /// Starts to listen. SIGHUP no longer ends the process.
    pub(crate) fn listen() -> io::Result<Self> {
        signal(SignalKind::hangup()).map(ReloadSignal)
    }

    /// Waits for the next signal. Several signals in a row may be merged into one.
    pub(crate) async fn next(&mut self) {
        self.0.recv().await;
    }
}

impl StopSignals {
    /// Starts to listen. The signals no longer end the process by themselves.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(StopSignals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next signal and returns its name.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
