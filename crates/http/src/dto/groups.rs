//! Groups, in requests and responses.

use std::num::NonZeroU32;

use causerie_domain::GroupId;
use causerie_domain::groups::Group;
use causerie_domain::ports::GroupChange;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input;
use super::page::{PageCursor, id_cursor};
use super::text::LineText;
use super::values::{Id, TimestampDto};

/// A new group.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewGroup)]
pub(crate) struct CreateGroupBody {
    /// Name of the group, at most 200 characters.
    #[schema(value_type = LineText)]
    pub(crate) name: String,
}

/// Changes of a group. Omitted members stay unchanged.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GroupChange)]
pub(crate) struct ChangeGroupBody {
    /// Name of the group, at most 200 characters.
    #[serde(default, deserialize_with = "input::present")]
    #[schema(value_type = LineText, required = false)]
    name: Option<String>,
    /// Sends per minute that each member may make; overrides the setting of the installation, and null removes the
    /// override. Requires the right to manage the group.
    #[serde(default, deserialize_with = "input::present")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 1_000_000)]
    requests_per_minute: Option<Option<NonZeroU32>>,
}

impl From<ChangeGroupBody> for GroupChange {
    fn from(body: ChangeGroupBody) -> Self {
        GroupChange { name: body.name, requests_per_minute: body.requests_per_minute }
    }
}

/// A group of users.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Group)]
pub(crate) struct GroupDto {
    id: Id,
    name: String,
    /// Sends per minute that each member may make; null if the setting of the installation applies.
    #[schema(value_type = Option<u32>)]
    requests_per_minute: Option<NonZeroU32>,
    created_at: TimestampDto,
}

impl From<Group> for GroupDto {
    fn from(group: Group) -> Self {
        let Group { id, name, requests_per_minute, created_at } = group;
        GroupDto { id: id.into(), name, requests_per_minute, created_at: created_at.into() }
    }
}

id_cursor!(GroupId in "groups");
