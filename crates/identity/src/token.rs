//! The verdict on one token.

use std::time::Duration;

use causerie_domain::Timestamp;
use causerie_domain::ports::{ExternalId, TokenError, VerifiedToken};
use jsonwebtoken::{decode, decode_header};
use serde::Deserialize;
use serde_json::{Number, Value};

use crate::keys::SigningKey;

/// The longest token that is looked at, in bytes.
const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// The longest subject, in bytes: it is stored.
const MAX_SUBJECT_BYTES: usize = 255;
/// By how much the issuer's clock and ours may differ.
const LEEWAY: Duration = Duration::from_secs(30);

/// The claims that are read. Whatever else a token claims, roles among it, changes nothing.
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

/// The id of the key that a token says it was signed with. Nothing else of its header is ever believed.
pub(crate) fn key_id(token: &str) -> Result<String, TokenError> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(TokenError::Refused("it is too long"));
    }
    let header = decode_header(token).map_err(|_| TokenError::Refused("its header cannot be read"))?;
    if header.crit.is_some() {
        return Err(TokenError::Refused("it demands an extension"));
    }
    header.kid.ok_or(TokenError::Refused("it names no key"))
}

/// Judges a token by the key it was signed with.
pub(crate) fn judge(token: &str, key: &SigningKey, now: Timestamp) -> Result<VerifiedToken, TokenError> {
    let claims = decode::<Claims>(token, &key.decoding, &key.validation)
        .map_err(|_| TokenError::Refused("its signature, issuer, audience or a claim is wrong"))?
        .claims;
    let expires_at = instant(&claims.exp).ok_or(TokenError::Refused("its end is no instant"))?;
    if now >= expires_at + LEEWAY {
        return Err(TokenError::Refused("it has expired"));
    }
    if let Some(from) = &claims.nbf {
        let from = instant(from).ok_or(TokenError::Refused("its beginning is no instant"))?;
        if from > now + LEEWAY {
            return Err(TokenError::Refused("it is not in force yet"));
        }
    }
    let subject = claims.sub;
    if subject.is_empty() || subject.len() > MAX_SUBJECT_BYTES || subject.contains('\0') {
        return Err(TokenError::Refused("its subject is no name"));
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

/// A NumericDate (RFC 7519), of which whole seconds count.
fn instant(seconds: &Number) -> Option<Timestamp> {
    let whole = match seconds.as_i64() {
        Some(whole) => whole,
        None => seconds.to_string().split_once('.')?.0.parse().ok()?,
    };
    let micros = whole.checked_mul(1_000_000)?;
    (whole >= 0).then(|| Timestamp::from_micros(micros))
}

/// A claim that is text for people.
fn text(claim: Value) -> Option<String> {
    match claim {
        Value::String(text) if !text.is_empty() && !text.chars().any(char::is_control) => Some(text),
        _ => None,
    }
}
