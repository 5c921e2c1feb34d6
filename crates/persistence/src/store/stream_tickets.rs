//! Stream tickets.

use causerie_domain::Timestamp;
use causerie_domain::ports::{NewTicket, StoreError, StreamTickets, TicketRecord, TicketTarget};

use crate::store::{SqlStore, transact};

#[async_trait::async_trait]
impl StreamTickets for SqlStore {
    async fn issue(&self, ticket: NewTicket) -> Result<bool, StoreError> {
        transact!(self, Write, stream_tickets::issue(ticket))
    }

    async fn ticket(&self, hash: [u8; 32], wanted: TicketTarget) -> Result<Option<TicketRecord>, StoreError> {
        transact!(self, Snapshot, stream_tickets::ticket((hash, wanted)))
    }

    async fn delete_expired_tickets(&self, now: Timestamp) -> Result<usize, StoreError> {
        transact!(self, Write, stream_tickets::forget(now))
    }
}
