//! Budget reservations held by open usage rows, and the costs that replace them.
//!
//! All requests of a subject update the row of its window, so a transaction updates windows last, in the order of the
//! budgets' ids. The callers have written to the ledger before, and a change of a budget blocks writes to the ledger,
//! so the budgets do not change until the transaction ends.

use causerie_domain::budgets::{Budget, BudgetRefusal, BudgetState, BudgetSubject};
use causerie_domain::calendar::Span;
use causerie_domain::ports::BeginTurnError;
use causerie_domain::usage::OpenUsage;
use causerie_domain::{Timestamp, Usd};
use diesel::dsl::{AsSelect, case_when};
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::super::{Cached, Conn, Db, RunQueryDsl, padded};
use crate::error::{QueryError, TransactionError};
use crate::rows::{BudgetRow, ReservationRow, WindowRow};
use crate::schema::{ai_usage, budget_windows, budgets};
use crate::types::{IdParam, id_param};

/// Maximum amount of a window in picodollars: above every limit, and low enough that one more sum does not overflow.
pub(in super::super) const MAX_WINDOW_AMOUNT: i64 = i64::MAX / 2;

/// Reserves the maximum cost of a request in the [budgets that apply](of), or returns the budget that refuses it. Returns
/// the smallest remaining amount.
pub(in super::super) async fn reserve(
    conn: &mut Conn,
    budgets: Vec<BudgetRow>,
    usage: &OpenUsage,
    needed: Option<Usd>,
) -> Result<Option<Usd>, TransactionError<BeginTurnError>> {
    let mut left = None;
    for budget in budgets {
        let budget = Budget::try_from(budget)?;
        let window = budget.period.window(usage.created_at);
        let raised = match needed {
            Some(amount) => reserve_in_window(conn, budget, window, amount).await?,
            None => None,
        };
        let Some(state) = raised else {
            let state = state_at(conn, budget, usage.created_at).await?;
            let refusal = Box::new(BudgetRefusal { state, needed });
            return Err(TransactionError::Refused(BeginTurnError::OverBudget(refusal)));
        };
        left = smaller_left(left, state);
    }
    if left.is_some() {
        store_reserved(conn, usage, needed).await?;
    }
    Ok(left)
}

/// Returns the smallest remaining amount of the budgets that apply to a request, and the refusal of [`reserve`]. Nothing
/// is reserved.
pub(in super::super) async fn preview(
    conn: &mut Conn,
    usage: &OpenUsage,
    needed: Option<Usd>,
) -> Result<(Option<Usd>, Option<BeginTurnError>), QueryError> {
    let (mut left, mut refusal) = (None, None);
    for budget in load(conn, usage.budget_subjects()).await? {
        let state = state_at(conn, budget, usage.created_at).await?;
        left = smaller_left(left, state);
        if refusal.is_none() && !state.allows(needed) {
            refusal = Some(BeginTurnError::OverBudget(Box::new(BudgetRefusal { state, needed })));
        }
    }
    Ok((left, refusal))
}

/// Transfers the reservation of a turn's last attempt to the next one, without a check of the limits.
pub(in super::super) async fn transfer(
    conn: &mut Conn,
    usage: &OpenUsage,
    amount: Option<Usd>,
) -> Result<(), QueryError> {
    for budget in load(conn, usage.budget_subjects()).await? {
        let window = budget.period.window(usage.created_at);
        // The window may be new, and must exist to count the cost even if nothing is reserved.
        open_window(conn, budget, window).await?;
        let row = (id_param(budget.subject.id()), window.from.as_micros());
        add(conn, row, 0, amount.unwrap_or_default().pico()).await?;
    }
    store_reserved(conn, usage, amount).await
}

/// Returns the smallest remaining amount of the budgets that apply to a request.
pub(in super::super) async fn left(conn: &mut Conn, usage: &OpenUsage) -> Result<Option<Usd>, QueryError> {
    let mut left = None;
    for budget in load(conn, usage.budget_subjects()).await? {
        left = smaller_left(left, state_at(conn, budget, usage.created_at).await?);
    }
    Ok(left)
}

/// Releases the reservation of a row and counts its cost, or the change from a provisional cost. `row` has the values before the change.
pub(in super::super) async fn settle(
    conn: &mut Conn,
    row: &ReservationRow,
    cost: Option<Usd>,
) -> Result<(), QueryError> {
    let cost = cost.map(Usd::pico);
    let spent = cost.unwrap_or(0).saturating_sub(row.cost.unwrap_or(0));
    let reserved = row.reserved_with(cost) - row.reserved_with(row.cost);
    if (spent, reserved) == (0, 0) {
        return Ok(());
    }
    let windows: Vec<(IdParam, i64)> = budget_windows::table
        .filter(
            budget_windows::budget_id
                .eq_any(padded(row.subjects().map(|subject| id_param(subject.id())).collect())),
        )
        .filter(budget_windows::starts_at.le(row.created_at))
        .filter(budget_windows::ends_at.gt(row.created_at))
        .order(budget_windows::budget_id)
        .select((budget_windows::budget_id, budget_windows::starts_at))
        .cached()
        .load(conn)
        .await?;
    for window in windows {
        add(conn, window, spent, reserved).await?;
    }
    Ok(())
}

