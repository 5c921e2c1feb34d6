//! Format of API keys, `csr_<public id>_<secret>`, of stream tickets and of one-time codes: generation, parsing and
//! hashing.

use causerie_domain::Secret;
use sha2::{Digest as _, Sha256};

/// Prefix of every key, by which readers and secret scanners recognize keys.
pub const KEY_PREFIX: &str = "csr";
/// Length of the public part, in base62 characters.
pub const PUBLIC_ID_CHARS: usize = 12;
/// Length of the secret, in base62 characters: 256 bits.
pub const SECRET_CHARS: usize = 43;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A new key with its secret, which is not stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyMaterial {
    /// Public part, by which the key is looked up.
    pub public_id: String,
    /// Secret part. Only its hash is stored.
    pub secret: Secret,
}

impl KeyMaterial {
    /// Generates a key from random bytes, which `fill` must take from the operating system's generator.
    ///
    /// # Errors
    /// Those of `fill`.
    pub fn generate<E>(mut fill: impl FnMut(&mut [u8]) -> Result<(), E>) -> Result<Self, E> {
        Ok(KeyMaterial {
            public_id: base62(PUBLIC_ID_CHARS, &mut fill)?,
            secret: Secret::new(base62(SECRET_CHARS, &mut fill)?),
        })
    }

    /// Returns the complete key, as a client sends it.
    pub fn credential(&self) -> Secret {
        Secret::new(format!("{KEY_PREFIX}_{}_{}", self.public_id, self.secret.expose()))
    }

    /// Returns the hash of the secret, which is stored.
    pub fn secret_hash(&self) -> [u8; 32] {
        secret_hash(self.secret.expose())
    }
}

/// Returns the SHA-256 of a secret. A slow hash is not needed: a random secret of 256 bits cannot be guessed.
pub(crate) fn secret_hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// An API key in a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct PresentedKey<'a> {
    pub(crate) public_id: &'a str,
    pub(crate) secret: &'a str,
}

impl<'a> PresentedKey<'a> {
    /// Parses a credential; `None` if it does not have the format of a key.
    pub(crate) fn parse(credential: &'a str) -> Option<Self> {
        let (public_id, secret) = credential.strip_prefix(KEY_PREFIX)?.strip_prefix('_')?.split_once('_')?;
        (is_base62(public_id, PUBLIC_ID_CHARS) && is_base62(secret, SECRET_CHARS))
            .then_some(PresentedKey { public_id, secret })
    }
}

/// Prefix of every stream ticket.
const TICKET_PREFIX: &str = "cst_";

/// Generates a stream ticket with 256 random bits.
///
/// # Errors
/// Those of `fill`.
pub(crate) fn new_ticket<E>(mut fill: impl FnMut(&mut [u8]) -> Result<(), E>) -> Result<Secret, E> {
    base62(SECRET_CHARS, &mut fill).map(|secret| Secret::new(format!("{TICKET_PREFIX}{secret}")))
}

/// Returns whether a text has the format of a stream ticket.
pub(crate) fn has_ticket_format(text: &str) -> bool {
    text.strip_prefix(TICKET_PREFIX).is_some_and(|secret| is_base62(secret, SECRET_CHARS))
}

/// Generates a one-time code with 256 random bits.
///
/// # Errors
/// Those of `fill`.
pub(crate) fn new_code<E>(mut fill: impl FnMut(&mut [u8]) -> Result<(), E>) -> Result<Secret, E> {
    base62(SECRET_CHARS, &mut fill).map(Secret::new)
}

fn is_base62(text: &str, chars: usize) -> bool {
    text.len() == chars && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Returns random base62 characters with equal probabilities.
fn base62<E>(chars: usize, fill: &mut impl FnMut(&mut [u8]) -> Result<(), E>) -> Result<String, E> {
    let mut text = String::with_capacity(chars);
    let mut bytes = [0; 64];
    while text.len() < chars {
        fill(&mut bytes)?;
        // 248 is the largest multiple of 62 in a byte. Larger bytes are skipped, because they would favor some characters.
        let unbiased =
            bytes.iter().filter(|byte| **byte < 248).map(|byte| char::from(BASE62[usize::from(byte % 62)]));
        text.extend(unbiased.take(chars - text.len()));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// Returns a source of bytes that count up, over all calls.
    fn counting() -> impl FnMut(&mut [u8]) -> Result<(), Infallible> {
        let mut next = 0_u8;
        move |bytes| {
            for byte in bytes {
                *byte = next;
                next = next.wrapping_add(1);
            }
            Ok(())
        }
    }

    #[test]
    fn a_new_key_can_be_parsed() {
        let key = KeyMaterial::generate(counting()).unwrap();
        assert_eq!(key.public_id, "0123456789AB");
        let credential = key.credential();
        let presented = PresentedKey::parse(credential.expose()).unwrap();
        assert_eq!(presented.public_id, key.public_id);
        assert_eq!(presented.secret, key.secret.expose());
        assert_eq!(secret_hash(presented.secret), key.secret_hash());
    }

    #[test]
    fn biased_bytes_are_skipped() {
        let mut first = true;
        let fill = |bytes: &mut [u8]| {
            bytes.fill(if std::mem::take(&mut first) { 248 } else { 61 });
            Ok::<(), Infallible>(())
        };
        assert_eq!(KeyMaterial::generate(fill).unwrap().public_id, "z".repeat(12));
    }

    #[test]
    fn a_failing_generator_creates_no_key() {
        assert_eq!(KeyMaterial::generate(|_| Err("no entropy")), Err("no entropy"));
    }

    #[test]
    fn a_key_never_prints_its_secret() {
        let key = KeyMaterial::generate(counting()).unwrap();
        assert!(!format!("{key:?} {}", key.credential()).contains(key.secret.expose()));
    }

    #[test]
    fn malformed_keys_are_refused() {
        let secret = "s".repeat(43);
        assert!(PresentedKey::parse(&format!("csr_abcdefABC123_{secret}")).is_some());
        for credential in [
            String::new(),
            "csr".to_owned(),
            format!("abcdefABC123_{secret}"),
            format!("CSR_abcdefABC123_{secret}"),
            format!("csr_abcdefABC12_{secret}"),
            format!("csr_abcdefABC1234_{secret}"),
            format!("csr_abcdefABC12-_{secret}"),
            format!("csr_abcdefABC123_{secret}s"),
            format!("csr_abcdefABC123_{secret}_"),
            format!("csr_abcdefABC123_{}é", "s".repeat(41)),
            format!(" csr_abcdefABC123_{secret}"),
        ] {
            assert!(PresentedKey::parse(&credential).is_none(), "{credential}");
        }
    }
}
