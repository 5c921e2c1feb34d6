//! Attachments: validation, their form in a prompt, lists and deletion.

pub(crate) mod prompt;
pub(crate) mod url_policy;
pub(crate) mod validation;

use causerie_domain::attachments::Attachment;
use causerie_domain::page::{Page, PageRequest};
use causerie_domain::ports::{AttachmentCursor, AttachmentQuery};
use causerie_domain::principal::Principal;
use causerie_domain::{AttachmentId, Filter, SessionId};

use crate::authorization::Action;
use crate::core::error::RuntimeError;
use crate::runtime::Runtime;

impl Runtime {
    /// Returns a page of the attachments of a session, in the order of its messages.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`].
    pub async fn attachments(
        &self,
        principal: &Principal,
        session_id: SessionId,
        page: PageRequest<AttachmentCursor>,
    ) -> Result<Page<Attachment, AttachmentCursor>, RuntimeError> {
        let access = self.access(principal)?;
        self.readable_session(&access, session_id).await?;
        let query = AttachmentQuery { session_id, visible: access.messages(Action::Read)?, page };
        Ok(self.inner.conversations.attachments(query).await?)
    }

    /// Deletes an attachment. It is neither listed nor sent to a model any more. Requires the right to update the
    /// session.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`].
    pub async fn delete_attachment(
        &self,
        principal: &Principal,
        id: AttachmentId,
    ) -> Result<(), RuntimeError> {
        let conversations = &self.inner.conversations;
        let access = self.access(principal)?;
        let allowed = access.sessions(Action::Update)?;
        let known = Filter::any([allowed.clone(), access.known_sessions()]);
        let session = conversations.session_of_attachment(id, &known).await?.ok_or(RuntimeError::NotFound)?;
        access.require_session(Action::Update, &session)?;
        Ok(conversations.delete_attachment(id, &allowed, self.inner.clock.now()).await?)
    }
}
