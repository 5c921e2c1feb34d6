//! Writing the ledger rows of turns: a row is opened before the request and closed exactly once.

use std::borrow::Cow;
use std::collections::HashMap;

use causerie_domain::usage::{
    CloseUsage, CostBasis, MessageUsage, OpenUsage, Settlement, TokenCounts, UsageOutcome, UsageProgress,
};
use causerie_domain::{ApiKeyId, GroupId, Timestamp, TurnId, UsageId, Usd};
use diesel::prelude::*;
use diesel::query_builder::QueryFragment;

use super::super::{Conn, Db, RunQueryDsl, Sequence, Together, budgets, padded, sql_literals};
use crate::error::{QueryError, corrupt};
use crate::rows::{
    CLOSED, MessageUsageRow, OPEN, OpenUsageRow, ReservationRow, micros, prices_text, sanitized, tokens,
    usage_by_turn,
};
use crate::schema::ai_usage;
use crate::types::id_param;

/// Number of the first attempt of a turn.
const FIRST_ATTEMPT: i64 = 1;

/// Returns the statement that opens a row.
pub(in super::super) fn opening(
    open: &OpenUsage,
) -> Result<impl QueryFragment<Db> + RunQueryDsl + Send + 'static, QueryError> {
    Ok(diesel::insert_into(ai_usage::table).values(open_row(open)?))
}

/// Returns the columns of a row to open.
pub(in super::super) fn open_row(open: &OpenUsage) -> Result<OpenUsageRow, QueryError> {
    Ok(OpenUsageRow::try_from(open.clone())?)
}

/// Returns a row to open with the group and the API key of an earlier row. They are null there once they were deleted.
pub(in super::super) async fn with_references_of(
    conn: &mut Conn,
    earlier: UsageId,
    open: &OpenUsage,
) -> Result<OpenUsage, QueryError> {
    let (group_id, api_key_id): (Option<GroupId>, Option<ApiKeyId>) = ai_usage::table
        .filter(ai_usage::id.eq(id_param(earlier)))
        .select((ai_usage::group_id, ai_usage::api_key_id))
        .first(conn)
        .await?;
    Ok(OpenUsage { group_id, api_key_id, ..open.clone() })
}

/// Updates an open row of a turn, or for `None` of a completion without one. Columns without a new value keep the old one.
pub(in super::super) async fn update_progress(
    conn: &mut Conn,
    turn: Option<TurnId>,
    id: UsageId,
    progress: &UsageProgress,
) -> Result<(), QueryError> {
    let known = ProgressChangeset::of(progress)?;
    if known.is_empty() {
        return Ok(());
    }
    let open = ai_usage::table.filter(ai_usage::id.eq(id_param(id))).filter(ai_usage::state.eq(OPEN));
    let update = diesel::update(open).set(known).into_boxed::<Db>();
    let update = match turn {
        Some(turn) => update.filter(ai_usage::turn_id.eq(id_param(turn))),
        None => update.filter(ai_usage::turn_id.is_null()),
    };
    update.cached().apply(conn).await?;
    Ok(())
}

/// Ledger row that was closed.
pub(in super::super) struct ClosedUsage {
    pub(in super::super) reserved: Option<Usd>,
    attempt: i64,
    usage: MessageUsageRow,
}

/// What the statement that closes a row returns: its values before, its attempt, its usage, and whether a budget has a
/// window that counts it.
pub(in super::super) type ClosedRow = (ReservationRow, i64, MessageUsageRow, bool);

