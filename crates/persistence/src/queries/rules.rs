//! Stored rules of users and groups.

use causerie_domain::audit_events::{AuditAction, AuditStamp};
use causerie_domain::ports::{DirectoryError, RuleOwner, RulesChange};
use causerie_domain::{Filter, GroupId, UserId};
use diesel::prelude::*;
use serde_json::{Value, json};

use super::audit_events::{AuditEntry, record};
use super::filters::{on_groups, on_users};
use super::{Conn, RunQueryDsl};
use crate::error::{QueryError, TransactionError, corrupt_with_source};
use crate::rows::checked_text;
use crate::schema::{group_rules, groups, user_rules, users};
use crate::types::id_param;

pub(crate) async fn of_owner(conn: &mut Conn, owner: &RuleOwner) -> Result<Vec<String>, QueryError> {
    let rules = match owner {
        RuleOwner::Group(id) => {
            group_rules::table
                .filter(group_rules::group_id.eq(id_param(*id)))
                .order(group_rules::position)
                .select(group_rules::rule)
                .load(conn)
                .await?
        }
        RuleOwner::User(id) => {
            user_rules::table
                .filter(user_rules::user_id.eq(id_param(*id)))
                .order(user_rules::position)
                .select(user_rules::rule)
                .load(conn)
                .await?
        }
    };
    Ok(rules)
}

/// Replaces the rules of an owner. The row of the owner is locked first, so the audit event has the rules that this
/// transaction replaces, and these are the expected ones. Returns whether they are.
pub(crate) async fn replace(
    conn: &mut Conn,
    (owner, allowed, change, stamp): &(RuleOwner, Filter, RulesChange, AuditStamp),
) -> Result<bool, TransactionError<DirectoryError>> {
    let RulesChange { expected, rules } = change;
    let locked = match owner {
        RuleOwner::Group(id) => {
            let this = groups::table.filter(groups::id.eq(id_param(*id))).filter(on_groups(allowed)?);
            diesel::update(this).set(groups::name.eq(groups::name)).execute(conn).await?
        }
        RuleOwner::User(id) => {
            let this = users::table.filter(users::id.eq(id_param(*id))).filter(on_users(allowed)?);
            diesel::update(this).set(users::name.eq(users::name)).execute(conn).await?
        }
    };
    if locked == 0 {
        return Err(TransactionError::Refused(DirectoryError::NotFound));
    }
    let replaced = of_owner(conn, owner).await?;
    if replaced != *expected {
        return Ok(false);
    }
    let detail = json!({ "rules": new_rules(rules)?, "replaced": old_rules(replaced) });
    match owner {
        RuleOwner::Group(id) => {
            replace_of_group(conn, *id, rules).await?;
            let entry = AuditEntry { action: AuditAction::RulesReplace, of: ("Group", id), detail };
            record(conn, stamp, entry).await?;
        }
        RuleOwner::User(id) => {
            replace_of_user(conn, *id, rules).await?;
            let entry = AuditEntry { action: AuditAction::RulesReplace, of: ("User", id), detail };
            record(conn, stamp, entry).await?;
        }
    }
    Ok(true)
}

async fn replace_of_group(conn: &mut Conn, id: GroupId, rules: &[String]) -> Result<(), QueryError> {
    diesel::delete(group_rules::table.filter(group_rules::group_id.eq(id_param(id)))).apply(conn).await?;
    for (position, rule) in (0_i64..).zip(rules) {
        diesel::insert_into(group_rules::table)
            .values((
                group_rules::group_id.eq(id_param(id)),
                group_rules::position.eq(position),
                group_rules::rule.eq(checked_text("group_rules.rule", rule)?),
            ))
            .apply(conn)
            .await?;
    }
    Ok(())
}

async fn replace_of_user(conn: &mut Conn, id: UserId, rules: &[String]) -> Result<(), QueryError> {
    diesel::delete(user_rules::table.filter(user_rules::user_id.eq(id_param(id)))).apply(conn).await?;
    for (position, rule) in (0_i64..).zip(rules) {
        diesel::insert_into(user_rules::table)
            .values((
                user_rules::user_id.eq(id_param(id)),
                user_rules::position.eq(position),
                user_rules::rule.eq(checked_text("user_rules.rule", rule)?),
            ))
            .apply(conn)
            .await?;
    }
    Ok(())
}

/// Returns new rules as JSON, for the audit event.
fn new_rules(rules: &[String]) -> Result<Vec<Value>, QueryError> {
    let read = |rule: &String| {
        serde_json::from_str(rule).map_err(|error| corrupt_with_source("a rule is not valid JSON", error))
    };
    Ok(rules.iter().map(read).collect::<Result<_, _>>()?)
}

/// Returns replaced rules as JSON, for the audit event. A rule that is not JSON is replaced, too: it is recorded as text.
fn old_rules(rules: Vec<String>) -> Vec<Value> {
    let read = |rule: String| serde_json::from_str(&rule).unwrap_or(Value::String(rule));
    rules.into_iter().map(read).collect()
}
