//! Client connections: how many there may be, and how long each phase of a request may take.
//!
//! The HTTP library times the first head of a connection and silence between requests. The clocks here also end later
//! heads, and responses that a client does not read; `request::body` ends bodies that do not arrive.

mod clock;
mod limits;
mod stream;
mod transfer_timeout;

pub(crate) use clock::{ConnectionClock, RequestInProgress};
pub(crate) use limits::ConnectionLimits;
pub(crate) use stream::ClientStream;
pub(crate) use transfer_timeout::TransferTimeout;
