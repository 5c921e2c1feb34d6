//! Users.

use causerie_domain::memberships::Invitation;
use causerie_domain::page::{Page, PageRequest};
use causerie_domain::ports::{DirectoryError, NewUser, UserChange};
use causerie_domain::principal::Principal;
use causerie_domain::turns::TurnStatus;
use causerie_domain::users::{Role, User, UserStatus, UserView};
use causerie_domain::{GroupId, UserId};
use causerie_permissions::{RawRule, SubjectType};

use super::validation::FieldErrors;
use crate::authorization::subjects;
use crate::authorization::{Access, Action};
use crate::core::error::RuntimeError;
use crate::runtime::Runtime;

/// How often a user's turns are stopped before a deletion gives up: one that is begun meanwhile needs a round more.
const ROUNDS: usize = 3;

/// The members of a user as clients see it, each of which a rule may hide.
const MEMBERS: [&str; 8] = ["id", "email", "name", "locale", "status", "role", "group_ids", "created_at"];

/// A user to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateUser {
    /// The e-mail address, unique without regard to ASCII case.
    pub email: String,
    /// The name shown to others.
    pub name: String,
    /// What the user is to the installation.
    pub role: Role,
}

/// A user, and what of it the principal may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenUser {
    /// The user.
    pub view: UserView,
    /// The members that may be shown.
    shown: Vec<&'static str>,
}

impl SeenUser {
    /// A value that may be shown, under the name of its member.
    pub fn shown<T>(&self, member: &str, value: T) -> Option<T> {
        self.shown.contains(&member).then_some(value)
    }
}

impl Access {
    pub(super) fn see_user(&self, view: UserView) -> SeenUser {
        let subject = subjects::user(&view);
        let may_see = |member: &&str| self.require_field(Action::Read, &subject, Some(*member)).is_ok();
        SeenUser { shown: MEMBERS.into_iter().filter(may_see).collect(), view }
    }
}

impl Runtime {
    /// The rules that decide what the principal may do, in order: placeholders replaced, scopes applied.
    ///
    /// # Errors
    /// [`RuntimeError::Internal`] for stored rules that cannot be evaluated.
    pub fn abilities(&self, principal: &Principal) -> Result<Vec<RawRule>, RuntimeError> {
        Ok(self.access(principal)?.rules())
    }

    /// The open invitations of the principal's address.
    ///
    /// # Errors
    /// [`RuntimeError::Store`].
    pub async fn own_invitations(&self, principal: &Principal) -> Result<Vec<Invitation>, RuntimeError> {
        match &self.inner.directory {
            Some(directory) => Ok(directory.invitations_of(principal.user.id).await?),
            None => Ok(Vec::new()),
        }
    }

    /// The users that the principal may read, by id.
    ///
    /// # Errors
    /// [`RuntimeError::Forbidden`] where that is none at all; so for the lists of other things.
    pub async fn users(
        &self,
        principal: &Principal,
        page: PageRequest<UserId>,
    ) -> Result<Page<SeenUser, UserId>, RuntimeError> {
        let access = self.access(principal)?;
        let found = self.directory()?.users(&access.users(Action::Read)?, page).await?;
        let rows = found.rows.into_iter().map(|view| access.see_user(view)).collect();
        Ok(Page { rows, next: found.next })
    }

    /// A user.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`].
    pub async fn user(&self, principal: &Principal, id: UserId) -> Result<SeenUser, RuntimeError> {
        let access = self.access(principal)?;
        let view = self.permitted_user(&access, id, Action::Read).await?;
        Ok(access.see_user(view))
    }

