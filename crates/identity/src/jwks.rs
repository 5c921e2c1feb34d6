//! JSON Web Key Set (RFC 7517) of an issuer, with one algorithm per key.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::str::FromStr;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{DecodingKey, Validation};
use serde::Deserialize;
use serde_json::Value;

/// Maximum number of keys that are read, far above the usual number of an issuer.
const MAX_KEYS: usize = 100;

/// Supported signature algorithm (RFC 7518, RFC 8037). All are asymmetric, so a public key cannot be used as a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// EdDSA on the curve Ed25519.
    EdDsa,
    /// ECDSA on the curve P-256.
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256, with keys of at least 2048 bits.
    Rs256,
}

/// Error for the name of an unsupported algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not one of EdDSA, ES256, RS256")]
pub struct UnknownAlgorithm;

impl Algorithm {
    /// All algorithms.
    pub const ALL: [Algorithm; 3] = [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256];

    /// Returns the registered name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Algorithm::EdDsa => "EdDSA",
            Algorithm::Es256 => "ES256",
            Algorithm::Rs256 => "RS256",
        }
    }

    const fn to_jsonwebtoken(self) -> jsonwebtoken::Algorithm {
        match self {
            Algorithm::EdDsa => jsonwebtoken::Algorithm::EdDSA,
            Algorithm::Es256 => jsonwebtoken::Algorithm::ES256,
            Algorithm::Rs256 => jsonwebtoken::Algorithm::RS256,
        }
    }

    /// Returns the algorithm of a key, which follows from its type and curve alone.
    fn of_key(jwk: &Jwk) -> Option<Self> {
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

/// Public key with the validation rules for tokens that are signed with it.
#[derive(Debug)]
pub(crate) struct VerificationKey {
    pub(crate) decoding: DecodingKey,
    pub(crate) validation: Validation,
}

/// Keys by key id; `None` for an id of several keys.
#[derive(Debug, Default)]
pub(crate) struct KeySet(HashMap<String, Option<VerificationKey>>);

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

impl KeySet {
    /// Parses a JSON Web Key Set. Unusable keys are skipped, because issuers also publish keys for other purposes.
    pub(crate) fn parse(
        document: &[u8],
        algorithms: &[Algorithm],
        issuer: &str,
        audience: &str,
    ) -> Result<Self, serde_json::Error> {
        let document: Document = serde_json::from_slice(document)?;
        let mut keys = HashMap::new();
        for jwk in document.keys.into_iter().take(MAX_KEYS) {
            let Ok(jwk) = serde_json::from_value::<Jwk>(jwk) else { continue };
            let (Some(id), Some(algorithm)) = (jwk.common.key_id.clone(), usable_algorithm(&jwk, algorithms))
            else {
                continue;
            };
            let Ok(decoding) = DecodingKey::from_jwk(&jwk) else { continue };
            let key = VerificationKey { decoding, validation: validation(algorithm, issuer, audience) };
            match keys.entry(id) {
                Entry::Vacant(entry) => {
                    entry.insert(Some(key));
                }
                // An ambiguous id would let the token choose between keys.
                Entry::Occupied(mut entry) => {
                    entry.insert(None);
                }
            }
        }
        Ok(KeySet(keys))
    }

    /// Returns the key with this id; `Some(None)` if several keys have the id.
    pub(crate) fn get(&self, id: &str) -> Option<Option<&VerificationKey>> {
        self.0.get(id).map(Option::as_ref)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.values().flatten().count()
    }
}

/// Returns the algorithm of a key if it is accepted and the key is for signatures.
fn usable_algorithm(jwk: &Jwk, algorithms: &[Algorithm]) -> Option<Algorithm> {
    let common = &jwk.common;
    let is_for_signatures =
        common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature);
    let can_verify = common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify));
    let algorithm = Algorithm::of_key(jwk).filter(|algorithm| algorithms.contains(algorithm))?;
    let matches_declared = common
        .key_algorithm
        .is_none_or(|declared| declared == KeyAlgorithm::from(algorithm.to_jsonwebtoken()));
    (is_for_signatures && can_verify && matches_declared).then_some(algorithm)
}

fn validation(algorithm: Algorithm, issuer: &str, audience: &str) -> Validation {
    let mut validation = Validation::new(algorithm.to_jsonwebtoken());
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.set_issuer(&[issuer]);
    validation.set_audience(&[audience]);
    // `token::verify` checks times, with the clock of the caller.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation
}
