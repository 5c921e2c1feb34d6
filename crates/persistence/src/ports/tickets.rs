//! Stream tickets.

use causerie_domain::Timestamp;
use causerie_domain::ports::{NewTicket, StoreError, StreamTickets, TicketRecord, TicketTarget};

use crate::store::{SqlStore, run};

#[async_trait::async_trait]
impl StreamTickets for SqlStore {
    async fn issue(&self, ticket: NewTicket) -> Result<bool, StoreError> {
        run!(self, Write, tickets::issue(ticket))
    }

    async fn ticket(&self, hash: [u8; 32], wanted: TicketTarget) -> Result<Option<TicketRecord>, StoreError> {
        run!(self, Snapshot, tickets::holder((hash, wanted)))
    }

    async fn forget_tickets(&self, now: Timestamp) -> Result<usize, StoreError> {
        run!(self, Write, tickets::forget(now))
    }
}
