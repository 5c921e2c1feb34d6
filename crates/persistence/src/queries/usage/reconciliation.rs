//! Reconciliation of costs: unpriced rows, rows to look up, and their settlement.

use causerie_domain::messages::{Message, Part};
use causerie_domain::ports::{
    ClaimLookup, ExpiredLookupsQuery, PostponeLookup, PriceUsage, SettleUsage, UnpricedUsage,
};
use causerie_domain::usage::{CostBasis, PendingUsage};
use causerie_domain::{MessageId, Timestamp, UsageId};
use diesel::dsl::case_when;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};

use super::super::{Conn, Db, RunQueryDsl, budgets, sql_literals};
use super::write::CostChangeset;
use crate::error::QueryError;
use crate::rows::{MessageRow, PendingRow, ReservationRow, sanitized};
use crate::schema::{ai_usage, messages};
use crate::types::{IdParam, id_param};

pub(crate) async fn unpriced(conn: &mut Conn, limit: &u32) -> Result<Vec<UnpricedUsage>, QueryError> {
    // In the order of the index of such rows. With the ids as well and a bound limit, SQLite would read the whole ledger in the
    // order of another index.
    let waiting = || ai_usage::table.filter(sql_literals::Unpriced).order(ai_usage::created_at).into_boxed();
    let mut unpriced = Vec::new();
    for (answer, usage) in first_readable(conn, *limit, waiting).await? {
        let parts = match answer {
            Some(answer) => parts_of(conn, answer).await?,
            None => Vec::new(),
        };
        unpriced.push(UnpricedUsage { usage, parts });
    }
    Ok(unpriced)
}

/// Reads the first readable rows with their answers, from the first page that has any.
async fn first_readable(
    conn: &mut Conn,
    limit: u32,
    waiting: impl Fn() -> ai_usage::BoxedQuery<'static, Db>,
) -> Result<Vec<(Option<MessageId>, PendingUsage)>, QueryError> {
    let mut passed = 0;
    loop {
        let rows: Vec<PendingRow> = waiting()
            .select(PendingRow::as_select())
            .limit(i64::from(limit))
            .offset(passed)
            .load(conn)
            .await?;
        let is_last = rows.is_empty() || rows.len() < limit as usize;
        let readable: Vec<_> = rows.into_iter().filter_map(|row| Some((row.answer(), row.read()?))).collect();
        if is_last || !readable.is_empty() {
            return Ok(readable);
        }
        passed += i64::from(limit);
    }
}

async fn parts_of(conn: &mut Conn, answer: MessageId) -> Result<Vec<Part>, QueryError> {
    let row: Option<MessageRow> = messages::table
        .filter(messages::id.eq(id_param(answer)))
        .select(MessageRow::as_select())
        .first(conn)
        .await
        .optional()?;
    Ok(row.map(Message::try_from).transpose()?.map(|message| message.parts).unwrap_or_default())
}

pub(crate) async fn price(conn: &mut Conn, account: &PriceUsage) -> Result<bool, QueryError> {
    // Locks the row without a change and returns its old values, which the budgets need.
    let row: Option<ReservationRow> = diesel::update(
        ai_usage::table.filter(ai_usage::id.eq(id_param(account.id))).filter(sql_literals::Unpriced),
    )
    .set(ai_usage::lookups.eq(ai_usage::lookups))
    .returning(ReservationRow::as_returning())
    .cached()
    .get_result(conn)
    .await
    .optional()?;
    let Some(row) = row else { return Ok(false) };
    diesel::update(ai_usage::table.filter(ai_usage::id.eq(id_param(account.id))))
        .set((
            CostChangeset::of(&account.tokens, &account.settlement),
            ai_usage::next_lookup_at.eq(account.next_lookup_at.map(Timestamp::as_micros)),
        ))
        .cached()
        .apply(conn)
        .await?;
    budgets::settle(conn, &row, account.settlement.cost).await?;
    Ok(true)
}

