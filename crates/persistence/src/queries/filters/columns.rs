//! The columns of the fields that a filter may name, for each subject type.

use causerie_domain::Filter;
use causerie_domain::filter::{Predicate, Scalar};
use causerie_domain::memberships::MembershipStatus;
use causerie_domain::ports::StoreError;
use diesel::dsl::{InnerJoinQuerySource, exists};
use diesel::prelude::*;

use super::compile::{Condition, Field, compile, constant};
use crate::schema::{ai_models, ai_usage, api_keys, groups, memberships, messages, sessions, tools, users};
use crate::types::{IdParam, id_param};

/// Messages joined with their sessions.
pub(in super::super) type MessagesOfSessions = InnerJoinQuerySource<messages::table, sessions::table>;

/// The condition of a filter on the subject type `Session`.
pub(in super::super) fn on_sessions(filter: &Filter) -> Result<Condition<sessions::table>, StoreError> {
    compile(filter, &|field| {
        Some(match field {
            "id" => Field::Id(|| Box::new(sessions::id.nullable())),
            "user_id" => Field::Id(|| Box::new(sessions::user_id.nullable())),
            "group_id" => Field::Id(|| Box::new(sessions::group_id)),
            "tool_id" => Field::Id(|| Box::new(sessions::tool_id.nullable())),
            "state" => Field::Text(|| Box::new(sessions::state.nullable())),
            "created_at" => Field::Time(|| Box::new(sessions::started_at.nullable())),
            _ => return None,
        })
    })
}

/// The condition of a filter on the subject type `Message`.
pub(in super::super) fn on_messages(filter: &Filter) -> Result<Condition<MessagesOfSessions>, StoreError> {
    compile(filter, &|field| {
        Some(match field {
            "id" => Field::Id(|| Box::new(messages::id.nullable())),
            "session_id" => Field::Id(|| Box::new(messages::session_id.nullable())),
            "role" => Field::Text(|| Box::new(messages::role.nullable())),
            "seq" => Field::Whole(|| Box::new(messages::seq.nullable())),
            "user_id" => Field::Id(|| Box::new(sessions::user_id.nullable())),
            "group_id" => Field::Id(|| Box::new(sessions::group_id)),
            "session_state" => Field::Text(|| Box::new(sessions::state.nullable())),
            _ => return None,
        })
    })
}

/// The condition of a filter on the subject type `Tool`.
pub(in super::super) fn on_tools(filter: &Filter) -> Result<Condition<tools::table>, StoreError> {
    compile(filter, &|field| {
        Some(match field {
            "id" => Field::Id(|| Box::new(tools::id.nullable())),
            "slug" => Field::Text(|| Box::new(tools::slug.nullable())),
            "enabled" => Field::Truth(|| Box::new(tools::enabled.nullable())),
            "group_id" => Field::Id(|| Box::new(tools::group_id)),
            "owner_id" => Field::Id(|| Box::new(tools::owner_id)),
            _ => return None,
        })
    })
}

/// The condition of a filter on the subject type `Model`.
pub(in super::super) fn on_models(filter: &Filter) -> Result<Condition<ai_models::table>, StoreError> {
    compile(filter, &|field| {
        Some(match field {
            "id" => Field::Text(|| Box::new(ai_models::id.nullable())),
            "enabled" => Field::Truth(|| Box::new(ai_models::enabled.nullable())),
            "group_id" => Field::Id(|| Box::new(ai_models::group_id)),
            "restricted" => Field::Truth(|| Box::new(ai_models::restricted.nullable())),
            _ => return None,
        })
    })
}

