//! Verification of one token with a known key.

use std::time::Duration;

use causerie_domain::Timestamp;
use causerie_domain::ports::{ExternalId, TokenError, VerifiedToken};
use jsonwebtoken::{decode, decode_header};
use serde::Deserialize;
use serde_json::{Number, Value};

use crate::jwks::VerificationKey;

/// Maximum length of a token in bytes.
const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// Maximum length of a subject in bytes, because the subject is stored.
const MAX_SUBJECT_BYTES: usize = 255;
/// Tolerated difference between the clock of the issuer and the local clock.
const LEEWAY: Duration = Duration::from_secs(30);

/// Claims that are used. Other claims, including roles, are ignored.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    exp: Number,
    nbf: Option<Number>,
    email: Option<Value>,
    email_verified: Option<Value>,
    name: Option<Value>,
}

/// Reads the key id from the header of a token. No other header parameter is used.
pub(crate) fn key_id(token: &str) -> Result<String, TokenError> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(TokenError::Refused("it is too long"));
    }
    let header = decode_header(token).map_err(|_| TokenError::Refused("its header is invalid"))?;
    if header.crit.is_some() {
        return Err(TokenError::Refused("it requires an extension"));
    }
    header.kid.ok_or(TokenError::Refused("it has no key id"))
}

/// Verifies signature and claims of a token.
pub(crate) fn verify(
    token: &str,
    key: &VerificationKey,
    now: Timestamp,
) -> Result<VerifiedToken, TokenError> {
    let claims = decode::<Claims>(token, &key.decoding, &key.validation)
        .map_err(|_| TokenError::Refused("its signature, issuer, audience or a claim is wrong"))?
        .claims;
    let expires_at = instant(&claims.exp).ok_or(TokenError::Refused("its expiration time is invalid"))?;
    if now >= expires_at + LEEWAY {
        return Err(TokenError::Refused("it has expired"));
    }
    if let Some(not_before) = &claims.nbf {
        let not_before = instant(not_before).ok_or(TokenError::Refused("its not-before time is invalid"))?;
        if not_before > now + LEEWAY {
            return Err(TokenError::Refused("it is not valid yet"));
        }
    }
    let subject = claims.sub;
    if subject.is_empty() || subject.len() > MAX_SUBJECT_BYTES || subject.contains('\0') {
        return Err(TokenError::Refused("its subject is empty, too long or contains U+0000"));
    }
    let is_verified = !matches!(claims.email_verified, Some(Value::Bool(false)))
        && claims.email_verified.as_ref().and_then(Value::as_str) != Some("false");
    Ok(VerifiedToken {
        id: ExternalId { issuer: claims.iss, subject },
        expires_at,
        email: claims.email.filter(|_| is_verified).and_then(text),
        name: claims.name.and_then(text),
    })
}

/// Parses a NumericDate (RFC 7519), truncated to seconds.
fn instant(seconds: &Number) -> Option<Timestamp> {
    let whole = match seconds.as_i64() {
        Some(whole) => whole,
        None => seconds.to_string().split_once('.')?.0.parse().ok()?,
    };
    let micros = whole.checked_mul(1_000_000)?;
    (whole >= 0).then(|| Timestamp::from_micros(micros))
}

/// Returns a claim if it is non-empty text without control characters.
fn text(claim: Value) -> Option<String> {
    match claim {
        Value::String(text) if !text.is_empty() && !text.chars().any(char::is_control) => Some(text),
        _ => None,
    }
}
