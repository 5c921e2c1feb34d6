//! The columns of the fields that a filter may name, for each subject type.

use causerie_domain::Filter;
use causerie_domain::filter::{Predicate, Scalar};
use causerie_domain::memberships::MembershipStatus;
use causerie_domain::ports::StoreError;
use causerie_domain::subjects::{
    ApiKeyField, GroupField, MessageField, ModelField, SessionField, ToolField, UsageField, UserField,
};
use diesel::dsl::{InnerJoinQuerySource, exists};
use diesel::prelude::*;

use super::super::sql_literals;
use super::compile::{Condition, Field, compile, constant};
use crate::schema::{ai_models, ai_usage, api_keys, groups, memberships, messages, sessions, tools, users};
use crate::types::{IdParam, id_param};

/// Messages joined with their sessions.
pub(in super::super) type MessagesOfSessions = InnerJoinQuerySource<messages::table, sessions::table>;

/// Returns the condition of a filter on the subject type `Session`.
pub(in super::super) fn on_sessions(filter: &Filter) -> Result<Condition<sessions::table>, StoreError> {
    compile(filter, &|field: SessionField| match field {
        SessionField::Id => Field::Id(|| Box::new(sessions::id.nullable())),
        SessionField::UserId => Field::Id(|| Box::new(sessions::user_id.nullable())),
        SessionField::GroupId => Field::Id(|| Box::new(sessions::group_id)),
        SessionField::ToolId => Field::Id(|| Box::new(sessions::tool_id.nullable())),
        SessionField::State => Field::Text(|| Box::new(sessions::state.nullable())),
        SessionField::CreatedAt => Field::Time(|| Box::new(sessions::started_at.nullable())),
    })
}

/// Returns the condition of a filter on the subject type `Message`.
pub(in super::super) fn on_messages(filter: &Filter) -> Result<Condition<MessagesOfSessions>, StoreError> {
    compile(filter, &|field: MessageField| match field {
        MessageField::Id => Field::Id(|| Box::new(messages::id.nullable())),
        MessageField::SessionId => Field::Id(|| Box::new(messages::session_id.nullable())),
        MessageField::Role => Field::Text(|| Box::new(messages::role.nullable())),
        MessageField::Seq => Field::Whole(|| Box::new(messages::seq.nullable())),
        MessageField::UserId => Field::Id(|| Box::new(sql_literals::MessageUser)),
        MessageField::GroupId => Field::Id(|| Box::new(sql_literals::MessageGroup)),
        MessageField::SessionState => Field::Text(|| Box::new(sessions::state.nullable())),
    })
}

/// Returns the condition of a filter on the subject type `Tool`.
pub(in super::super) fn on_tools(filter: &Filter) -> Result<Condition<tools::table>, StoreError> {
    compile(filter, &|field: ToolField| match field {
        ToolField::Id => Field::Id(|| Box::new(tools::id.nullable())),
        ToolField::Slug => Field::Text(|| Box::new(tools::slug.nullable())),
        ToolField::Enabled => Field::Truth(|| Box::new(tools::enabled.nullable())),
        ToolField::GroupId => Field::Id(|| Box::new(tools::group_id)),
        ToolField::OwnerId => Field::Id(|| Box::new(tools::owner_id)),
    })
}

/// Returns the condition of a filter on the subject type `Model`.
pub(in super::super) fn on_models(filter: &Filter) -> Result<Condition<ai_models::table>, StoreError> {
    compile(filter, &|field: ModelField| match field {
        ModelField::Id => Field::Text(|| Box::new(ai_models::id.nullable())),
        ModelField::Enabled => Field::Truth(|| Box::new(ai_models::enabled.nullable())),
        ModelField::GroupId => Field::Id(|| Box::new(ai_models::group_id)),
        ModelField::Restricted => Field::Truth(|| Box::new(ai_models::restricted.nullable())),
    })
}

/// Returns the condition of a filter on the subject type `Usage`.
pub(in super::super) fn on_usage(filter: &Filter) -> Result<Condition<ai_usage::table>, StoreError> {
    compile(filter, &|field: UsageField| match field {
        UsageField::Id => Field::Id(|| Box::new(ai_usage::id.nullable())),
        UsageField::UserId => Field::Id(|| Box::new(ai_usage::user_id)),
        UsageField::GroupId => Field::Id(|| Box::new(ai_usage::group_id)),
        UsageField::ToolId => Field::Id(|| Box::new(ai_usage::tool_id)),
        UsageField::SessionId => Field::Id(|| Box::new(ai_usage::session_id)),
        UsageField::Model => Field::Text(|| Box::new(ai_usage::model.nullable())),
        UsageField::CreatedAt => Field::Time(|| Box::new(ai_usage::created_at.nullable())),
    })
}

/// Returns the condition of a filter on the subject type `User`.
pub(in super::super) fn on_users(filter: &Filter) -> Result<Condition<users::table>, StoreError> {
    compile(filter, &|field: UserField| match field {
        UserField::Id => Field::Id(|| Box::new(users::id.nullable())),
        UserField::Email => Field::Text(|| Box::new(users::email.nullable())),
        UserField::Name => Field::Text(|| Box::new(users::name.nullable())),
        UserField::Locale => Field::Text(|| Box::new(users::locale)),
        UserField::Status => Field::Text(|| Box::new(users::status.nullable())),
        UserField::Role => Field::Text(|| Box::new(users::role.nullable())),
        UserField::GroupIds => Field::List(group_ids),
    })
}

/// Returns the condition of a filter on the subject type `Group`.
pub(in super::super) fn on_groups(filter: &Filter) -> Result<Condition<groups::table>, StoreError> {
    compile(filter, &|field: GroupField| match field {
        GroupField::Id => Field::Id(|| Box::new(groups::id.nullable())),
        GroupField::Name => Field::Text(|| Box::new(groups::name.nullable())),
    })
}

/// Returns the condition of a filter on the subject type `ApiKey`.
pub(in super::super) fn on_api_keys(filter: &Filter) -> Result<Condition<api_keys::table>, StoreError> {
    compile(filter, &|field: ApiKeyField| match field {
        ApiKeyField::Id => Field::Id(|| Box::new(api_keys::id.nullable())),
        ApiKeyField::UserId => Field::Id(|| Box::new(api_keys::user_id.nullable())),
        ApiKeyField::GroupId => Field::Id(|| Box::new(api_keys::group_id)),
        ApiKeyField::RevokedAt => Field::Time(|| Box::new(api_keys::revoked_at)),
        ApiKeyField::ExpiresAt => Field::Time(|| Box::new(api_keys::expires_at)),
    })
}

/// Returns the condition of a predicate on the groups of a user's active memberships: a list without nulls, which is
/// never null itself.
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