/// The condition of a filter on the subject type `Usage`.
pub(in super::super) fn on_usage(filter: &Filter) -> Result<Condition<ai_usage::table>, StoreError> {
    compile(filter, &|field| {
        Some(match field {
            "id" => Field::Id(|| Box::new(ai_usage::id.nullable())),
            "user_id" => Field::Id(|| Box::new(ai_usage::user_id)),
            "group_id" => Field::Id(|| Box::new(ai_usage::group_id)),
            "tool_id" => Field::Id(|| Box::new(ai_usage::tool_id)),
            "session_id" => Field::Id(|| Box::new(ai_usage::session_id)),
            "model" => Field::Text(|| Box::new(ai_usage::model.nullable())),
            "created_at" => Field::Time(|| Box::new(ai_usage::created_at.nullable())),
            _ => return None,
        })
    })
}

/// The condition of a filter on the subject type `User`.
pub(in super::super) fn on_users(filter: &Filter) -> Result<Condition<users::table>, StoreError> {
    compile(filter, &|field| {
        Some(match field {
            "id" => Field::Id(|| Box::new(users::id.nullable())),
            "email" => Field::Text(|| Box::new(users::email.nullable())),
            "name" => Field::Text(|| Box::new(users::name.nullable())),
            "locale" => Field::Text(|| Box::new(users::locale)),
            "status" => Field::Text(|| Box::new(users::status.nullable())),
            "role" => Field::Text(|| Box::new(users::role.nullable())),
            "group_ids" => Field::List(group_ids),
            _ => return None,
        })
    })
}

/// The condition of a filter on the subject type `Group`.
pub(in super::super) fn on_groups(filter: &Filter) -> Result<Condition<groups::table>, StoreError> {
    compile(filter, &|field| {
        Some(match field {
            "id" => Field::Id(|| Box::new(groups::id.nullable())),
            "name" => Field::Text(|| Box::new(groups::name.nullable())),
            _ => return None,
        })
    })
}

/// The condition of a filter on the subject type `ApiKey`.
pub(in super::super) fn on_api_keys(filter: &Filter) -> Result<Condition<api_keys::table>, StoreError> {
    compile(filter, &|field| {
        Some(match field {
            "id" => Field::Id(|| Box::new(api_keys::id.nullable())),
            "user_id" => Field::Id(|| Box::new(api_keys::user_id.nullable())),
            "group_id" => Field::Id(|| Box::new(api_keys::group_id)),
            "revoked_at" => Field::Time(|| Box::new(api_keys::revoked_at)),
            "expires_at" => Field::Time(|| Box::new(api_keys::expires_at)),
            _ => return None,
        })
    })
}

/// A predicate on the groups of a user's active memberships: a list without nulls, which is never null itself.
fn group_ids(test: &Predicate) -> Option<Condition<users::table>> {
    let ids = |values: &[Scalar]| -> Option<Vec<IdParam>> {
        let id = |value: &Scalar| match value {
            Scalar::Uuid(uuid) => Some(id_param(*uuid)),
            _ => None,
        };
        values.iter().map(id).collect()
    };
    Some(match test {
        Predicate::IsNull => constant(false),
        Predicate::HasAnyOf(values) => in_any_of(ids(values)?),
        Predicate::HasAllOf(values) => ids(values)?
            .into_iter()
            .fold(constant(true), |all, group| Box::new(all.and(in_any_of(vec![group])))),
        Predicate::Size(size) => {
            let count = memberships::table
                .filter(memberships::user_id.eq(users::id))
                .filter(memberships::status.eq(MembershipStatus::Active.as_str()))
                .count()
                .single_value();
            // The number of groups always fits.
            Box::new(count.eq(i64::try_from(*size).unwrap_or(i64::MAX)).and(constant(true)))
        }
        Predicate::Equals(_) | Predicate::OneOf(_) | Predicate::Ordered { .. } => return None,
    })
}

fn in_any_of(groups: Vec<IdParam>) -> Condition<users::table> {
    let of_user = memberships::table
        .filter(memberships::user_id.eq(users::id))
        .filter(memberships::status.eq(MembershipStatus::Active.as_str()))
        .filter(memberships::group_id.eq_any(groups));
    Box::new(exists(of_user).nullable())
}
