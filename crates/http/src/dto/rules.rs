//! Stored rules.

use causerie_permissions::{RawRule, RuleLayer};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::abilities::CASL;

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

/// All rules that apply to a user.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UserAbilities)]
pub(crate) struct UserAbilitiesDto {
    /// Major version of `@casl/ability` for which the rules are written. Version 6 evaluates them in the same way.
    casl: u32,
    /// The rules in order: the last matching rule decides.
    rules: Vec<LayeredRuleDto>,
}

/// A rule in the format of CASL, with its layer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LayeredRule)]
pub(crate) struct LayeredRuleDto {
    /// `user`, `group_admin` and `admin`: built-in rules of the role. `group_rules` and `user_rules`: stored rules of the
    /// user's groups and of the user. `guard`: built-in prohibitions, which override all other rules.
    layer: &'static str,
    /// `action`, `subject`, `conditions`, `fields`, `inverted`, `reason`.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    rule: RawRule,
}

impl From<Vec<(RuleLayer, RawRule)>> for UserAbilitiesDto {
    fn from(rules: Vec<(RuleLayer, RawRule)>) -> Self {
        let layered = |(layer, rule): (RuleLayer, RawRule)| LayeredRuleDto { layer: layer.as_str(), rule };
        UserAbilitiesDto { casl: CASL, rules: rules.into_iter().map(layered).collect() }
    }
}
