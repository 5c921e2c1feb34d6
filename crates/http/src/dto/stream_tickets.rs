//! Stream tickets in responses.

use serde::Serialize;
use utoipa::ToSchema;

use super::values::TimestampDto;
use crate::auth::Ticket;

/// A ticket for the stream of a session. Only its hash is stored.
#[derive(Serialize, ToSchema)]
#[schema(as = StreamTicket)]
pub(crate) struct TicketDto<'t> {
    /// Value of the query parameter `ticket`.
    ticket: &'t str,
    /// Latest time of expiry. The ticket expires earlier, a minute after the end of its turn.
    expires_at: TimestampDto,
}

impl std::fmt::Debug for TicketDto<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TicketDto(***)")
    }
}

impl<'t> From<&'t Ticket> for TicketDto<'t> {
    fn from(ticket: &'t Ticket) -> Self {
        TicketDto { ticket: ticket.ticket.expose(), expires_at: ticket.expires_at.into() }
    }
}
