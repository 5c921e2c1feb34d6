//! Who makes a request: API keys, tokens, stream tickets, and the step that turns one into a principal.

mod cache;
mod caller;
mod key;
mod shown;
#[cfg(test)]
pub(crate) mod testing;
mod ticket;
mod token;
mod verify;

use actix_web::http::header;

use crate::error::{Code, Problem};

pub(crate) use cache::make_room;
pub(crate) use caller::{Caller, authenticate};
#[cfg(test)]
pub(crate) use key::is_ticket;
pub use key::{KEY_PREFIX, KeyMaterial, PUBLIC_ID_CHARS, SECRET_CHARS};
#[cfg(test)]
pub(crate) use shown::is_lasting;
pub(crate) use shown::{TICKET, TICKET_ROUTES};
pub(crate) use ticket::Ticket;
pub(crate) use verify::{Authenticator, Doors};

/// The one answer to every request without a credential in force. It tells nobody what was wrong.
fn unauthenticated() -> Problem {
    Problem::new(Code::Unauthenticated, "send a valid API key or token as `Authorization: Bearer …`")
        .header(header::WWW_AUTHENTICATE, "Bearer")
}
