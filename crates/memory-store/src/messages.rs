//! Messages.

use causerie_domain::messages::MessageView;
use causerie_domain::page::fitting_rows;
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
            let is_marked = view.message.superseded_by.or(view.message.withheld_from).is_some();
            !(query.without_marked && is_marked)
                && query.after_seq.is_none_or(|after| seq > after)
                && query.before_seq.is_none_or(|before| seq < before)
        });
        let limit = query.limit as usize;
        if query.after_seq.is_none() && query.before_seq.is_some() {
            return Ok(last_of_page(found, limit));
        }
        found.truncate(limit);
        found.truncate(fitting_rows(found.iter().map(size)));
        Ok(found)
    }

    async fn latest_messages(
        &self,
        id: SessionId,
        visible: &Filter,
        limit: u32,
    ) -> Result<Vec<MessageView>, StoreError> {
        Ok(last_of_page(visible_messages(&self.lock(), id, visible)?, limit as usize))
    }
}

/// Returns the last messages that fit into a page of this length.
fn last_of_page(mut found: Vec<MessageView>, limit: usize) -> Vec<MessageView> {
    let fitting = fitting_rows(found.iter().rev().take(limit).map(size));
    found.split_off(found.len() - fitting)
}

/// Returns the approximate size of a message with its attachments, in bytes.
pub(super) fn size(view: &MessageView) -> usize {
    let message = &view.message;
    let attached = view.attachments.iter().map(|file| file.storage_key.len() + json_size(&file.meta));
    message.content.len()
        + message.parts.iter().map(|part| part.text.len()).sum::<usize>()
        + message.reasoning_details.as_ref().map_or(0, |details| details.to_string().len())
        + json_size(&message.meta.other)
        + attached.sum::<usize>()
}

/// Returns the approximate size of an object as JSON.
fn json_size<'a, V: ToString + 'a>(object: impl IntoIterator<Item = (&'a String, &'a V)>) -> usize {
    object.into_iter().map(|(name, value)| name.len() + value.to_string().len()).sum()
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
