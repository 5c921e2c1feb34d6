//! Users.

use std::time::Duration;

use causerie_domain::memberships::Invitation;
use causerie_domain::page::{Page, PageRequest};
use causerie_domain::ports::{DirectoryError, NewUser, UserChange};
use causerie_domain::principal::Principal;
use causerie_domain::users::{Role, User, UserStatus, UserView};
use causerie_domain::{Filter, GroupId, UserId};
use causerie_permissions::{RawRule, SubjectType};

use super::validation::FieldErrors;
use crate::authorization::subjects;
use crate::authorization::{Access, Action};
use crate::core::clock::monotonic;
use crate::core::error::RuntimeError;
use crate::runtime::Runtime;

/// Period after which no instance accepts a cached credential of a disabled user any more.
const CREDENTIALS_END: Duration = Duration::from_secs(5);

/// Fields of a user that rules can hide.
const FIELDS: [&str; 8] = ["id", "email", "name", "locale", "status", "role", "group_ids", "created_at"];

/// User to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateUser {
    /// E-mail address, unique without regard to ASCII case.
    pub email: String,
    /// Display name.
    pub name: String,
    /// Role in the installation.
    pub role: Role,
}

/// User, with the names of the fields that the principal may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisibleUser {
    pub view: UserView,
    readable: Vec<&'static str>,
}

impl VisibleUser {
    /// Returns the value of a field, or `None` if the principal may not read the field.
    pub fn readable<T>(&self, field: &str, value: T) -> Option<T> {
        self.readable.contains(&field).then_some(value)
    }
}

impl Access {
    pub(super) fn visible_user(&self, view: UserView) -> VisibleUser {
        let subject = subjects::user(&view);
        let is_readable = |field: &&str| self.require_field(Action::Read, &subject, Some(*field)).is_ok();
        VisibleUser { readable: FIELDS.into_iter().filter(is_readable).collect(), view }
    }
}

impl Runtime {
    /// Returns the rules of the principal in the order of evaluation, with placeholders replaced and scopes applied.
    ///
    /// # Errors
    /// [`RuntimeError::Internal`] if a stored rule cannot be evaluated.
    pub fn abilities(&self, principal: &Principal) -> Result<Vec<RawRule>, RuntimeError> {
        Ok(self.access(principal)?.rules())
    }

    /// Returns the open invitations of the principal.
    ///
    /// # Errors
    /// [`RuntimeError::Store`].
    pub async fn own_invitations(&self, principal: &Principal) -> Result<Vec<Invitation>, RuntimeError> {
        match &self.inner.directory {
            Some(directory) => Ok(directory.invitations_of(principal.user.id).await?),
            None => Ok(Vec::new()),
        }
    }

    /// Returns a page of the users that the principal may read, by id.
    ///
    /// # Errors
    /// [`RuntimeError::Forbidden`] if the principal may read no user. Other lists have the same error.
    pub async fn users(
        &self,
        principal: &Principal,
        page: PageRequest<UserId>,
    ) -> Result<Page<VisibleUser, UserId>, RuntimeError> {
        let access = self.access(principal)?;
        let found = self.directory()?.users(&access.users(Action::Read)?, page).await?;
        let rows = found.rows.into_iter().map(|view| access.visible_user(view)).collect();
        Ok(Page { rows, next: found.next })
    }

    /// Returns a user.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`].
    pub async fn user(&self, principal: &Principal, id: UserId) -> Result<VisibleUser, RuntimeError> {
        let access = self.access(principal)?;
        let view = self.permitted_user(&access, id, Action::Read).await?;
        Ok(access.visible_user(view))
    }

    /// Creates a user.
    ///
    /// # Errors
    /// [`RuntimeError::Forbidden`], [`RuntimeError::Invalid`], [`RuntimeError::Refused`].
    pub async fn create_user(
        &self,
        principal: &Principal,
        new: CreateUser,
    ) -> Result<VisibleUser, RuntimeError> {
        let access = self.access(principal)?;
        access.users(Action::Create)?;
        let mut errors = FieldErrors::default();
        errors.check_email("/email", &new.email);
        errors.check_name("/name", &new.name);
        errors.finish()?;
        if new.role != Role::User {
            access.require_unscoped_admin("/role", "a role")?;
        }
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
        Ok(access.visible_user(UserView { user, group_ids: Vec::<GroupId>::new() }))
    }