/// Adds the statement that closes a row of a turn, or for `None` of a completion without one, together with other writes.
pub(in super::super) fn closing<'q>(
    sequence: Sequence<'q>,
    writes: Together<'q>,
    turn: Option<TurnId>,
    close: &'q CloseUsage,
    rows: &'q mut Vec<ClosedRow>,
) -> Result<Sequence<'q>, QueryError> {
    let open = ai_usage::table
        .filter(sql_literals::Begun)
        .filter(ai_usage::id.eq(id_param(close.id)))
        .filter(ai_usage::state.eq(OPEN));
    let update = diesel::update(open)
        .set((
            ProgressChangeset::of(&close.progress)?,
            CostChangeset::of(&close.tokens, &close.settlement),
            ai_usage::state.eq(CLOSED),
            ai_usage::outcome.eq(close.outcome.as_str()),
            ai_usage::failure_code.eq(close.failure.map(|code| code.as_str())),
            ai_usage::duration_us.eq(micros(close.duration)),
            ai_usage::closed_at.eq(close.closed_at.as_micros()),
            ai_usage::cache_miss.eq(close.cache_miss.map(|miss| miss.as_str())),
            ai_usage::next_lookup_at.eq(close.next_lookup_at.map(Timestamp::as_micros)),
        ))
        .into_boxed::<Db>();
    let update = match turn {
        Some(turn) => update.filter(ai_usage::turn_id.eq(id_param(turn))),
        None => update.filter(ai_usage::turn_id.is_null()),
    };
    let columns = (
        ReservationRow::as_returning(),
        ai_usage::attempt,
        MessageUsageRow::as_returning(),
        sql_literals::HasWindows,
    );
    Ok(sequence.load_together(writes, update.returning(columns).cached(), rows))
}

/// Counts the cost of a row that was closed in the budgets that apply. A row that was closed before, or belongs to another
/// turn, is an error: no row is closed twice.
pub(in super::super) async fn count_closed(
    conn: &mut Conn,
    rows: Vec<ClosedRow>,
    turn: Option<TurnId>,
    close: &CloseUsage,
) -> Result<ClosedUsage, QueryError> {
    let not_open = || match turn {
        Some(turn) => corrupt(format!("ledger row {} of turn {turn} is not open", close.id)),
        None => corrupt(format!("ledger row {} is not open", close.id)),
    };
    let (closed, attempt, usage, has_windows) = rows.into_iter().next().ok_or_else(not_open)?;
    let open = ReservationRow { cost: None, ..closed };
    if has_windows {
        budgets::settle(conn, &open, close.settlement.cost).await?;
    }
    Ok(ClosedUsage { reserved: open.reserved.map(Usd::from_pico), attempt, usage })
}

/// Closes a row of a turn, or for `None` of a completion without one, and counts its cost.
pub(in super::super) async fn close(
    conn: &mut Conn,
    turn: Option<TurnId>,
    close: &CloseUsage,
) -> Result<ClosedUsage, QueryError> {
    let mut rows = Vec::new();
    closing(Sequence::default(), Together::default(), turn, close, &mut rows)?.run(conn).await?;
    count_closed(conn, rows, turn, close).await
}

/// Returns the usage of a turn whose last row was closed. The rows of earlier attempts are read.
pub(in super::super) async fn of_closed(
    conn: &mut Conn,
    turn: TurnId,
    closed: ClosedUsage,
) -> Result<Option<MessageUsage>, QueryError> {
    match closed.attempt {
        FIRST_ATTEMPT => Ok(usage_by_turn(vec![closed.usage])?.remove(&turn)),
        _ => of_turn(conn, turn).await,
    }
}

/// Closes the open row of a turn whose process has ended. Its reservation remains. The row is pending without a lookup
/// until the reconciler prices it; the store does not calculate costs.
pub(in super::super) async fn interrupt(
    conn: &mut Conn,
    turn: TurnId,
    now: Timestamp,
) -> Result<(), QueryError> {
    diesel::update(
        ai_usage::table.filter(ai_usage::turn_id.eq(id_param(turn))).filter(ai_usage::state.eq(OPEN)),
    )
    .set((
        ai_usage::state.eq(CLOSED),
        ai_usage::outcome.eq(UsageOutcome::Interrupted.as_str()),
        ai_usage::basis.eq(CostBasis::Pending.as_str()),
        ai_usage::closed_at.eq(now.as_micros()),
    ))
    .cached()
    .apply(conn)
    .await?;
    Ok(())
}

