//! Filters on users, groups and keys as conditions of a query.

use causerie_domain::Filter;
use causerie_domain::filter::{Predicate, Scalar};
use causerie_domain::memberships::MembershipStatus;
use causerie_domain::ports::StoreError;
use diesel::dsl::exists;
use diesel::prelude::*;

use super::filter::{Condition, Field, compile, constant};
use crate::schema::{api_keys, groups, memberships, users};
use crate::types::{Key, key};

/// The condition that a filter on User makes.
pub(super) fn on_users(filter: &Filter) -> Result<Condition<users::table>, StoreError> {
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

/// The condition that a filter on Group makes.
pub(super) fn on_groups(filter: &Filter) -> Result<Condition<groups::table>, StoreError> {
    compile(filter, &|field| {
        Some(match field {
            "id" => Field::Id(|| Box::new(groups::id.nullable())),
            "name" => Field::Text(|| Box::new(groups::name.nullable())),
            _ => return None,
        })
    })
}

/// The condition that a filter on ApiKey makes.
pub(super) fn on_keys(filter: &Filter) -> Result<Condition<api_keys::table>, StoreError> {
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

/// The groups of a user's memberships in force: a list without nulls, and never null itself.
fn group_ids(test: &Predicate) -> Option<Condition<users::table>> {
    let ids = |values: &[Scalar]| -> Option<Vec<Key>> {
        let id = |value: &Scalar| match value {
            Scalar::Uuid(uuid) => Some(key(*uuid)),
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
            // No user is in so many groups that the number would not fit.
            Box::new(count.eq(i64::try_from(*size).unwrap_or(i64::MAX)).and(constant(true)))
        }
        Predicate::Equals(_) | Predicate::OneOf(_) | Predicate::Ordered { .. } => return None,
    })
}

fn in_any_of(groups: Vec<Key>) -> Condition<users::table> {
    let of_user = memberships::table
        .filter(memberships::user_id.eq(users::id))
        .filter(memberships::status.eq(MembershipStatus::Active.as_str()))
        .filter(memberships::group_id.eq_any(groups));
    Box::new(exists(of_user).nullable())
}
