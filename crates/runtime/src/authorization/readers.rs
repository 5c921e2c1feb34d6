//! Rights of readers: whether open readers of turns are still permitted.

use std::collections::HashSet;

use causerie_domain::principal::Principal;
use causerie_domain::sessions::{Session, SessionState};
use causerie_domain::{SessionId, TurnId};
use causerie_permissions::{Action, SubjectType};

use crate::core::error::RuntimeError;
use crate::runtime::Runtime;

/// Maximum number of turns in one query.
const MAX_TURNS: usize = 500;

/// What a reader reads, and the right that it depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReaderScope {
    /// Answer of a turn.
    Turn { turn_id: TurnId, session_id: SessionId, right: ReaderRight },
    /// Answer of a completion without a session: it depends on the right to use models, and tools if it names one.
    Completion { uses_tool: bool },
}

/// Right that the reader of a turn depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReaderRight {
    /// (read, Message) on the answer.
    Read,
    /// (create, Message) in the session: the principal sent the message and had no right to read the answer.
    Create,
}

impl Runtime {
    /// Returns those of some readers of a principal that are still permitted. Nothing is audited: the access was
    /// audited when the readers were opened.
    ///
    /// # Errors
    /// [`RuntimeError::Store`] and [`RuntimeError::Internal`]; a refusal is not an error.
    pub async fn permitted_readers(
        &self,
        principal: &Principal,
        readers: &HashSet<ReaderScope>,
    ) -> Result<HashSet<ReaderScope>, RuntimeError> {
        let access = self.access(principal)?;
        let mut visible = HashSet::new();
        let read: Vec<TurnId> = readers
            .iter()
            .filter_map(|reader| match *reader {
                ReaderScope::Turn { turn_id, right: ReaderRight::Read, .. } => Some(turn_id),
                _ => None,
            })
            .collect();
        match access.messages(Action::Read) {
            Ok(filter) => {
                for turns in read.chunks(MAX_TURNS) {
                    visible.extend(self.inner.conversations.visible_turns(turns.to_vec(), &filter).await?);
                }
            }
            Err(RuntimeError::Forbidden { .. }) => {}
            Err(error) => return Err(error),
        }
        let mut writable = HashSet::new();
        let sessions: HashSet<SessionId> = readers
            .iter()
            .filter_map(|reader| match *reader {
                ReaderScope::Turn { session_id, right: ReaderRight::Create, .. } => Some(session_id),
                _ => None,
            })
            .collect();
        for id in sessions {
            match self.known_session(&access, id).await {
                Ok(session) => {
                    let active = Session { state: SessionState::Active, ..session };
                    if access.require_message(Action::Create, &active).is_ok() {
                        writable.insert(id);
                    }
                }
                Err(RuntimeError::NotFound | RuntimeError::Forbidden { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let may_use = |subject| access.require_type(Action::Use, subject).is_ok();
        let is_permitted = |reader: &&ReaderScope| match **reader {
            ReaderScope::Turn { turn_id, right: ReaderRight::Read, .. } => visible.contains(&turn_id),
            ReaderScope::Turn { session_id, right: ReaderRight::Create, .. } => {
                writable.contains(&session_id)
            }
            ReaderScope::Completion { uses_tool } => {
                may_use(SubjectType::Model) && (!uses_tool || may_use(SubjectType::Tool))
            }
        };
        Ok(readers.iter().filter(is_permitted).copied().collect())
    }
}
