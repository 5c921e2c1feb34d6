//! Messages. A filter that matches nothing sends no query.

use causerie_domain::messages::MessageView;
use causerie_domain::ports::{MessageQuery, Messages, StoreError};
use causerie_domain::{Filter, SessionId};

use crate::input::LatestMessages;
use crate::store::{SqlStore, transact};

#[async_trait::async_trait]
impl Messages for SqlStore {
    async fn messages(&self, list: MessageQuery) -> Result<Vec<MessageView>, StoreError> {
        if list.visible.is_nothing() {
            return Ok(Vec::new());
        }
        transact!(self, Snapshot, messages::list(list))
    }

    async fn latest_messages(
        &self,
        id: SessionId,
        visible: &Filter,
        limit: u32,
    ) -> Result<Vec<MessageView>, StoreError> {
        if visible.is_nothing() {
            return Ok(Vec::new());
        }
        transact!(
            self,
            Snapshot,
            messages::latest(LatestMessages { session_id: id, visible: visible.clone(), limit })
        )
    }
}
