//! What rows of the ledger weigh on budgets: a reservation until they have a cost, then that.
//!
//! All requests of a subject change the row of its window, so it is changed last, and several of them in the order of
//! the budgets' ids. Whoever comes here has written to the ledger already, and a change of the budgets themselves
//! keeps others from that: what is found here stays until the transaction ends.

use causerie_domain::budgets::{Budget, BudgetRefusal, BudgetState, BudgetSubject};
use causerie_domain::calendar::Span;
use causerie_domain::ports::BeginTurnError;
use causerie_domain::usage::OpenUsage;
use causerie_domain::{Timestamp, Usd};
use diesel::dsl::case_when;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;

use super::super::Conn;
use crate::error::{Abort, Fault};
use crate::rows::{BudgetRow, WeightRow, WindowRow};
use crate::schema::{ai_usage, budget_windows, budgets};
use crate::types::{Key, key};

/// The most that a window counts: beyond every limit, and with room for a further sum.
pub(in super::super) const MOST: i64 = i64::MAX / 2;

/// Reserves what a request may cost in every budget that applies, or says which one does not admit it. Returns what
/// is left of the tightest one.
pub(in super::super) async fn reserve(
    conn: &mut Conn,
    usage: &OpenUsage,
    needed: Option<Usd>,
) -> Result<Option<Usd>, Abort<BeginTurnError>> {
    let mut left = None;
    for budget in of(conn, usage.budget_subjects()).await? {
        let window = budget.period.window(usage.created_at);
        let raised = match needed {
            Some(amount) => raise(conn, budget, window, amount).await?,
            None => None,
        };
        let Some(state) = raised else {
            let state = state_at(conn, budget, usage.created_at).await?;
            let refusal = Box::new(BudgetRefusal { state, needed });
            return Err(Abort::Refused(BeginTurnError::OverBudget(refusal)));
        };
        left = tighter(left, state);
    }
    if left.is_some() {
        note(conn, usage, needed).await?;
    }
    Ok(left)
}

/// Has a further request of a turn take over the reservation of the last one, without being asked again.
pub(in super::super) async fn transfer(
    conn: &mut Conn,
    usage: &OpenUsage,
    amount: Option<Usd>,
) -> Result<(), Fault> {
    for budget in of(conn, usage.budget_subjects()).await? {
        let window = budget.period.window(usage.created_at);
        // It may be a new one, and what the request costs must be counted there also if it reserves nothing.
        open_window(conn, budget, window).await?;
        let row = (key(budget.subject.id()), window.from.as_micros());
        add(conn, row, 0, amount.unwrap_or_default().pico()).await?;
    }
    note(conn, usage, amount).await
}

/// What is left of the tightest budget that applies to a request.
pub(in super::super) async fn left(conn: &mut Conn, usage: &OpenUsage) -> Result<Option<Usd>, Fault> {
    let mut left = None;
    for budget in of(conn, usage.budget_subjects()).await? {
        left = tighter(left, state_at(conn, budget, usage.created_at).await?);
    }
    Ok(left)
}

/// Counts the cost that a row got, or got instead of a provisional one. The row is given as it was before.
pub(in super::super) async fn settle(
    conn: &mut Conn,
    row: &WeightRow,
    cost: Option<Usd>,
) -> Result<(), Fault> {
    let cost = cost.map(Usd::pico);
    let spent = cost.unwrap_or(0).saturating_sub(row.cost.unwrap_or(0));
    let reserved = row.held_with(cost) - row.held_with(row.cost);
    if (spent, reserved) == (0, 0) {
        return Ok(());
    }
    let windows: Vec<(Key, i64)> = budget_windows::table
        .filter(budget_windows::budget_id.eq_any(row.subjects().map(|subject| key(subject.id()))))
        .filter(budget_windows::starts_at.le(row.created_at))
        .filter(budget_windows::ends_at.gt(row.created_at))
        .order(budget_windows::budget_id)
        .select((budget_windows::budget_id, budget_windows::starts_at))
        .load(conn)
        .await?;
    for window in windows {
        add(conn, window, spent, reserved).await?;
    }
    Ok(())
}

