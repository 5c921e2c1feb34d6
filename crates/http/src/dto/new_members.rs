//! The body that invites a user to a group, or adds one.

use std::borrow::Cow;

use causerie_domain::UserId;
use causerie_domain::memberships::GroupRole;
use serde::Deserialize;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, OneOfBuilder, Schema};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::input;
use super::text::EmailText;
use super::values::{GroupRoleDto, Id};

/// A user to invite by `email`, or to add at once by `user_id`; the latter requires the right to manage the group.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddMemberBody {
    #[serde(default, deserialize_with = "input::present")]
    pub(crate) email: Option<String>,
    #[serde(default, deserialize_with = "input::present_from_str")]
    pub(crate) user_id: Option<UserId>,
    #[serde(default, deserialize_with = "input::present_from_str")]
    pub(crate) role: Option<GroupRole>,
}

impl PartialSchema for AddMemberBody {
    /// Returns the schema of an invitation or of a user to add: a body has one of the two members.
    fn schema() -> RefOr<Schema> {
        let one_of = |member: &str, name: &str, description: &str| {
            let role = Ref::builder().ref_location_from_schema_name(GroupRoleDto::name());
            ObjectBuilder::new()
                .description(Some(description))
                .property(member, Ref::from_schema_name(name))
                .required(member)
                .property("role", role.description(Some("The role in the group. Default: `member`.")).build())
                .additional_properties(Some(AdditionalProperties::FreeForm(false)))
        };
        let invited =
            "Invites the user with this address. The response does not reveal whether a user has it.";
        let added = "Adds the user at once, which requires the right to manage the group.";
        OneOfBuilder::new()
            .description(Some("A user to invite by `email`, or to add at once by `user_id`."))
            .item(one_of("email", &EmailText::name(), invited))
            .item(one_of("user_id", &Id::name(), added))
            .into()
    }
}

impl ToSchema for AddMemberBody {
    fn name() -> Cow<'static, str> {
        "NewMember".into()
    }
}
