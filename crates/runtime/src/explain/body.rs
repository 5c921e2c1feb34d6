//! Bodies of earlier requests, built again and compared with the recorded hash.

use causerie_domain::string_enum;
use causerie_domain::turn_requests::{StoredTurnRequests, TurnAttempt};
use sha2::{Digest as _, Sha256};

use super::{IncludedBodies, ends_with_the_question, request_of};
use crate::context::{RecordedContext, system_text};
use crate::runtime::Runtime;
use crate::send::{Composition, composed};
use crate::tools::definitions::PinnedTool;

/// Maximum size of the bodies of an explanation, together, in bytes.
pub const MAX_BODIES_BYTES: usize = 32 * 1024 * 1024;

string_enum! {
    /// Reason for which the body of a request cannot be returned.
    BodyUnavailable, "reason", {
        /// The attempt was not sent, or was sent by an earlier version.
        NotRecorded = "not_recorded",
        /// A message of the request no longer exists, or the principal may not read it.
        MessageMissing = "message_missing",
        /// A file of a message was deleted, so the body is another one than the one that was sent.
        FileDeleted = "file_deleted",
        /// The body that is built now is another one than the one that was sent: the program or its gateway has changed.
        Changed = "changed",
        /// The body exceeds [`MAX_BODIES_BYTES`] with those before it.
        TooLarge = "too_large",
    }
}

/// Builds the bodies of the attempts of a turn in their order.
pub(super) struct Bodies<'a> {
    runtime: &'a Runtime,
    included: IncludedBodies,
    stored: &'a StoredTurnRequests,
    pinned: &'a PinnedTool,
    bytes_left: usize,
}

impl Runtime {
    pub(super) fn bodies<'a>(
        &'a self,
        included: IncludedBodies,
        stored: &'a StoredTurnRequests,
        pinned: &'a PinnedTool,
    ) -> Bodies<'a> {
        Bodies { runtime: self, included, stored, pinned, bytes_left: MAX_BODIES_BYTES }
    }
}

impl Bodies<'_> {
    /// Returns the body of the next attempt; `None` if it is not included.
    pub(super) fn of(&mut self, attempt: &TurnAttempt) -> Option<Result<String, BodyUnavailable>> {
        match self.included {
            IncludedBodies::None => return None,
            IncludedBodies::Attempt(number) if number != attempt.usage.attempt => return None,
            IncludedBodies::Attempt(_) | IncludedBodies::All => {}
        }
        let body = self.build(attempt).and_then(|body| {
            self.bytes_left = self.bytes_left.checked_sub(body.len()).ok_or(BodyUnavailable::TooLarge)?;
            Ok(body)
        });
        Some(body)
    }

    fn build(&self, attempt: &TurnAttempt) -> Result<String, BodyUnavailable> {
        let request = request_of(self.stored, attempt).ok_or(BodyUnavailable::NotRecorded)?;
        let definition = &self.pinned.definition;
        let system = system_text(&definition.behavior, definition.greeting.as_deref());
        let context = RecordedContext::of(request, &system, &self.stored.messages)
            .filter(|_| ends_with_the_question(self.stored))
            .ok_or(BodyUnavailable::MessageMissing)?;
        let composition = Composition {
            model: attempt.usage.model.clone(),
            fallback_models: request.fallback_models.clone(),
            messages: context.messages(),
            max_tokens: request.max_tokens,
        };
        let composed = composed(&self.stored.session, definition, composition);
        let changed = match self.stored.has_deleted_files {
            true => BodyUnavailable::FileDeleted,
            false => BodyUnavailable::Changed,
        };
        let body = self.runtime.inner.gateway.body(&composed).ok_or(BodyUnavailable::Changed)?;
        if Sha256::digest(&body)[..] != request.sha256 {
            return Err(changed);
        }
        String::from_utf8(body).map_err(|_| changed)
    }
}
