//! Setting and deleting budgets.

use causerie_domain::audit_events::{AuditAction, AuditStamp};
use causerie_domain::budgets::{Budget, BudgetState, BudgetSubject};
use causerie_domain::calendar::Span;
use causerie_domain::ports::DirectoryError;
use causerie_domain::{Filter, Timestamp};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use serde_json::{Value, json};

use super::super::audit_events::{AuditEntry, record};
use super::super::{Conn, LOCK_LEDGER_SQL, RunQueryDsl, api_keys, groups, users};
use super::reservations;
use crate::error::{QueryError, TransactionError};
use crate::schema::{ai_usage, budgets};
use crate::types::id_param;

pub(crate) async fn states(
    conn: &mut Conn,
    (of, at): &(Vec<BudgetSubject>, Timestamp),
) -> Result<Vec<BudgetState>, QueryError> {
    let mut states = Vec::new();
    for budget in reservations::load(conn, of.iter().copied()).await? {
        states.push(reservations::state_at(conn, budget, *at).await?);
    }
    Ok(states)
}

pub(crate) async fn set(
    conn: &mut Conn,
    (budget, allowed, stamp): &(Budget, Filter, AuditStamp),
) -> Result<BudgetState, TransactionError<DirectoryError>> {
    lock_ledger(conn).await?;
    require(conn, budget.subject, allowed).await?;
    // Its windows are deleted with it, since their length may change.
    remove(conn, budget.subject).await?;
    insert(conn, budget).await?;
    count(conn, budget, budget.period.window(stamp.at)).await?;
    let detail = json!({ "period": budget.period.as_str(), "limit": budget.limit.to_string() });
    record_change(conn, stamp, (AuditAction::BudgetSet, budget.subject), detail).await?;
    Ok(reservations::state_at(conn, *budget, stamp.at).await?)
}

pub(crate) async fn delete(
    conn: &mut Conn,
    (subject, allowed, stamp): &(BudgetSubject, Filter, AuditStamp),
) -> Result<(), TransactionError<DirectoryError>> {
    lock_ledger(conn).await?;
    require(conn, *subject, allowed).await?;
    if !remove(conn, *subject).await? {
        return Err(TransactionError::Refused(DirectoryError::NotFound));
    }
    Ok(record_change(conn, stamp, (AuditAction::BudgetDelete, *subject), json!({})).await?)
}

/// Blocks writes to the ledger: no row may change between summing the rows and writing the sum.
pub(in super::super) async fn lock_ledger(conn: &mut Conn) -> Result<(), QueryError> {
    if let Some(statement) = LOCK_LEDGER_SQL {
        diesel::sql_query(statement).apply(conn).await?;
    }
    Ok(())
}

/// Refuses a subject that does not match the filter.
async fn require(
    conn: &mut Conn,
    subject: BudgetSubject,
    allowed: &Filter,
) -> Result<(), TransactionError<DirectoryError>> {
    let is_visible = match subject {
        BudgetSubject::User(id) => users::by_id(conn, &(id, allowed.clone())).await?.is_some(),
        BudgetSubject::Group(id) => groups::by_id(conn, &(id, allowed.clone())).await?.is_some(),
        BudgetSubject::ApiKey(id) => api_keys::by_id(conn, &(id, allowed.clone())).await?.is_some(),
    };
    if is_visible { Ok(()) } else { Err(TransactionError::Refused(DirectoryError::NotFound)) }
}

async fn remove(conn: &mut Conn, subject: BudgetSubject) -> Result<bool, QueryError> {
    let this = budgets::table.filter(budgets::id.eq(id_param(subject.id())));
    Ok(diesel::delete(this).execute(conn).await? == 1)
}

async fn insert(conn: &mut Conn, budget: &Budget) -> Result<(), QueryError> {
    let (user, group, api_key) = match budget.subject {
        BudgetSubject::User(id) => (Some(id_param(id)), None, None),
        BudgetSubject::Group(id) => (None, Some(id_param(id)), None),
        BudgetSubject::ApiKey(id) => (None, None, Some(id_param(id))),
    };
    diesel::insert_into(budgets::table)
        .values((
            budgets::id.eq(id_param(budget.subject.id())),
            budgets::user_id.eq(user),
            budgets::group_id.eq(group),
            budgets::api_key_id.eq(api_key),
            budgets::period.eq(budget.period.as_str()),
            budgets::amount.eq(budget.limit.pico()),
        ))
        .apply(conn)
        .await?;
    Ok(())
}

/// Creates a window with the amounts of the ledger rows in it. The upper and the lower 32 bits are summed separately,
/// which cannot overflow.
async fn count(conn: &mut Conn, budget: &Budget, window: Span) -> Result<(), QueryError> {
    let mut rows = ai_usage::table
        .filter(ai_usage::created_at.ge(window.from.as_micros()))
        .filter(ai_usage::created_at.lt(window.to.as_micros()))
        .select((
            sql::<BigInt>("CAST(COALESCE(SUM(cost >> 32), 0) AS BIGINT)"),
            sql::<BigInt>("CAST(COALESCE(SUM(cost & 4294967295), 0) AS BIGINT)"),
            sql::<BigInt>("CAST(COALESCE(SUM(CASE WHEN cost IS NULL THEN reserved >> 32 END), 0) AS BIGINT)"),
            sql::<BigInt>(
                "CAST(COALESCE(SUM(CASE WHEN cost IS NULL THEN reserved & 4294967295 END), 0) AS BIGINT)",
            ),
        ))
        .into_boxed();
    rows = match budget.subject {
        BudgetSubject::User(id) => rows.filter(ai_usage::user_id.eq(id_param(id))),
        BudgetSubject::Group(id) => rows.filter(ai_usage::group_id.eq(id_param(id))),
        BudgetSubject::ApiKey(id) => rows.filter(ai_usage::api_key_id.eq(id_param(id))),
    };
    let sums: (i64, i64, i64, i64) = rows.first(conn).await?;
    let (spent, reserved) = (window_amount(sums.0, sums.1), window_amount(sums.2, sums.3));
    reservations::open_window(conn, *budget, window).await?;
    let row = (id_param(budget.subject.id()), window.from.as_micros());
    reservations::add(conn, row, spent, reserved).await
}

/// Returns the sum of the two halves, capped at the maximum amount of a window.
fn window_amount(upper: i64, lower: i64) -> i64 {
    let max = reservations::MAX_WINDOW_AMOUNT;
    let sum = (i128::from(upper) << 32) + i128::from(lower);
    i64::try_from(sum.clamp((-max).into(), max.into())).unwrap_or(max)
}

async fn record_change(
    conn: &mut Conn,
    stamp: &AuditStamp,
    (action, subject): (AuditAction, BudgetSubject),
    detail: Value,
) -> Result<(), QueryError> {
    let kind = match subject {
        BudgetSubject::User(_) => "User",
        BudgetSubject::Group(_) => "Group",
        BudgetSubject::ApiKey(_) => "ApiKey",
    };
    let id = subject.id();
    record(conn, stamp, AuditEntry { action, of: (kind, &id), detail }).await
}
