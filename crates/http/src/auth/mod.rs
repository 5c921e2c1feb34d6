//! Authentication: API keys, tokens and stream tickets, and their principals.

mod authenticator;
mod cache;
mod caller;
mod credential;
mod key_format;
mod one_time_code;
mod readers;
mod ticket;
mod token;

pub(crate) use authenticator::{AuthPorts, Authenticator};
pub(crate) use caller::Caller;
#[cfg(test)]
pub(crate) use credential::is_reusable_credential;
pub(crate) use credential::{PresentedCredential, TICKET, TICKET_ROUTES};
pub use key_format::{KEY_PREFIX, KeyMaterial, PUBLIC_ID_CHARS, SECRET_CHARS};
#[cfg(test)]
pub(crate) use key_format::{has_ticket_format, secret_hash};
pub use one_time_code::OneTimeCode;
pub(crate) use one_time_code::SignedIn;
pub(crate) use readers::OpenReader;
pub(crate) use ticket::Ticket;