/// Returns whether a row exists, open or closed.
pub(in super::super) async fn exists(conn: &mut Conn, turn: TurnId, id: UsageId) -> Result<bool, QueryError> {
    let row =
        ai_usage::table.filter(ai_usage::id.eq(id_param(id))).filter(ai_usage::turn_id.eq(id_param(turn)));
    Ok(diesel::select(diesel::dsl::exists(row)).get_result(conn).await?)
}

/// Returns the usage of each turn, summed over its closed rows.
pub(in super::super) async fn of_turns(
    conn: &mut Conn,
    turns: &[TurnId],
) -> Result<HashMap<TurnId, MessageUsage>, QueryError> {
    if turns.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<MessageUsageRow> = ai_usage::table
        .filter(ai_usage::turn_id.eq_any(padded(turns.iter().copied().map(id_param).collect())))
        .filter(ai_usage::state.eq(CLOSED))
        .order((ai_usage::attempt, ai_usage::id))
        .select(MessageUsageRow::as_select())
        .cached()
        .load(conn)
        .await?;
    Ok(usage_by_turn(rows)?)
}

/// Returns the usage of one turn.
pub(in super::super) async fn of_turn(
    conn: &mut Conn,
    turn: TurnId,
) -> Result<Option<MessageUsage>, QueryError> {
    Ok(of_turns(conn, &[turn]).await?.remove(&turn))
}

/// Changeset of a row's progress. Columns whose value is `None` are not updated.
#[derive(AsChangeset)]
#[diesel(table_name = ai_usage)]
struct ProgressChangeset<'a> {
    generation_id: Option<Cow<'a, str>>,
    model_served: Option<Cow<'a, str>>,
    provider: Option<Cow<'a, str>>,
    time_to_first_token_us: Option<i64>,
    estimated_input_tokens: Option<i64>,
    prices: Option<String>,
}

impl<'a> ProgressChangeset<'a> {
    fn of(progress: &'a UsageProgress) -> Result<Self, QueryError> {
        Ok(ProgressChangeset {
            generation_id: progress.generation_id.as_deref().map(sanitized),
            model_served: progress.model_served.as_deref().map(sanitized),
            provider: progress.provider.as_deref().map(sanitized),
            time_to_first_token_us: progress.time_to_first_token.map(micros),
            estimated_input_tokens: progress.estimated_input_tokens.map(tokens),
            prices: progress.prices.as_ref().map(prices_text).transpose()?,
        })
    }

    fn is_empty(&self) -> bool {
        self.generation_id.is_none()
            && self.model_served.is_none()
            && self.provider.is_none()
            && self.time_to_first_token_us.is_none()
            && self.estimated_input_tokens.is_none()
            && self.prices.is_none()
    }
}

/// Changeset of tokens and costs. Columns whose value is `None` are set to null.
#[derive(AsChangeset)]
#[diesel(table_name = ai_usage, treat_none_as_null = true)]
pub(in super::super) struct CostChangeset {
    input_tokens: Option<i64>,
    output_tokens: Option<i64>,
    cached_tokens: Option<i64>,
    cache_write_tokens: Option<i64>,
    reasoning_tokens: Option<i64>,
    cost: Option<i64>,
    basis: &'static str,
    reported_cost: Option<i64>,
    calculated_cost: Option<i64>,
    cache_saved: Option<i64>,
}

impl CostChangeset {
    pub(in super::super) fn of(counts: &TokenCounts, settlement: &Settlement) -> Self {
        CostChangeset {
            input_tokens: counts.input.map(tokens),
            output_tokens: counts.output.map(tokens),
            cached_tokens: counts.cached.map(tokens),
            cache_write_tokens: counts.cache_write.map(tokens),
            reasoning_tokens: counts.reasoning.map(tokens),
            cost: settlement.cost.map(|cost| cost.pico()),
            basis: settlement.basis.as_str(),
            reported_cost: settlement.reported.map(|cost| cost.pico()),
            calculated_cost: settlement.calculated.map(|cost| cost.pico()),
            cache_saved: settlement.cache_saved.map(|saved| saved.pico()),
        }
    }
}
