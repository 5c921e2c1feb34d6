//! Groups, in requests and responses.

use std::num::NonZeroU32;

use causerie_domain::groups::Group;
use causerie_domain::ports::GroupChange;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input;
use super::values::{Id, TimestampDto};

/// A group to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewGroup)]
pub(crate) struct CreateGroupBody {
    /// What people call it, at most 200 characters.
    pub(crate) name: String,
}

/// What to change about a group. What is left out stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GroupChange)]
pub(crate) struct ChangeGroupBody {
    /// What people call it, at most 200 characters.
    #[serde(default, deserialize_with = "input::given")]
    #[schema(nullable = false)]
    name: Option<String>,
    /// How many sends a minute each of its members has, in place of the installation's setting; null gives them that
    /// again. For who manages the group.
    #[serde(default, deserialize_with = "input::given")]
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
    /// How many sends a minute each of its members has; null where the installation's setting holds.
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
