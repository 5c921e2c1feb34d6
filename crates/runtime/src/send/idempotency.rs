//! Idempotency keys of sends.

use causerie_domain::attachments::NewAttachment;
use causerie_domain::messages::NewMessage;
use causerie_domain::ports::{IdempotencyKey, KeyedTurn};
use causerie_domain::turns::Turn;
use serde_json::{Value, json};

use super::sha256;
use crate::core::error::RuntimeError;

/// Maximum length of an idempotency key, in characters.
pub const MAX_IDEMPOTENCY_KEY_CHARS: usize = 255;

/// Returns the idempotency key with the hash of the whole message. The hash shows a key that is reused for another
/// body.
///
/// # Errors
/// [`RuntimeError::Invalid`].
pub(super) fn key_of_message(key: &str, new: &NewMessage) -> Result<IdempotencyKey, RuntimeError> {
    let attachments: Vec<Value> = new.attachments.iter().map(attachment_json).collect();
    // Deterministic: the array has a fixed order, and serde_json sorts the keys of maps.
    hashed(key, &json!([new.content, attachments, new.meta]))
}

/// Returns the idempotency key of a regeneration, which has no body.
///
/// # Errors
/// [`RuntimeError::Invalid`].
pub(super) fn key_of_regeneration(key: &str) -> Result<IdempotencyKey, RuntimeError> {
    hashed(key, &json!("regenerate"))
}

fn hashed(key: &str, body: &Value) -> Result<IdempotencyKey, RuntimeError> {
    if key.is_empty() || key.chars().count() > MAX_IDEMPOTENCY_KEY_CHARS || key.contains(char::is_control) {
        let detail = format!("is not 1 to {MAX_IDEMPOTENCY_KEY_CHARS} printable characters");
        return Err(RuntimeError::invalid("/idempotency_key", detail));
    }
    Ok(IdempotencyKey { key: key.to_owned(), body_hash: sha256(&body.to_string()) })
}

fn attachment_json(file: &NewAttachment) -> Value {
    let provider = file.storage_provider.as_str();
    json!([file.filename, file.mime_type, file.size, provider, file.storage_key, file.meta])
}

/// Returns the turn of an idempotency key if it was begun with the same body.
///
/// # Errors
/// [`RuntimeError::IdempotencyKeyReused`].
pub(super) fn require_same_body(
    found: KeyedTurn,
    key: Option<&IdempotencyKey>,
) -> Result<Turn, RuntimeError> {
    match key {
        Some(key) if key.body_hash == found.body_hash => Ok(found.turn),
        _ => Err(RuntimeError::IdempotencyKeyReused),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_a_body_covers_all_its_parts() {
        let hash = |new: &NewMessage| key_of_message("k", new).unwrap().body_hash;
        let plain = NewMessage { content: "a".to_owned(), ..NewMessage::default() };
        let other = NewMessage { content: "b".to_owned(), ..NewMessage::default() };
        let meta = serde_json::Map::from_iter([("k".to_owned(), json!(1))]);
        let with_meta = NewMessage { meta, ..plain.clone() };
        assert_eq!(hash(&plain), hash(&plain.clone()));
        assert_ne!(hash(&plain), hash(&other));
        assert_ne!(hash(&plain), hash(&with_meta));
    }

    #[test]
    fn malformed_keys_are_refused() {
        for key in ["", "a\nb", &"k".repeat(256)] {
            assert!(key_of_message(key, &NewMessage::default()).is_err(), "{key:?}");
        }
    }
}
