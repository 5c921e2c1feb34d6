//! Sessions: creation, reads and changes on behalf of a principal.

pub(crate) mod audit;
pub(crate) mod forks;

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use causerie_domain::display_text::display_text_error;
use causerie_domain::filter::Scalar;
use causerie_domain::messages::MessageView;
use causerie_domain::page::{After, Page, PageRequest};
use causerie_domain::ports::{
    MessageQuery, NewGreeting, NewSession, SessionCursor, SessionError, SessionQuery,
};
use causerie_domain::principal::Principal;
use causerie_domain::sessions::{MAX_TITLE_CHARS, Session, SessionAction, SessionState, SessionTotals};
use causerie_domain::subjects::MessageField;
use causerie_domain::tools::Tool;
use causerie_domain::turns::Turn;
use causerie_domain::{Filter, GroupId, MessageId, SessionId, ToolVersionId};

use crate::authorization::Action;
use crate::core::error::RuntimeError;
use crate::runtime::Runtime;
use crate::tools::definitions::PinnedTool;

/// Number of latest messages in a [`SessionDetail`].
const LATEST_MESSAGES: u32 = 20;

/// Session to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateSession {
    /// Slug or id of the tool.
    pub tool: String,
    /// Title, up to 200 characters; `None` to derive it from the first message.
    pub title: Option<String>,
    /// Group to which the requests are accounted; `None` for the group of the API key, if it is bound to one, otherwise
    /// the user.
    pub group_id: Option<GroupId>,
}

/// Session with the names of its tool and version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionView {
    pub session: Session,
    pub tool_slug: String,
    /// Version of the tool that the session keeps.
    pub tool_version: String,
}

/// Session with its totals and latest messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionDetail {
    pub view: SessionView,
    pub totals: SessionTotals,
    /// Latest 20 messages that the principal may read, in the order of the session.
    pub messages: Vec<MessageView>,
}

/// Filter and page of a list of sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListSessions {
    pub state: Option<SessionState>,
    /// Slug of the tool.
    pub tool: Option<String>,
    /// Maximum number of rows, 1 to 100.
    pub limit: u32,
    /// Cursor of the last session of the previous page.
    pub after: Option<SessionCursor>,
}

/// Session, range and limit of a list of messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListMessages {
    pub session_id: SessionId,
    /// Whether superseded and withheld messages are left out.
    pub without_marked: bool,
    /// Lower bound of the sequence number, exclusive.
    pub after_seq: Option<i64>,
    /// Upper bound of the sequence number, exclusive.
    pub before_seq: Option<i64>,
    /// Maximum number of rows, 1 to 100.
    pub limit: u32,
}

impl Runtime {
    /// Creates a session with the current version of a tool. The session keeps this version.
    ///
    /// # Errors
    /// [`RuntimeError::NoSuchTool`], [`RuntimeError::Invalid`] for an invalid title, [`RuntimeError::Forbidden`].
    pub async fn create_session(
        &self,
        principal: &Principal,
        new: CreateSession,
    ) -> Result<SessionView, RuntimeError> {
        let id = SessionId::next(self.inner.ids.as_ref());
        let (new, tool) = self.checked_session(principal, id, new).await?;
        let session = self.inner.conversations.create_session(new).await?;
        Ok(SessionView { session, tool_slug: tool.slug, tool_version: tool.current.version })
    }

    /// Creates a session under an id that a client has chosen. Returns `false` if the id is taken.
    ///
    /// # Errors
    /// Those of [`Runtime::create_session`].
    pub(crate) async fn create_session_under(
        &self,
        principal: &Principal,
        id: SessionId,
        new: CreateSession,
    ) -> Result<bool, RuntimeError> {
        let (new, _) = self.checked_session(principal, id, new).await?;
        Ok(self.inner.conversations.create_session_unless_taken(new).await?.is_some())
    }