/// The budgets of subjects, by id: the order in which their windows are locked.
pub(in super::super) async fn of(
    conn: &mut Conn,
    subjects: impl Iterator<Item = BudgetSubject>,
) -> Result<Vec<Budget>, Fault> {
    let rows: Vec<BudgetRow> = budgets::table
        .filter(budgets::id.eq_any(subjects.map(|subject| key(subject.id()))))
        .order(budgets::id)
        .select(BudgetRow::as_select())
        .load(conn)
        .await?;
    Ok(rows.into_iter().map(Budget::try_from).collect::<Result<_, _>>()?)
}

/// Where a budget stands in the window of an instant. A window without requests has no row yet.
pub(in super::super) async fn state_at(
    conn: &mut Conn,
    budget: Budget,
    at: Timestamp,
) -> Result<BudgetState, Fault> {
    let window = budget.period.window(at);
    let row: Option<WindowRow> = budget_windows::table
        .filter(budget_windows::budget_id.eq(key(budget.subject.id())))
        .filter(budget_windows::starts_at.eq(window.from.as_micros()))
        .select(WindowRow::as_select())
        .first(conn)
        .await
        .optional()?;
    Ok(row.unwrap_or_default().of(budget, window))
}

/// Reserves an amount in a window, if the limit admits it. The first request of a window opens it.
async fn raise(
    conn: &mut Conn,
    budget: Budget,
    window: Span,
    amount: Usd,
) -> Result<Option<BudgetState>, Fault> {
    if let Some(state) = try_raise(conn, budget, window, amount).await? {
        return Ok(Some(state));
    }
    // Refused, or not open yet; of several requests that open it, the later ones wait for the first.
    open_window(conn, budget, window).await?;
    try_raise(conn, budget, window, amount).await
}

async fn try_raise(
    conn: &mut Conn,
    budget: Budget,
    window: Span,
    amount: Usd,
) -> Result<Option<BudgetState>, Fault> {
    // Neither is negative, so their difference is in the range.
    let room = budget.limit.pico() - amount.pico();
    let row: Option<WindowRow> = diesel::update(budget_windows::table)
        .filter(budget_windows::budget_id.eq(key(budget.subject.id())))
        .filter(budget_windows::starts_at.eq(window.from.as_micros()))
        .filter((budget_windows::spent + budget_windows::reserved).le(room))
        .set(budget_windows::reserved.eq(budget_windows::reserved + amount.pico()))
        .returning(WindowRow::as_returning())
        .get_result(conn)
        .await
        .optional()?;
    Ok(row.map(|row| row.of(budget, window)))
}

/// Opens a window in which nothing was counted yet. One that is open stays as it is.
pub(in super::super) async fn open_window(
    conn: &mut Conn,
    budget: Budget,
    window: Span,
) -> Result<(), Fault> {
    diesel::insert_into(budget_windows::table)
        .values((
            budget_windows::budget_id.eq(key(budget.subject.id())),
            budget_windows::starts_at.eq(window.from.as_micros()),
            budget_windows::ends_at.eq(window.to.as_micros()),
            budget_windows::spent.eq(0),
            budget_windows::reserved.eq(0),
        ))
        .on_conflict_do_nothing()
        .execute(conn)
        .await?;
    Ok(())
}

/// Adds to what a window counts, and holds the sum where a cost beyond reason would lead out of the range.
pub(in super::super) async fn add(
    conn: &mut Conn,
    (id, starts_at): (Key, i64),
    spent: i64,
    reserved: i64,
) -> Result<(), Fault> {
    let most = MOST - spent.max(0);
    diesel::update(budget_windows::table)
        .filter(budget_windows::budget_id.eq(id))
        .filter(budget_windows::starts_at.eq(starts_at))
        .set((
            budget_windows::spent.eq(case_when(budget_windows::spent.gt(most), MOST.into_sql::<BigInt>())
                .otherwise(budget_windows::spent + spent)),
            budget_windows::reserved.eq(budget_windows::reserved + reserved),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// Notes on the ledger's row what is held back for it.
async fn note(conn: &mut Conn, usage: &OpenUsage, amount: Option<Usd>) -> Result<(), Fault> {
    let Some(amount) = amount else { return Ok(()) };
    diesel::update(ai_usage::table.filter(ai_usage::id.eq(key(usage.id))))
        .set(ai_usage::reserved.eq(amount.pico()))
        .execute(conn)
        .await?;
    Ok(())
}

fn tighter(left: Option<Usd>, state: BudgetState) -> Option<Usd> {
    Some(left.map_or(state.left(), |least| least.min(state.left())))
}
