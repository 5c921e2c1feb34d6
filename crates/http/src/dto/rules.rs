//! Stored rules.

use causerie_permissions::RawRule;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The rules of a group or a user, in order: the last matching rule decides.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Rules)]
pub(crate) struct RulesDto {
    /// Rules in the format of CASL: `action`, `subject`, `conditions`, `fields`, `inverted`, `reason`. At most 200 of them,
    /// 16 KiB each and 256 KiB together.
    #[schema(value_type = Vec<Value>)]
    pub(crate) rules: Vec<RawRule>,
}
