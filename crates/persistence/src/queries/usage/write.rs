//! The ledger's rows as turns write them: opened before the request, closed exactly once.

use std::borrow::Cow;
use std::collections::HashMap;

use causerie_domain::usage::{
    CloseUsage, CostBasis, MessageUsage, OpenUsage, Settlement, TokenCounts, UsageOutcome, UsageProgress,
};
use causerie_domain::{Timestamp, TurnId, UsageId, Usd};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::super::{Conn, budgets};
use crate::error::{Fault, corrupt};
use crate::rows::{UsageSumRow, WeightRow, foreign, micros, prices_text, tokens, usage_by_turn};
use crate::schema::ai_usage;
use crate::types::key;

const OPEN: &str = "open";
const CLOSED: &str = "closed";

pub(in super::super) async fn open(conn: &mut Conn, open: &OpenUsage) -> Result<(), Fault> {
    let prices = open.prices.as_ref().map(prices_text).transpose()?;
    diesel::insert_into(ai_usage::table)
        .values((
            ai_usage::id.eq(key(open.id)),
            ai_usage::user_id.eq(key(open.user_id)),
            ai_usage::group_id.eq(open.group_id.map(key)),
            ai_usage::tool_id.eq(open.tool_id.map(key)),
            ai_usage::session_id.eq(open.session_id.map(key)),
            ai_usage::turn_id.eq(open.turn_id.map(key)),
            ai_usage::message_id.eq(open.message_id.map(key)),
            ai_usage::api_key_id.eq(open.api_key_id.map(key)),
            ai_usage::purpose.eq(open.purpose.as_str()),
            ai_usage::attempt.eq(i64::from(open.attempt)),
            ai_usage::model.eq(&open.model),
            ai_usage::state.eq(OPEN),
            ai_usage::estimated_input_tokens.eq(tokens(open.estimated_input_tokens)),
            ai_usage::prices.eq(prices),
            ai_usage::created_at.eq(open.created_at.as_micros()),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// Notes what became known of an open row. What was known before stays where nothing new is said.
pub(in super::super) async fn note(
    conn: &mut Conn,
    turn: TurnId,
    id: UsageId,
    progress: &UsageProgress,
) -> Result<(), Fault> {
    let known = KnownSet::of(progress)?;
    if known.is_empty() {
        return Ok(());
    }
    diesel::update(
        ai_usage::table
            .filter(ai_usage::id.eq(key(id)))
            .filter(ai_usage::turn_id.eq(key(turn)))
            .filter(ai_usage::state.eq(OPEN)),
    )
    .set(known)
    .execute(conn)
    .await?;
    Ok(())
}

/// Closes a row of a turn, counts its cost in the budgets that apply, and returns what was reserved for it. A row that
/// is closed already, or is not the turn's, is an error: never closed twice.
pub(in super::super) async fn close(
    conn: &mut Conn,
    turn: TurnId,
    close: &CloseUsage,
) -> Result<Option<Usd>, Fault> {
    let closed: Option<WeightRow> = diesel::update(
        ai_usage::table
            .filter(ai_usage::id.eq(key(close.id)))
            .filter(ai_usage::turn_id.eq(key(turn)))
            .filter(ai_usage::state.eq(OPEN)),
    )
    .set((
        KnownSet::of(&close.progress)?,
        CostSet::of(&close.tokens, &close.settlement),
        ai_usage::state.eq(CLOSED),
        ai_usage::outcome.eq(close.outcome.as_str()),
        ai_usage::failure_code.eq(close.failure.map(|code| code.as_str())),
        ai_usage::duration_us.eq(micros(close.duration)),
        ai_usage::closed_at.eq(close.closed_at.as_micros()),
        ai_usage::next_lookup_at.eq(close.next_lookup_at.map(Timestamp::as_micros)),
    ))
    .returning(WeightRow::as_returning())
    .get_result(conn)
    .await
    .optional()?;
    let not_open = || corrupt(format!("the ledger row {} of turn {turn} is not open", close.id));
    let open = WeightRow { cost: None, ..closed.ok_or_else(not_open)? };
    budgets::settle(conn, &open, close.settlement.cost).await?;
    Ok(open.reserved.map(Usd::from_pico))
}

/// Closes the open row of a turn whose process is gone. What was reserved for it stays so. It is unpriced, pending without a look-up, until the
/// reconciler has priced it: prices times tokens is not the store's business.
pub(in super::super) async fn interrupt(conn: &mut Conn, turn: TurnId, now: Timestamp) -> Result<(), Fault> {
    diesel::update(ai_usage::table.filter(ai_usage::turn_id.eq(key(turn))).filter(ai_usage::state.eq(OPEN)))
        .set((
            ai_usage::state.eq(CLOSED),
            ai_usage::outcome.eq(UsageOutcome::Interrupted.as_str()),
            ai_usage::basis.eq(CostBasis::Pending.as_str()),
            ai_usage::closed_at.eq(now.as_micros()),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// Whether a row exists, open or closed.
pub(in super::super) async fn exists(conn: &mut Conn, turn: TurnId, id: UsageId) -> Result<bool, Fault> {
    let row = ai_usage::table.filter(ai_usage::id.eq(key(id))).filter(ai_usage::turn_id.eq(key(turn)));
    Ok(diesel::select(diesel::dsl::exists(row)).get_result(conn).await?)
}

/// The usage of turns: the closed rows of each, together.
pub(in super::super) async fn of_turns(
    conn: &mut Conn,
    turns: &[TurnId],
) -> Result<HashMap<TurnId, MessageUsage>, Fault> {
    if turns.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<UsageSumRow> = ai_usage::table
        .filter(ai_usage::turn_id.eq_any(turns.iter().copied().map(key)))
        .filter(ai_usage::state.eq(CLOSED))
        .order((ai_usage::attempt, ai_usage::id))
        .select(UsageSumRow::as_select())
        .load(conn)
        .await?;
    Ok(usage_by_turn(rows)?)
}

/// The usage of one turn.
pub(in super::super) async fn of_turn(conn: &mut Conn, turn: TurnId) -> Result<Option<MessageUsage>, Fault> {
    Ok(of_turns(conn, &[turn]).await?.remove(&turn))
}

/// The columns of what is learnt on the way; `None` leaves a column alone.
#[derive(AsChangeset)]
#[diesel(table_name = ai_usage)]
struct KnownSet<'a> {
    generation_id: Option<Cow<'a, str>>,
    model_served: Option<Cow<'a, str>>,
    provider: Option<Cow<'a, str>>,
    time_to_first_token_us: Option<i64>,
    estimated_input_tokens: Option<i64>,
    prices: Option<String>,
}

impl<'a> KnownSet<'a> {
    fn of(progress: &'a UsageProgress) -> Result<Self, Fault> {
        Ok(KnownSet {
            generation_id: progress.generation_id.as_deref().map(foreign),
            model_served: progress.model_served.as_deref().map(foreign),
            provider: progress.provider.as_deref().map(foreign),
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

/// The columns of tokens and money.
#[derive(AsChangeset)]
#[diesel(table_name = ai_usage, treat_none_as_null = true)]
pub(in super::super) struct CostSet {
    input_tokens: Option<i64>,
    output_tokens: Option<i64>,
    cached_tokens: Option<i64>,
    cache_write_tokens: Option<i64>,
    reasoning_tokens: Option<i64>,
    cost: Option<i64>,
    basis: &'static str,
    reported_cost: Option<i64>,
    calculated_cost: Option<i64>,
}

impl CostSet {
    pub(in super::super) fn of(counts: &TokenCounts, settlement: &Settlement) -> Self {
        CostSet {
            input_tokens: counts.input.map(tokens),
            output_tokens: counts.output.map(tokens),
            cached_tokens: counts.cached.map(tokens),
            cache_write_tokens: counts.cache_write.map(tokens),
            reasoning_tokens: counts.reasoning.map(tokens),
            cost: settlement.cost.map(|cost| cost.pico()),
            basis: settlement.basis.as_str(),
            reported_cost: settlement.reported.map(|cost| cost.pico()),
            calculated_cost: settlement.calculated.map(|cost| cost.pico()),
        }
    }
}