pub(crate) async fn expired_lookups(
    conn: &mut Conn,
    overdue: &ExpiredLookupsQuery,
) -> Result<Vec<PendingUsage>, QueryError> {
    let (now, closed_before) = (overdue.now.as_micros(), overdue.closed_before.as_micros());
    let waiting = || {
        ai_usage::table
            .filter(ai_usage::next_lookup_at.le(now))
            .filter(ai_usage::closed_at.lt(closed_before))
            .filter(ai_usage::lookups.gt(0))
            .order((ai_usage::next_lookup_at, ai_usage::id))
            .into_boxed()
    };
    let rows = first_readable(conn, overdue.limit, waiting).await?;
    Ok(rows.into_iter().map(|(_, usage)| usage).collect())
}

/// Claims a due row by moving its due time. A concurrent claim finds it no longer due and takes the next one.
pub(crate) async fn claim_lookup(
    conn: &mut Conn,
    claim: &ClaimLookup,
) -> Result<Option<PendingUsage>, QueryError> {
    let now = claim.now.as_micros();
    let users: Vec<IdParam> = claim.served.users.iter().copied().map(id_param).collect();
    let groups: Vec<IdParam> = claim.served.groups.iter().copied().map(id_param).collect();
    loop {
        let mut due = ai_usage::table
            .filter(ai_usage::next_lookup_at.le(now))
            .order(ai_usage::next_lookup_at)
            .select(ai_usage::id)
            .into_boxed();
        if !users.is_empty() {
            due = due.filter(ai_usage::user_id.is_null().or(ai_usage::user_id.ne_all(users.clone())));
        }
        if !groups.is_empty() {
            due = due.filter(ai_usage::group_id.is_null().or(ai_usage::group_id.ne_all(groups.clone())));
        }
        let due: Option<UsageId> = due.first(conn).await.optional()?;
        let Some(id) = due else { return Ok(None) };
        let claimed: Option<PendingRow> = diesel::update(ai_usage::table)
            .filter(ai_usage::id.eq(id_param(id)))
            .filter(ai_usage::next_lookup_at.le(now))
            .set(ai_usage::next_lookup_at.eq(claim.until.as_micros()))
            .returning(PendingRow::as_returning())
            .cached()
            .get_result(conn)
            .await
            .optional()?;
        // An unreadable row is skipped; it is due again at its new time.
        if let Some(usage) = claimed.and_then(PendingRow::read) {
            return Ok(Some(usage));
        }
    }
}

pub(crate) async fn settle(conn: &mut Conn, settle: &SettleUsage) -> Result<bool, QueryError> {
    let never: Option<i64> = None;
    let model_served = settle.model_served.as_deref().map(sanitized);
    let provider = settle.provider.as_deref().map(sanitized);
    let row: Option<ReservationRow> = diesel::update(ai_usage::table)
        .filter(ai_usage::id.eq(id_param(settle.id)))
        .filter(ai_usage::basis.eq(CostBasis::Pending.as_str()))
        .set(ai_usage::lookups.eq(ai_usage::lookups))
        .returning(ReservationRow::as_returning())
        .cached()
        .get_result(conn)
        .await
        .optional()?;
    let Some(row) = row else { return Ok(false) };
    diesel::update(ai_usage::table)
        .filter(ai_usage::id.eq(id_param(settle.id)))
        .set((
            CostChangeset::of(&settle.tokens, &settle.settlement),
            ai_usage::next_lookup_at.eq(never),
            ai_usage::model_served.eq(case_when(
                ai_usage::model_served.is_null(),
                model_served.into_sql::<Nullable<Text>>(),
            )
            .otherwise(ai_usage::model_served)),
            ai_usage::provider.eq(case_when(
                ai_usage::provider.is_null(),
                provider.into_sql::<Nullable<Text>>(),
            )
            .otherwise(ai_usage::provider)),
        ))
        .cached()
        .apply(conn)
        .await?;
    budgets::settle(conn, &row, settle.settlement.cost).await?;
    Ok(true)
}

pub(crate) async fn postpone_lookup(conn: &mut Conn, postpone: &PostponeLookup) -> Result<(), QueryError> {
    diesel::update(ai_usage::table)
        .filter(ai_usage::id.eq(id_param(postpone.id)))
        .filter(ai_usage::next_lookup_at.eq(postpone.claimed_until.as_micros()))
        .set((
            ai_usage::next_lookup_at.eq(postpone.next_lookup_at.as_micros()),
            ai_usage::lookups.eq(i64::from(postpone.lookups)),
        ))
        .cached()
        .apply(conn)
        .await?;
    Ok(())
}
