//! Stored rules, and what administrators say of models.

use causerie_domain::audit_events::{AuditAction, AuditStamp};
use causerie_domain::models::Model;
use causerie_domain::ports::{DirectoryError, ModelChange, RuleOwner};
use causerie_domain::{Filter, GroupId, UserId};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::{Value, json};

use super::audit_log::{Entry, record};
use super::{Conn, filter, groups, people};
use crate::fault::{Abort, Fault, corrupt_by, is_dangling};
use crate::rows::{ModelRow, text};
use crate::schema::{ai_models, group_rules, user_rules};
use crate::types::{Key, key};

pub(crate) async fn rules_of(conn: &mut Conn, owner: &RuleOwner) -> Result<Vec<String>, Fault> {
    let rules = match owner {
        RuleOwner::Group(id) => {
            group_rules::table
                .filter(group_rules::group_id.eq(key(*id)))
                .order(group_rules::position)
                .select(group_rules::rule)
                .load(conn)
                .await?
        }
        RuleOwner::User(id) => {
            user_rules::table
                .filter(user_rules::user_id.eq(key(*id)))
                .order(user_rules::position)
                .select(user_rules::rule)
                .load(conn)
                .await?
        }
    };
    Ok(rules)
}

pub(crate) async fn replace_rules(
    conn: &mut Conn,
    (owner, allowed, rules, stamp): &(RuleOwner, Filter, Vec<String>, AuditStamp),
) -> Result<(), Abort<DirectoryError>> {
    let detail = json!({ "rules": told(rules)? });
    match owner {
        RuleOwner::Group(id) => {
            let found = groups::by_id(conn, &(*id, allowed.clone())).await?;
            found.ok_or(Abort::Refused(DirectoryError::NotFound))?;
            replace_of_group(conn, *id, rules).await?;
            let entry = Entry { action: AuditAction::RulesReplace, of: ("Group", id), detail };
            Ok(record(conn, stamp, entry).await?)
        }
        RuleOwner::User(id) => {
            let found = people::by_id(conn, &(*id, allowed.clone())).await?;
            found.ok_or(Abort::Refused(DirectoryError::NotFound))?;
            replace_of_user(conn, *id, rules).await?;
            let entry = Entry { action: AuditAction::RulesReplace, of: ("User", id), detail };
            Ok(record(conn, stamp, entry).await?)
        }
    }
}

pub(crate) async fn change_model(
    conn: &mut Conn,
    (id, allowed, change, stamp): &(String, Filter, ModelChange, AuditStamp),
) -> Result<Model, Abort<DirectoryError>> {
    let with_filter = |allowed: &Filter| -> Result<_, Fault> {
        Ok(ai_models::table.filter(ai_models::id.eq(id)).filter(filter::on_models(allowed)?))
    };
    if *change != ModelChange::default() {
        let changed = diesel::update(with_filter(allowed)?)
            .set(Changed {
                enabled: change.enabled,
                restricted: change.restricted,
                group_id: change.group_id.map(|group| group.map(key)),
            })
            .execute(conn)
            .await
            .map_err(|error| match error {
                error if is_dangling(&error) => Abort::Refused(DirectoryError::NoSuchReference),
                error => Abort::from(error),
            })?;
        if changed == 0 {
            return Err(Abort::Refused(DirectoryError::NotFound));
        }
        let mut detail = serde_json::Map::new();
        detail.extend(change.enabled.map(|enabled| ("enabled".to_owned(), json!(enabled))));
        detail.extend(change.restricted.map(|restricted| ("restricted".to_owned(), json!(restricted))));
        let group = change.group_id.map(|group| group.map(|id| id.to_string()));
        detail.extend(group.map(|group| ("group_id".to_owned(), json!(group))));
        let detail = Value::Object(detail);
        record(conn, stamp, Entry { action: AuditAction::ModelUpdate, of: ("Model", id), detail }).await?;
    }
    let row: Option<ModelRow> =
        with_filter(&Filter::Everything)?.select(ModelRow::as_select()).first(conn).await.optional()?;
    let row = row.ok_or(Abort::Refused(DirectoryError::NotFound))?;
    Ok(Model::try_from(row)?)
}

/// What is given, and nothing else.
#[derive(AsChangeset)]
#[diesel(table_name = ai_models)]
struct Changed {
    enabled: Option<bool>,
    restricted: Option<bool>,
    group_id: Option<Option<Key>>,
}

async fn replace_of_group(conn: &mut Conn, id: GroupId, rules: &[String]) -> Result<(), Fault> {
    diesel::delete(group_rules::table.filter(group_rules::group_id.eq(key(id)))).execute(conn).await?;
    for (position, rule) in (0_i64..).zip(rules) {
        diesel::insert_into(group_rules::table)
            .values((
                group_rules::group_id.eq(key(id)),
                group_rules::position.eq(position),
                group_rules::rule.eq(text("group_rules.rule", rule)?),
            ))
            .execute(conn)
            .await?;
    }
    Ok(())
}

async fn replace_of_user(conn: &mut Conn, id: UserId, rules: &[String]) -> Result<(), Fault> {
    diesel::delete(user_rules::table.filter(user_rules::user_id.eq(key(id)))).execute(conn).await?;
    for (position, rule) in (0_i64..).zip(rules) {
        diesel::insert_into(user_rules::table)
            .values((
                user_rules::user_id.eq(key(id)),
                user_rules::position.eq(position),
                user_rules::rule.eq(text("user_rules.rule", rule)?),
            ))
            .execute(conn)
            .await?;
    }
    Ok(())
}

/// The rules as JSON again, for the log.
fn told(rules: &[String]) -> Result<Vec<Value>, Fault> {
    let read =
        |rule: &String| serde_json::from_str(rule).map_err(|error| corrupt_by("a rule to store", error));
    Ok(rules.iter().map(read).collect::<Result<_, _>>()?)
}