    /// Changes a user. The principal needs the right to update each field that the change sets. Roles and e-mail addresses
    /// are changed by admins whose credential has no scopes; a user who is made active again has no rights beyond those of
    /// the principal.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`], [`RuntimeError::Invalid`],
    /// [`RuntimeError::BeyondOwnRights`], [`RuntimeError::Refused`]: `email_taken`, `last_admin`.
    pub async fn change_user(
        &self,
        principal: &Principal,
        id: UserId,
        change: UserChange,
    ) -> Result<VisibleUser, RuntimeError> {
        let access = self.access(principal)?;
        let view = self.permitted_user(&access, id, Action::Update).await?;
        let subject = subjects::user(&view);
        let fields = [
            ("email", change.email.is_some()),
            ("name", change.name.is_some()),
            ("locale", change.locale.is_some()),
            ("status", change.status.is_some()),
            ("role", change.role.is_some()),
        ];
        for (field, _) in fields.into_iter().filter(|(_, is_changed)| *is_changed) {
            access.require_field(Action::Update, &subject, Some(field))?;
        }
        let mut errors = FieldErrors::default();
        change.email.iter().for_each(|email| errors.check_email("/email", email));
        change.name.iter().for_each(|name| errors.check_name("/name", name));
        change.locale.iter().flatten().for_each(|locale| errors.check_locale("/locale", locale));
        errors.finish()?;
        if change.role.is_some() {
            access.require_unscoped_admin("/role", "a role")?;
        }
        // The address receives invitations and signs in.
        if change.email.as_ref().is_some_and(|email| *email != view.user.email) {
            access.require_unscoped_admin("/email", "an e-mail address")?;
        }
        if change.status == Some(UserStatus::Active) && view.user.status != UserStatus::Active {
            let owner = self.directory()?.user_access(id).await?.ok_or(RuntimeError::NotFound)?;
            access.require_activation(owner)?;
        }
        let (allowed, stamp) = (access.users(Action::Update)?, self.stamp(principal));
        let view = self.directory()?.change_user(id, &allowed, change, stamp).await?;
        Ok(access.visible_user(view))
    }

    /// Deletes a user and the user's data; the usage ledger is kept.
    ///
    /// A user with running turns is disabled first, which ends its credentials; then its turns are cancelled, here and on
    /// other instances, and it is deleted when they have ended. `on_disabled` is called once the user is disabled, so
    /// that the caller can clear a cache of credentials. The call waits for at most 5 seconds and
    /// [`Settings::cancel_wait`](crate::Settings::cancel_wait).
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`], [`RuntimeError::Refused`];
    /// [`RuntimeError::DeletionPending`] if a turn has not ended in time: the user stays disabled, and the call can be
    /// repeated.
    pub async fn delete_user(
        &self,
        principal: &Principal,
        id: UserId,
        on_disabled: impl FnOnce() + Send,
    ) -> Result<(), RuntimeError> {
        let access = self.access(principal)?;
        let view = self.permitted_user(&access, id, Action::Delete).await?;
        let (allowed, directory) = (access.users(Action::Delete)?, self.directory()?);
        let mut busy = match directory.delete_user(id, &allowed, self.stamp(principal)).await {
            Err(DirectoryError::TurnsRunning(sessions)) => sessions,
            deleted => return Ok(deleted?),
        };
        let until = monotonic() + CREDENTIALS_END + self.inner.settings.cancel_wait;
        if view.user.status != UserStatus::Disabled {
            let change = UserChange { status: Some(UserStatus::Disabled), ..UserChange::default() };
            directory.change_user(id, &allowed, change, self.stamp(principal)).await?;
        }
        on_disabled();
        loop {
            let running = self.stop_turns(busy, until).await?;
            // The right was checked above; its condition may name the status, which has changed since.
            let deleted = directory.delete_user(id, &Filter::Everything, self.stamp(principal)).await;
            busy = match deleted {
                Err(DirectoryError::TurnsRunning(sessions)) => sessions,
                deleted => return Ok(deleted?),
            };
            if monotonic() >= until {
                return Err(RuntimeError::DeletionPending { turn: running });
            }
        }
    }

    /// Returns a user on whom an action is allowed.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], also if the principal may not read the user; [`RuntimeError::Forbidden`].
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
