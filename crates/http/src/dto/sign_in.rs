//! Sign-in with the one-time code.

use causerie_domain::Secret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::values::TimestampDto;
use crate::auth::SignedIn;

/// The one-time code of the first start.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SignIn)]
pub(crate) struct SignInBody {
    /// The code in the fragment of the address that the first start prints.
    code: String,
}

impl SignInBody {
    pub(crate) fn into_code(self) -> Secret {
        Secret::new(self.code)
    }
}

/// A new API key of the administrator, which only this response contains.
#[derive(Serialize, ToSchema)]
#[schema(as = SignedIn)]
pub(crate) struct SignedInDto {
    /// The complete key with its secret.
    key: String,
    /// Time of expiry.
    expires_at: TimestampDto,
}

impl From<SignedIn> for SignedInDto {
    fn from(signed_in: SignedIn) -> Self {
        SignedInDto { key: signed_in.key.expose().to_owned(), expires_at: signed_in.expires_at.into() }
    }
}
