//! Signals that end or pass through a command.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Interrupt or termination.
pub(crate) struct Stop([Option<Signal>; 2]);

impl Stop {
    /// Takes the signals over from their default, which would end the process. Inside a runtime only.
    pub(crate) fn listen() -> Self {
        Self([SignalKind::interrupt(), SignalKind::terminate()].map(|kind| signal(kind).ok()))
    }

    /// Waits for either signal; its number.
    pub(crate) async fn which(&mut self) -> i32 {
        let [interrupt, terminate] = &mut self.0;
        tokio::select! {
            () = next(interrupt) => SignalKind::interrupt().as_raw_value(),
            () = next(terminate) => SignalKind::terminate().as_raw_value(),
        }
    }

    /// Waits for either signal.
    pub(crate) async fn wait(&mut self) {
        self.which().await;
    }
}

async fn next(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}
