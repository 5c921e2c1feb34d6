//! Rules of a principal in the format of `@casl/ability`.

use causerie_permissions::{RawRule, pack};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

/// Major version of `@casl/ability` whose evaluation the server reproduces.
pub(crate) const CASL: u32 = 7;

/// Abilities of the principal.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Abilities)]
pub(crate) struct AbilitiesDto {
    /// Major version of `@casl/ability` for which the rules are written. Version 6 evaluates them in the same way.
    casl: u32,
    /// Value of the header `ETag`, without quotes.
    pub(crate) etag: String,
    /// The rules in order: objects, or lists in the packed form.
    #[schema(value_type = Vec<Value>)]
    rules: Value,
}

impl AbilitiesDto {
    /// Creates the form with rules as objects.
    ///
    /// # Errors
    /// A rule cannot be serialized, which does not happen.
    pub(crate) fn raw(rules: &[RawRule]) -> Result<Self, serde_json::Error> {
        Ok(AbilitiesDto::new(serde_json::to_value(rules)?))
    }

    /// Creates the form of `packRules`.
    ///
    /// # Errors
    /// As [`AbilitiesDto::raw`].
    pub(crate) fn packed(rules: &[RawRule]) -> Result<Self, serde_json::Error> {
        Ok(AbilitiesDto::new(serde_json::to_value(pack(rules))?))
    }

    fn new(rules: Value) -> Self {
        let etag = hex::encode(Sha256::digest(rules.to_string().as_bytes()));
        AbilitiesDto { casl: CASL, etag, rules }
    }
}
