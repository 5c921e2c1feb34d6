//! The one-time code of the first start: it signs a user in once, with a new API key.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use actix_web::http::header;
use causerie_domain::principal::Credential;
use causerie_domain::users::UserStatus;
use causerie_domain::{Secret, Timestamp, UserId};
use causerie_runtime::{CreateApiKey, Runtime};
use subtle::ConstantTimeEq as _;

use super::authenticator::Authenticator;
use super::key_format::{KeyMaterial, new_code, secret_hash};
use crate::error::{Code, Problem};

/// Life of a one-time code.
const CODE_LIFE: Duration = Duration::from_secs(10 * 60);
/// Life of the API key that a one-time code is exchanged for.
const KEY_LIFE: Duration = Duration::from_secs(12 * 60 * 60);
/// Name of that API key, by which the audit log shows its origin.
const KEY_NAME: &str = "sign-in with the one-time code";

/// One-time code for one user, of which only the hash is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct OneTimeCode {
    hash: [u8; 32],
    user_id: UserId,
    expires_at: Timestamp,
}

impl fmt::Debug for OneTimeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneTimeCode").field("user_id", &self.user_id).finish_non_exhaustive()
    }
}

impl OneTimeCode {
    /// Generates a code for a user from random bytes of the operating system. Returns it with its text.
    ///
    /// # Errors
    /// Those of `fill`.
    pub fn generate<E>(
        user_id: UserId,
        now: Timestamp,
        fill: impl FnMut(&mut [u8]) -> Result<(), E>,
    ) -> Result<(Self, Secret), E> {
        let text = new_code(fill)?;
        let code = OneTimeCode { hash: secret_hash(text.expose()), user_id, expires_at: now + CODE_LIFE };
        Ok((code, text))
    }
}

/// The code that is still unused, if there is one.
#[derive(Debug, Default)]
pub(crate) struct OneTimeCodes(Mutex<Option<OneTimeCode>>);

impl OneTimeCodes {
    pub(crate) fn new(code: Option<OneTimeCode>) -> Self {
        OneTimeCodes(Mutex::new(code))
    }

    /// Removes the code and returns it if it is the presented one and has not expired.
    fn take(&self, presented: &str, now: Timestamp) -> Option<OneTimeCode> {
        let hash = secret_hash(presented);
        let mut code = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        code.take_if(|code| bool::from(code.hash.ct_eq(&hash)) && now < code.expires_at)
    }

    /// Makes a code usable again, whose exchange failed.
    fn put_back(&self, code: OneTimeCode) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(code);
    }
}

/// API key that a one-time code was exchanged for.
pub(crate) struct SignedIn {
    /// The complete key.
    pub(crate) key: Secret,
    pub(crate) expires_at: Timestamp,
}

impl Authenticator {
    /// Exchanges the one-time code for an API key of its user. A code is used up by the exchange; it stays valid if the
    /// key cannot be created.
    ///
    /// # Errors
    /// `unauthenticated` for a wrong, used or expired code; `rate_limited` after too many of these; and the problems of
    /// the store.
    pub(crate) async fn exchange_code(
        &self,
        presented: Secret,
        from: IpAddr,
        runtime: Runtime,
    ) -> Result<SignedIn, Problem> {
        let now = self.ports.clock.now();
        let Some(code) = self.codes.take(presented.expose(), now) else {
            self.failures.record(from)?;
            return Err(invalid_code());
        };
        let signed_in = self.sign_in(code.user_id, now, runtime).await;
        if signed_in.is_err() {
            self.codes.put_back(code);
        }
        signed_in
    }

    async fn sign_in(&self, user: UserId, now: Timestamp, runtime: Runtime) -> Result<SignedIn, Problem> {
        let current = self.ports.authentication.current_access(user, None).await?;
        let access = current.map(|current| current.access);
        let access = access.filter(|access| access.user.status == UserStatus::Active);
        let principal = access.ok_or_else(invalid_code)?.principal(Credential::Process);
        let material =
            KeyMaterial::generate(|bytes| self.ports.entropy.fill(bytes)).map_err(Problem::internal)?;
        let expires_at = now + KEY_LIFE;
        let key = CreateApiKey {
            public_id: material.public_id.clone(),
            secret_hash: material.secret_hash(),
            user_id: None,
            group_id: None,
            name: KEY_NAME.to_owned(),
            scopes: Vec::new(),
            expires_at: Some(expires_at),
        };
        let key = runtime.create_api_key(&principal, key).await?;
        tracing::info!(%user, key = %key.id, "signed in with the one-time code");
        Ok(SignedIn { key: material.credential(), expires_at })
    }
}

fn invalid_code() -> Problem {
    let detail = "the code is not valid: it works once, within ten minutes after the first start";
    Problem::new(Code::Unauthenticated, detail).header(header::WWW_AUTHENTICATE, "Bearer")
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use uuid::Uuid;

    use super::*;

    fn new(now: Timestamp) -> (OneTimeCodes, String) {
        let fill = |bytes: &mut [u8]| {
            (0..).zip(bytes).for_each(|(number, byte)| *byte = number);
            Ok::<(), Infallible>(())
        };
        let (code, text) = OneTimeCode::generate(UserId::from_uuid(Uuid::nil()), now, fill).unwrap();
        (OneTimeCodes::new(Some(code)), text.expose().to_owned())
    }

    #[test]
    fn a_code_is_used_up_by_the_right_text_only() {
        let now = Timestamp::from_micros(1_000_000);
        let (codes, text) = new(now);
        for wrong in ["", "7", &text[1..], &format!("{text}7"), &text.to_ascii_lowercase()] {
            assert_eq!(codes.take(wrong, now), None, "{wrong}");
        }
        let code = codes.take(&text, now).unwrap();
        assert_eq!(codes.take(&text, now), None, "a code works once");
        codes.put_back(code);
        assert!(codes.take(&text, now).is_some(), "a code whose exchange failed works again");
    }

    #[test]
    fn a_code_expires_after_ten_minutes() {
        let now = Timestamp::from_micros(1_000_000);
        let (codes, text) = new(now);
        assert_eq!(codes.take(&text, now + Duration::from_secs(600)), None);
        assert!(codes.take(&text, now + Duration::from_secs(599)).is_some());
    }

    #[test]
    fn without_a_code_none_is_valid() {
        assert_eq!(OneTimeCodes::default().take("", Timestamp::from_micros(0)), None);
    }

    #[test]
    fn a_code_does_not_print_its_text() {
        let (codes, text) = new(Timestamp::from_micros(0));
        assert!(!format!("{codes:?}").contains(&text));
    }
}