    /// Checks a session to create, and returns its row and its tool.
    async fn checked_session(
        &self,
        principal: &Principal,
        id: SessionId,
        new: CreateSession,
    ) -> Result<(NewSession, Tool), RuntimeError> {
        let inner = &self.inner;
        let access = self.access(principal)?;
        access.sessions(Action::Create)?;
        let title = valid_title(new.title)?;
        let tool = self.usable_tool(&access, &new.tool).await?;
        let group_id = new.group_id.or(principal.key_group_id());
        access.require_account(group_id)?;
        let definition = inner.definitions.get(&tool.current)?;
        let greeting = definition.greeting.clone();
        let new = NewSession {
            id,
            tool_id: tool.id,
            tool_version_id: tool.current.id,
            user_id: principal.user.id,
            group_id,
            title,
            greeting: greeting.map(|text| NewGreeting { id: MessageId::next(inner.ids.as_ref()), text }),
            started_at: inner.clock.now(),
        };
        access.require_new_session(&new)?;
        Ok((new, tool))
    }

    /// Returns a session with its totals and its latest messages. Without the right to read messages, it has none.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`].
    pub async fn session(&self, principal: &Principal, id: SessionId) -> Result<SessionDetail, RuntimeError> {
        let inner = &self.inner;
        let access = self.access(principal)?;
        let session = self.permitted_session(&access, id, Action::Read).await?;
        let visible = access.sessions(Action::Read)?;
        let totals = inner.conversations.totals(id, &visible).await?.ok_or(RuntimeError::NotFound)?;
        let messages = match access.messages(Action::Read) {
            Ok(readable) => inner.conversations.latest_messages(id, &readable, LATEST_MESSAGES).await?,
            Err(RuntimeError::Forbidden { .. }) => Vec::new(),
            Err(error) => return Err(error),
        };
        Ok(SessionDetail { view: self.view(session).await?, totals, messages })
    }

    /// Returns a page of the principal's own sessions, the latest activity first.
    ///
    /// # Errors
    /// [`RuntimeError::Forbidden`] if the principal may read no sessions.
    pub async fn sessions(
        &self,
        principal: &Principal,
        list: ListSessions,
    ) -> Result<Page<SessionView, SessionCursor>, RuntimeError> {
        let inner = &self.inner;
        let access = self.access(principal)?;
        let visible = access.sessions(Action::Read)?;
        let tool_id = match &list.tool {
            Some(slug) => match inner.tools.tool(slug, &access.tools(Action::Read)?).await? {
                Some(tool) => Some(tool.id),
                None => return Ok(Page { rows: Vec::new(), next: None }),
            },
            None => None,
        };
        let page = PageRequest { limit: list.limit, after: list.after.map(After) };
        let user_id = Some(principal.user.id);
        let (state, parent_session_id) = (list.state, None);
        let query = SessionQuery { visible, user_id, state, tool_id, parent_session_id, page };
        let page = inner.conversations.sessions(query).await?;
        Ok(Page { rows: self.views(page.rows).await?, next: page.next })
    }

    /// Changes or removes the title of a session.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`], [`RuntimeError::Invalid`].
    pub async fn rename_session(
        &self,
        principal: &Principal,
        id: SessionId,
        title: Option<String>,
    ) -> Result<SessionView, RuntimeError> {
        let access = self.access(principal)?;
        self.permitted_session(&access, id, Action::Update).await?;
        let title = valid_title(title)?;
        let allowed = access.sessions(Action::Update)?;
        let session = self.inner.conversations.rename(id, &allowed, title).await?;
        self.view(session).await
    }

    /// Pauses, resumes or completes a session. A repeated action changes nothing.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`], [`RuntimeError::InvalidState`].
    pub async fn change_session_state(
        &self,
        principal: &Principal,
        id: SessionId,
        action: SessionAction,
    ) -> Result<SessionView, RuntimeError> {
        let access = self.access(principal)?;
        self.permitted_session(&access, id, Action::Update).await?;
        let allowed = access.sessions(Action::Update)?;
        let now = self.inner.clock.now();
        let session = self.inner.conversations.change_state(id, &allowed, action, now).await?;
        self.view(session).await
    }

    /// Deletes a session, so that no turn can begin in it, and cancels its running turn. No read returns the session any
    /// more; its usage rows stay in the ledger.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`].
    pub async fn delete_session(&self, principal: &Principal, id: SessionId) -> Result<(), RuntimeError> {
        let access = self.access(principal)?;
        self.permitted_session(&access, id, Action::Delete).await?;
        let allowed = access.sessions(Action::Delete)?;
        self.inner.conversations.delete_session(id, &allowed, self.stamp(principal)).await?;
        if let Err(error) = self.stop_running_turn(id).await {
            tracing::warn!(session_id = %id, %error, "cancelling the turn of a deleted session failed");
        }
        Ok(())
    }

