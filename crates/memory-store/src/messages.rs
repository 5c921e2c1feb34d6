//! Messages.

use causerie_domain::messages::MessageView;
use causerie_domain::ports::{MessageQuery, Messages, StoreError};
use causerie_domain::{Filter, SessionId};

use super::MemoryStore;
use super::filter::matches;
use super::state::{MessageRow, State};

#[async_trait::async_trait]
impl Messages for MemoryStore {
    async fn messages(&self, query: MessageQuery) -> Result<Vec<MessageView>, StoreError> {
        let state = self.lock();
        let mut found = visible_messages(&state, query.session_id, &query.visible)?;
        found.retain(|view| {
            let seq = view.message.seq;
            query.after_seq.is_none_or(|after| seq > after)
                && query.before_seq.is_none_or(|before| seq < before)
        });
        let limit = query.limit as usize;
        if query.after_seq.is_none() && query.before_seq.is_some() {
            found.drain(..found.len().saturating_sub(limit));
        }
        found.truncate(limit);
        Ok(found)
    }

    async fn latest_messages(
        &self,
        id: SessionId,
        visible: &Filter,
        limit: u32,
    ) -> Result<Vec<MessageView>, StoreError> {
        let mut found = visible_messages(&self.lock(), id, visible)?;
        Ok(found.split_off(found.len().saturating_sub(limit as usize)))
    }
}

/// Returns the messages of a session that a filter matches, in order.
pub(super) fn visible_messages(
    state: &State,
    id: SessionId,
    visible: &Filter,
) -> Result<Vec<MessageView>, StoreError> {
    let Some(stored) = state.session(id) else { return Ok(Vec::new()) };
    let mut views = Vec::new();
    for message in &stored.messages {
        if matches(visible, &MessageRow { message, session: &stored.session })? {
            views.push(state.view(stored, message));
        }
    }
    Ok(views)
}
