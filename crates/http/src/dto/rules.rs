//! Stored rules.

use std::borrow::Cow;

use causerie_permissions::{ANY_SUBJECT, Action, RawRule, RuleLayer, SubjectType};
use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type,
};
use utoipa::{PartialSchema, ToSchema};

use super::abilities::CASL;

/// The rules of a group or a user, in order: the last matching rule decides.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Rules)]
pub(crate) struct RulesDto {
    /// Rules in the format of CASL: `action`, `subject`, `conditions`, `fields`, `inverted`, `reason`. At most 200 of them,
    /// 16 KiB each and 256 KiB together.
    #[schema(value_type = Vec<RuleSchema>, max_items = 200)]
    pub(crate) rules: Vec<RawRule>,
}

/// Schema of a rule in the format of CASL. Conditions and the order of the rules are validated by the runtime.
#[derive(Debug)]
pub(crate) struct RuleSchema;

impl PartialSchema for RuleSchema {
    fn schema() -> RefOr<Schema> {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        let null = || ObjectBuilder::new().schema_type(Type::Null);
        let or_null =
            |kind: Type| ObjectBuilder::new().schema_type(SchemaType::from_iter([kind, Type::Null]));
        let one_or_more = |one: ObjectBuilder| {
            let one = one.build();
            let many = ArrayBuilder::new().items(one.clone()).min_items(Some(1)).max_items(Some(50));
            OneOfBuilder::new().item(one).item(many)
        };
        let actions = Action::ALL.iter().map(|action| action.as_str());
        let subjects = SubjectType::ALL.iter().map(|subject| subject.as_str()).chain([ANY_SUBJECT]);
        let conditions = or_null(Type::Object)
            .description(Some("Conditions on the fields of the object, in the language of MongoDB."))
            .additional_properties(Some(AdditionalProperties::FreeForm(true)));
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some("A rule in the format of CASL."))
            .property("action", one_or_more(text().enum_values(Some(actions))))
            .required("action")
            .property("subject", one_or_more(text().enum_values(Some(subjects))).item(null()))
            .property("conditions", conditions)
            .property("fields", one_or_more(text()).item(null()))
            .property("inverted", or_null(Type::Boolean))
            .property("reason", or_null(Type::String))
            .additional_properties(Some(AdditionalProperties::FreeForm(false)))
            .into()
    }
}

impl ToSchema for RuleSchema {
    fn name() -> Cow<'static, str> {
        "Rule".into()
    }
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