/// Selects the budgets of subjects, ordered by id, which is the lock order of their windows.
pub(in super::super) fn of(subjects: impl Iterator<Item = BudgetSubject>) -> Cached<with_ids> {
    with_ids(padded(subjects.map(|subject| id_param(subject.id())).collect())).cached()
}

#[diesel::dsl::auto_type]
fn with_ids(ids: Vec<IdParam>) -> _ {
    let columns: AsSelect<BudgetRow, Db> = BudgetRow::as_select();
    budgets::table.filter(budgets::id.eq_any(ids)).order(budgets::id).select(columns)
}

/// Reads the budgets of subjects, ordered by id.
pub(in super::super) async fn load(
    conn: &mut Conn,
    subjects: impl Iterator<Item = BudgetSubject>,
) -> Result<Vec<Budget>, QueryError> {
    let rows: Vec<BudgetRow> = of(subjects).load(conn).await?;
    Ok(rows.into_iter().map(Budget::try_from).collect::<Result<_, _>>()?)
}

/// Reads the state of a budget in the window of an instant. A window without requests has no row.
pub(in super::super) async fn state_at(
    conn: &mut Conn,
    budget: Budget,
    at: Timestamp,
) -> Result<BudgetState, QueryError> {
    let window = budget.period.window(at);
    let row: Option<WindowRow> = budget_windows::table
        .filter(budget_windows::budget_id.eq(id_param(budget.subject.id())))
        .filter(budget_windows::starts_at.eq(window.from.as_micros()))
        .select(WindowRow::as_select())
        .first(conn)
        .await
        .optional()?;
    Ok(row.unwrap_or_default().of(budget, window))
}

/// Reserves an amount in a window if the limit allows it. The first request of a window creates its row.
async fn reserve_in_window(
    conn: &mut Conn,
    budget: Budget,
    window: Span,
    amount: Usd,
) -> Result<Option<BudgetState>, QueryError> {
    if let Some(state) = try_reserve_in_window(conn, budget, window, amount).await? {
        return Ok(Some(state));
    }
    // Refused, or without a row. If several requests insert the row, the later ones wait for the first.
    open_window(conn, budget, window).await?;
    try_reserve_in_window(conn, budget, window, amount).await
}

async fn try_reserve_in_window(
    conn: &mut Conn,
    budget: Budget,
    window: Span,
    amount: Usd,
) -> Result<Option<BudgetState>, QueryError> {
    // Neither is negative, so the difference does not overflow.
    let max_before = budget.limit.pico() - amount.pico();
    let row: Option<WindowRow> = diesel::update(budget_windows::table)
        .filter(budget_windows::budget_id.eq(id_param(budget.subject.id())))
        .filter(budget_windows::starts_at.eq(window.from.as_micros()))
        .filter((budget_windows::spent + budget_windows::reserved).le(max_before))
        .set(budget_windows::reserved.eq(budget_windows::reserved + amount.pico()))
        .returning(WindowRow::as_returning())
        .cached()
        .get_result(conn)
        .await
        .optional()?;
    Ok(row.map(|row| row.of(budget, window)))
}

/// Creates the row of a window with zero amounts. An existing row is not changed.
pub(in super::super) async fn open_window(
    conn: &mut Conn,
    budget: Budget,
    window: Span,
) -> Result<(), QueryError> {
    diesel::insert_into(budget_windows::table)
        .values((
            budget_windows::budget_id.eq(id_param(budget.subject.id())),
            budget_windows::starts_at.eq(window.from.as_micros()),
            budget_windows::ends_at.eq(window.to.as_micros()),
            budget_windows::spent.eq(0),
            budget_windows::reserved.eq(0),
        ))
        .on_conflict_do_nothing()
        .apply(conn)
        .await?;
    Ok(())
}

/// Adds to the amounts of a window. The spent amount is capped at [`MAX_WINDOW_AMOUNT`].
pub(in super::super) async fn add(
    conn: &mut Conn,
    (id, starts_at): (IdParam, i64),
    spent: i64,
    reserved: i64,
) -> Result<(), QueryError> {
    let max = MAX_WINDOW_AMOUNT - spent.max(0);
    diesel::update(budget_windows::table)
        .filter(budget_windows::budget_id.eq(id))
        .filter(budget_windows::starts_at.eq(starts_at))
        .set((
            budget_windows::spent.eq(case_when(
                budget_windows::spent.gt(max),
                MAX_WINDOW_AMOUNT.into_sql::<BigInt>(),
            )
            .otherwise(budget_windows::spent + spent)),
            budget_windows::reserved.eq(budget_windows::reserved + reserved),
        ))
        .cached()
        .apply(conn)
        .await?;
    Ok(())
}

/// Stores the reserved amount in the ledger's row.
async fn store_reserved(conn: &mut Conn, usage: &OpenUsage, amount: Option<Usd>) -> Result<(), QueryError> {
    let Some(amount) = amount else { return Ok(()) };
    diesel::update(ai_usage::table.filter(ai_usage::id.eq(id_param(usage.id))))
        .set(ai_usage::reserved.eq(amount.pico()))
        .cached()
        .apply(conn)
        .await?;
    Ok(())
}

fn smaller_left(left: Option<Usd>, state: BudgetState) -> Option<Usd> {
    Some(left.map_or(state.left(), |min| min.min(state.left())))
}