    /// Returns messages of a session in order of their sequence numbers. The next key of a page that is read forwards is
    /// the sequence number of its last message; a page that is read backwards has none.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`].
    pub async fn messages(
        &self,
        principal: &Principal,
        list: ListMessages,
    ) -> Result<Page<MessageView, i64>, RuntimeError> {
        let access = self.access(principal)?;
        self.readable_session(&access, list.session_id).await?;
        let query = MessageQuery {
            session_id: list.session_id,
            visible: access.messages(Action::Read)?,
            without_marked: list.without_marked,
            after_seq: list.after_seq,
            before_seq: list.before_seq,
            limit: list.limit,
        };
        let rows = self.inner.conversations.messages(query.clone()).await?;
        let is_backwards = query.after_seq.is_none() && query.before_seq.is_some();
        let Some(last) = rows.last().map(|view| view.message.seq).filter(|_| !is_backwards) else {
            return Ok(Page { rows, next: None });
        };
        // A page of large messages ends early, so a short page need not be the last one.
        let following = MessageQuery { after_seq: Some(last), limit: 1, ..query };
        let is_last = self.inner.conversations.messages(following).await?.is_empty();
        Ok(Page { rows, next: (!is_last).then_some(last) })
    }

    /// Returns the two messages of a turn that the principal has sent: its message and the answer. A send includes its
    /// answer, so no right to read messages is required.
    ///
    /// # Errors
    /// [`RuntimeError::Store`].
    pub async fn sent_messages(
        &self,
        principal: &Principal,
        turn: &Turn,
    ) -> Result<Vec<MessageView>, RuntimeError> {
        let own = self.access(principal)?.own_messages().clone();
        let mut views = Vec::with_capacity(2);
        // One by one: both together can exceed the size of a page.
        for id in [turn.user_message_id, turn.assistant_message_id] {
            let is_it = Filter::equals(MessageField::Id, Scalar::Uuid(id.as_uuid()));
            let query = MessageQuery {
                session_id: turn.session_id,
                visible: Filter::all([own.clone(), is_it]),
                without_marked: false,
                after_seq: None,
                before_seq: Some(turn.assistant_seq + 1),
                limit: 1,
            };
            views.extend(self.inner.conversations.messages(query).await?);
        }
        Ok(views)
    }

    /// Adds the names of tool and version to sessions. Each version is loaded once.
    pub(crate) async fn views(&self, sessions: Vec<Session>) -> Result<Vec<SessionView>, RuntimeError> {
        let mut tools: HashMap<ToolVersionId, PinnedTool> = HashMap::new();
        for session in &sessions {
            if let Entry::Vacant(entry) = tools.entry(session.tool_version_id) {
                entry.insert(self.inner.pinned_tool(session.tool_version_id).await?);
            }
        }
        let views = sessions.into_iter().filter_map(|session| {
            let PinnedTool { tool, version, .. } = tools.get(&session.tool_version_id)?;
            let (tool_slug, tool_version) = (tool.slug.clone(), version.version.clone());
            Some(SessionView { session, tool_slug, tool_version })
        });
        Ok(views.collect())
    }

    /// Adds the names of tool and version to a session.
    pub(crate) async fn view(&self, session: Session) -> Result<SessionView, RuntimeError> {
        let pinned = self.inner.pinned_tool(session.tool_version_id).await?;
        Ok(SessionView { session, tool_slug: pinned.tool.slug, tool_version: pinned.version.version })
    }
}

/// Returns the title unchanged if it is valid.
///
/// # Errors
/// [`RuntimeError::Invalid`] for a blank title or one of more than 200 characters.
pub(crate) fn valid_title(title: Option<String>) -> Result<Option<String>, RuntimeError> {
    match title {
        Some(title) if title.chars().count() > MAX_TITLE_CHARS => {
            Err(RuntimeError::invalid("/title", format!("is longer than {MAX_TITLE_CHARS} characters")))
        }
        title => match title.as_deref().and_then(display_text_error) {
            Some(error) => Err(RuntimeError::invalid("/title", error)),
            None => Ok(title),
        },
    }
}

impl From<SessionError> for RuntimeError {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::NotFound => RuntimeError::NotFound,
            SessionError::InvalidState(refusal) => RuntimeError::InvalidState(refusal),
            SessionError::Store(error) => RuntimeError::Store(error),
        }
    }
}
