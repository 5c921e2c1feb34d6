//! Tokens of the identity provider, and the users who come with them.

use causerie_domain::ports::{ExternalIdError, NewUser, TokenError, VerifiedToken};
use causerie_domain::principal::UserAccess;
use causerie_domain::users::Role;
use causerie_domain::{Secret, Timestamp, UserId};
use causerie_runtime::wrong_email;

use super::unauthenticated;
use super::verify::{Authenticator, Verified, in_force};
use crate::error::{Code, Problem};

/// The longest name that is taken over, in characters.
const MAX_NAME_CHARS: usize = 200;

impl Authenticator {
    pub(super) async fn verify_token(&self, shown: &Secret, now: Timestamp) -> Result<Verified, Problem> {
        let tokens = self.doors.tokens.as_ref().ok_or_else(unauthenticated)?;
        let token = match tokens.verify(shown.expose(), now).await {
            Ok(token) => token,
            Err(refused @ TokenError::Refused(_)) => {
                tracing::debug!(cause = %refused, "token refused");
                return Err(unauthenticated());
            }
            Err(TokenError::Unavailable) => {
                let detail = "tokens cannot be judged at the moment, API keys can";
                return Err(Problem::new(Code::IdentityUnavailable, detail)
                    .retry_after(std::time::Duration::from_secs(60)));
            }
        };
        let expires_at = token.expires_at;
        let access = match self.doors.identity.external_user(&token.id).await? {
            Some(access) => access,
            None if self.admits_newcomers => self.admit(token, now).await?,
            None => return Err(unauthenticated()),
        };
        Ok(Verified { expires_at: Some(expires_at), ..in_force(access, None, now)? })
    }

    /// Makes a user of somebody who comes with a token for the first time. It never is a user who exists already:
    /// whoever may choose an address at the provider would otherwise choose a user here.
    async fn admit(&self, token: VerifiedToken, now: Timestamp) -> Result<UserAccess, Problem> {
        let VerifiedToken { id, email, name, .. } = token;
        let Some(email) = email.filter(|email| wrong_email(email).is_none()) else {
            tracing::warn!("a newcomer was refused: the token has no verified e-mail address");
            return Err(unauthenticated());
        };
        let name = name.as_deref().unwrap_or(&email).chars().take(MAX_NAME_CHARS).collect();
        let user = NewUser {
            id: UserId::from_uuid(self.doors.ids.next()),
            email,
            name,
            role: Role::User,
            created_at: now,
        };
        match self.doors.identity.provision(user, id.clone()).await {
            Ok(access) => {
                tracing::info!(user = %access.user.id, "a newcomer was made a user");
                Ok(access)
            }
            // The newcomer's other request was faster, or the address is another user's.
            Err(ExternalIdError::Taken) => match self.doors.identity.external_user(&id).await? {
                Some(access) => Ok(access),
                None => {
                    tracing::warn!("a newcomer was refused: another user has the e-mail address");
                    Err(unauthenticated())
                }
            },
            Err(ExternalIdError::NotFound) => Err(unauthenticated()),
            Err(ExternalIdError::Store(error)) => Err(error.into()),
        }
    }
}
