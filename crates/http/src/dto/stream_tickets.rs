//! A stream ticket, as it is shown once.

use serde::Serialize;
use utoipa::ToSchema;

use super::values::TimestampDto;
use crate::auth::Ticket;

/// A ticket for one session's stream. Only its hash is stored.
#[derive(Serialize, ToSchema)]
#[schema(as = StreamTicket)]
pub(crate) struct TicketDto<'t> {
    /// What to send as `?ticket=`.
    ticket: &'t str,
    /// When it ends at the latest; it ends earlier, a minute after its turn.
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