    /// Makes a user.
    ///
    /// # Errors
    /// [`RuntimeError::Forbidden`], [`RuntimeError::Invalid`], [`RuntimeError::EmailTaken`].
    pub async fn create_user(
        &self,
        principal: &Principal,
        new: CreateUser,
    ) -> Result<SeenUser, RuntimeError> {
        let access = self.access(principal)?;
        access.users(Action::Create)?;
        let mut mistakes = FieldErrors::default();
        mistakes.check_email("/email", &new.email);
        mistakes.check_name("/name", &new.name);
        mistakes.finish()?;
        let stamp = self.stamp(principal);
        let CreateUser { email, name, role } = new;
        let id = UserId::next(self.inner.ids.as_ref());
        let user = User {
            id,
            email: email.clone(),
            name: name.clone(),
            locale: None,
            status: UserStatus::Active,
            role,
            created_at: stamp.at,
        };
        let subject = subjects::user(&UserView { user, group_ids: Vec::new() });
        for field in ["email", "name", "role"] {
            access.require_field(Action::Create, &subject, Some(field))?;
        }
        let new = NewUser { id, email, name, role, created_at: stamp.at };
        let user = self.directory()?.add_user(new, stamp).await?;
        Ok(access.see_user(UserView { user, group_ids: Vec::<GroupId>::new() }))
    }

    /// Changes a user: each member that is given must be one the rules let the principal change.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`], [`RuntimeError::Invalid`],
    /// [`RuntimeError::EmailTaken`], [`RuntimeError::LastAdmin`].
    pub async fn change_user(
        &self,
        principal: &Principal,
        id: UserId,
        change: UserChange,
    ) -> Result<SeenUser, RuntimeError> {
        let access = self.access(principal)?;
        let subject = subjects::user(&self.permitted_user(&access, id, Action::Update).await?);
        let given = [
            ("email", change.email.is_some()),
            ("name", change.name.is_some()),
            ("locale", change.locale.is_some()),
            ("status", change.status.is_some()),
            ("role", change.role.is_some()),
        ];
        for (field, _) in given.into_iter().filter(|(_, given)| *given) {
            access.require_field(Action::Update, &subject, Some(field))?;
        }
        let mut mistakes = FieldErrors::default();
        change.email.iter().for_each(|email| mistakes.check_email("/email", email));
        change.name.iter().for_each(|name| mistakes.check_name("/name", name));
        change.locale.iter().flatten().for_each(|locale| mistakes.check_locale("/locale", locale));
        mistakes.finish()?;
        let (allowed, stamp) = (access.users(Action::Update)?, self.stamp(principal));
        let view = self.directory()?.change_user(id, &allowed, change, stamp).await?;
        Ok(access.see_user(view))
    }

    /// Deletes a user with everything of theirs but the ledger. Running turns are cancelled first.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`], [`RuntimeError::LastAdmin`];
    /// [`RuntimeError::TurnInProgress`] where a turn does not end.
    pub async fn delete_user(&self, principal: &Principal, id: UserId) -> Result<(), RuntimeError> {
        let access = self.access(principal)?;
        self.permitted_user(&access, id, Action::Delete).await?;
        let allowed = access.users(Action::Delete)?;
        let mut left = None;
        for _ in 0..ROUNDS {
            let running = match self.directory()?.delete_user(id, &allowed, self.stamp(principal)).await {
                Err(DirectoryError::TurnsRunning(sessions)) => sessions,
                deleted => return Ok(deleted?),
            };
            for session in running {
                let turn = self.stop_running_turn(session).await?;
                left = turn.filter(|turn| turn.status == TurnStatus::Running).or(left);
            }
        }
        let unstoppable = || RuntimeError::Internal("turns of the user are begun all the time".to_owned());
        Err(left.map_or_else(unstoppable, |turn| RuntimeError::TurnInProgress(turn.id)))
    }

    /// A user on whom an action is allowed: one the principal may not know of does not exist.
    pub(super) async fn permitted_user(
        &self,
        access: &Access,
        id: UserId,
        action: Action,
    ) -> Result<UserView, RuntimeError> {
        let lookup_filter = access.lookup_filter(action, SubjectType::User)?;
        let view = self.directory()?.user(id, &lookup_filter).await?.ok_or(RuntimeError::NotFound)?;
        access.require(action, &subjects::user(&view))?;
        Ok(view)
    }
}
