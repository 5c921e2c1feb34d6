//! The rules of a principal, as a browser's `@casl/ability` reads them.

use causerie_permissions::{RawRule, pack};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

/// The major version of `@casl/ability` whose answers ours are.
const CASL: u32 = 7;

/// What the principal may do.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Abilities)]
pub(crate) struct AbilitiesDto {
    /// The major version of `@casl/ability` that these rules are written for. Version 6 reads them alike.
    casl: u32,
    /// The same as in the header `ETag`, without its quotes.
    pub(crate) etag: String,
    /// The rules in order; as objects, or as lists where the packed form was asked for.
    #[schema(value_type = Vec<Value>)]
    rules: Value,
}

impl AbilitiesDto {
    /// Rules as objects.
    ///
    /// # Errors
    /// They have no JSON form, which no rule does; so for the next one.
    pub(crate) fn raw(rules: &[RawRule]) -> Result<Self, serde_json::Error> {
        Ok(AbilitiesDto::of(serde_json::to_value(rules)?))
    }

    /// Rules as `packRules` writes them.
    pub(crate) fn packed(rules: &[RawRule]) -> Result<Self, serde_json::Error> {
        Ok(AbilitiesDto::of(serde_json::to_value(pack(rules))?))
    }

    fn of(rules: Value) -> Self {
        let etag = hex::encode(Sha256::digest(rules.to_string().as_bytes()));
        AbilitiesDto { casl: CASL, etag, rules }
    }
}
