//! Tokens of the identity provider, and users that they create.

use causerie_domain::display_text::cleaned_display_text;
use causerie_domain::ports::{ExternalIdError, NewUser, TokenError, VerifiedToken};
use causerie_domain::principal::UserAccess;
use causerie_domain::users::Role;
use causerie_domain::{Secret, Timestamp, UserId};
use causerie_runtime::email_error;

use super::authenticator::{Authenticator, Verified, require_active};
use crate::error::{Code, Problem};

/// Maximum length of a name taken from a token, in characters.
const MAX_NAME_CHARS: usize = 200;

impl Authenticator {
    pub(super) async fn verify_token(&self, presented: &Secret, now: Timestamp) -> Result<Verified, Problem> {
        let tokens = self.ports.tokens.as_ref().ok_or_else(Problem::unauthenticated)?;
        let token = match tokens.verify(presented.expose(), now).await {
            Ok(token) => token,
            Err(refused @ TokenError::Refused(_)) => {
                tracing::debug!(cause = %refused, "token refused");
                return Err(Problem::unauthenticated());
            }
            Err(TokenError::Unavailable) => {
                let detail = "tokens cannot be verified at the moment; API keys can";
                return Err(Problem::new(Code::IdentityUnavailable, detail)
                    .retry_after(std::time::Duration::from_secs(60)));
            }
        };
        let expires_at = token.expires_at;
        let access = match self.ports.authentication.external_user(&token.id).await? {
            Some(access) => access,
            None if self.auto_provision => self.provision_user(token, now).await?,
            None => return Err(Problem::unauthenticated()),
        };
        Ok(Verified { expires_at: Some(expires_at), ..require_active(access, None, now)? })
    }

    /// Creates the user of a token. It never links an existing user with the same address: otherwise an address chosen at
    /// the provider would give access to that user.
    async fn provision_user(&self, token: VerifiedToken, now: Timestamp) -> Result<UserAccess, Problem> {
        let VerifiedToken { id, email, name, .. } = token;
        let Some(email) = email.filter(|email| email_error(email).is_none()) else {
            tracing::warn!("provisioning refused: the token has no verified e-mail address");
            return Err(Problem::unauthenticated());
        };
        // A name that the provider accepts does not refuse the user.
        let name = name.as_deref().and_then(cleaned_display_text);
        let name = name.as_deref().unwrap_or(&email).chars().take(MAX_NAME_CHARS).collect();
        let user = NewUser {
            id: UserId::from_uuid(self.ports.ids.next()),
            email,
            name,
            role: Role::User,
            created_at: now,
        };
        match self.ports.authentication.provision(user, id.clone()).await {
            Ok(access) => {
                tracing::info!(user = %access.user.id, "user provisioned");
                Ok(access)
            }
            // A concurrent request created the user, or another user has the address.
            Err(ExternalIdError::Taken) => match self.ports.authentication.external_user(&id).await? {
                Some(access) => Ok(access),
                None => {
                    tracing::warn!("provisioning refused: another user has the e-mail address");
                    Err(Problem::unauthenticated())
                }
            },
            Err(ExternalIdError::NotFound) => Err(Problem::unauthenticated()),
            Err(ExternalIdError::Store(error)) => Err(error.into()),
        }
    }
}
