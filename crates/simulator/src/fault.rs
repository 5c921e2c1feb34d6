//! Faults: responses to all requests during an outage.

/// Response to all requests during an outage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Status 429; with `Retry-After` in seconds if set.
    RateLimited { retry_after: Option<u32> },
    /// Error envelope with this status, 400 to 599.
    Status(u16),
    /// Connections are closed without a response.
    Dropped,
    /// Connections stay open without a response.
    Silent,
    /// Scenario of this model id, such as `sim/cut-mid-stream?after=1`.
    Scenario(String),
}

impl Fault {
    /// Returns the model id that behaves like this fault.
    pub(crate) fn model(&self) -> String {
        match self {
            Self::RateLimited { retry_after: Some(seconds) } => {
                format!("sim/rate-limited?retry_after={seconds}")
            }
            Self::RateLimited { retry_after: None } => "sim/rate-limited?form=none".to_owned(),
            Self::Status(code) => format!("sim/status?code={code}"),
            Self::Dropped => "sim/drop".to_owned(),
            Self::Silent => "sim/stall?at=head".to_owned(),
            Self::Scenario(model) => model.clone(),
        }
    }
}
