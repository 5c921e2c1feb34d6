//! The keys an issuer publishes, each with the one algorithm it is for.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::str::FromStr;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{DecodingKey, Validation};
use serde::Deserialize;
use serde_json::Value;

/// More keys than any issuer publishes.
const MOST_KEYS: usize = 100;

/// A signature algorithm that can be accepted: none of them has a secret that a public key could be taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Ed25519.
    EdDsa,
    /// ECDSA on the curve P-256.
    Es256,
    /// RSA, PKCS #1 version 1.5, with at least 2048 bits.
    Rs256,
}

/// A word that names no algorithm of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not one of EdDSA, ES256, RS256")]
pub struct UnknownAlgorithm;

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Algorithm; 3] = [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256];

    /// Its registered name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Algorithm::EdDsa => "EdDSA",
            Algorithm::Es256 => "ES256",
            Algorithm::Rs256 => "RS256",
        }
    }

    const fn library(self) -> jsonwebtoken::Algorithm {
        match self {
            Algorithm::EdDsa => jsonwebtoken::Algorithm::EdDSA,
            Algorithm::Es256 => jsonwebtoken::Algorithm::ES256,
            Algorithm::Rs256 => jsonwebtoken::Algorithm::RS256,
        }
    }

    /// The algorithm of a key, which follows from its kind alone.
    fn of(jwk: &Jwk) -> Option<Self> {
        match &jwk.algorithm {
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
                Some(Algorithm::EdDsa)
            }
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
                Some(Algorithm::Es256)
            }
            AlgorithmParameters::RSA(_) => Some(Algorithm::Rs256),
            _ => None,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(text: &str) -> Result<Self, UnknownAlgorithm> {
        Algorithm::ALL.into_iter().find(|known| known.as_str() == text).ok_or(UnknownAlgorithm)
    }
}

/// A key, and what a token under it must be like.
#[derive(Debug)]
pub(crate) struct SigningKey {
    pub(crate) decoding: DecodingKey,
    pub(crate) validation: Validation,
}

/// The keys of an issuer by their ids.
#[derive(Debug, Default)]
pub(crate) struct KeySet(HashMap<String, Option<SigningKey>>);

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

impl KeySet {
    /// Reads a JSON Web Key Set. A key that is of no use here is passed over: issuers publish others, too.
    pub(crate) fn parse(
        document: &[u8],
        algorithms: &[Algorithm],
        issuer: &str,
        audience: &str,
    ) -> Result<Self, serde_json::Error> {
        let document: Document = serde_json::from_slice(document)?;
        let mut keys = HashMap::new();
        for jwk in document.keys.into_iter().take(MOST_KEYS) {
            let Ok(jwk) = serde_json::from_value::<Jwk>(jwk) else { continue };
            let (Some(id), Some(algorithm)) = (jwk.common.key_id.clone(), accepted(&jwk, algorithms)) else {
                continue;
            };
            let Ok(decoding) = DecodingKey::from_jwk(&jwk) else { continue };
            let key = SigningKey { decoding, validation: validation(algorithm, issuer, audience) };
            match keys.entry(id) {
                Entry::Vacant(place) => {
                    place.insert(Some(key));
                }
                // Which of two keys is meant would be the token's choice.
                Entry::Occupied(mut place) => {
                    place.insert(None);
                }
            }
        }
        Ok(KeySet(keys))
    }

    /// The key with this id. `Some(None)` where the id is ambiguous.
    pub(crate) fn get(&self, id: &str) -> Option<Option<&SigningKey>> {
        self.0.get(id).map(Option::as_ref)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.values().flatten().count()
    }
}

/// The algorithm of a key that may sign tokens, if it is an accepted one.
fn accepted(jwk: &Jwk, algorithms: &[Algorithm]) -> Option<Algorithm> {
    let common = &jwk.common;
    let signs = common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature);
    let verifies = common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify));
    let algorithm = Algorithm::of(jwk).filter(|algorithm| algorithms.contains(algorithm))?;
    let is_meant = common.key_algorithm.is_none_or(|named| named == KeyAlgorithm::from(algorithm.library()));
    (signs && verifies && is_meant).then_some(algorithm)
}

fn validation(algorithm: Algorithm, issuer: &str, audience: &str) -> Validation {
    let mut validation = Validation::new(algorithm.library());
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.set_issuer(&[issuer]);
    validation.set_audience(&[audience]);
    // Times are compared with our own clock, which tests can set.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation
}
