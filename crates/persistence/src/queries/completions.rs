//! Ledger rows of completions without a session. The lease in an open row is a lock that conditional updates take,
//! renew and release.

use causerie_domain::budgets::BudgetSubject;
use causerie_domain::ports::{
    BeginCompletion, BeginCompletionError, BeginTurnError, KeyedCompletion, NextCompletionAttempt,
    ReapCompletions, ReapScope, RenewCompletion, TurnLease, TurnStoreError,
};
use causerie_domain::usage::{CostBasis, OpenUsage, UsageOutcome};
use causerie_domain::users::UserStatus;
use causerie_domain::{InstanceId, UsageId, Usd, UserId};
use diesel::prelude::*;

use super::{Conn, RunQueryDsl, Sequence, budgets, sql_literals, usage};
use crate::error::{QueryError, TransactionError, corrupt};
use crate::input::{FinishCompletion, RenewCompletions};
use crate::rows::{CLOSED, OPEN, checked_text, micros};
use crate::schema::{ai_usage, users};
use crate::types::{IdParam, id_param};

/// Key of a row and the hash of its body.
type Key = (Option<String>, Option<String>);
type Refusal = TransactionError<BeginCompletionError>;

pub(crate) async fn has_budget(conn: &mut Conn, of: &[BudgetSubject]) -> Result<bool, QueryError> {
    Ok(!budgets::load(conn, of.iter().copied()).await?.is_empty())
}

pub(crate) async fn begin(conn: &mut Conn, begin: &BeginCompletion) -> Result<Option<Usd>, Refusal> {
    clear_old_key(conn, begin).await?;
    if !insert(conn, begin).await? {
        // The key is used, or an earlier try of this call was stored and its response was lost.
        return match key_use(conn, begin).await? {
            Some(used) if used.usage_id != begin.usage.id => {
                Err(TransactionError::Refused(BeginCompletionError::KeyUsed(used)))
            }
            _ => Ok(budgets::left(conn, &begin.usage).await?),
        };
    }
    // The verified credential of a caller can be older than the change of its user.
    let active = users::table
        .filter(users::id.eq(id_param(begin.usage.user_id)))
        .filter(users::status.eq(UserStatus::Active.as_str()))
        .select(users::id);
    let (mut users, mut budgets): (Vec<UserId>, _) = (Vec::new(), Vec::new());
    let reads = Sequence::default().load(active, &mut users);
    reads.load(budgets::of(begin.usage.budget_subjects()), &mut budgets).run(conn).await?;
    if users.is_empty() {
        return Err(TransactionError::Refused(BeginCompletionError::UserDisabled));
    }
    budgets::reserve(conn, budgets, &begin.usage, begin.max_cost).await.map_err(refusal)
}

fn refusal(error: TransactionError<BeginTurnError>) -> Refusal {
    match error {
        TransactionError::Refused(BeginTurnError::OverBudget(refusal)) => {
            TransactionError::Refused(BeginCompletionError::OverBudget(refusal))
        }
        TransactionError::Refused(BeginTurnError::Store(error)) => TransactionError::Failed(error.into()),
        TransactionError::Refused(other) => TransactionError::Failed(corrupt(other.to_string()).into()),
        TransactionError::Failed(error) => TransactionError::Failed(error),
    }
}

/// Clears a use of the key that is older than the period in which keys are kept.
async fn clear_old_key(conn: &mut Conn, begin: &BeginCompletion) -> Result<(), QueryError> {
    let Some(key) = &begin.key else { return Ok(()) };
    diesel::update(ai_usage::table)
        .filter(ai_usage::user_id.eq(id_param(begin.usage.user_id)))
        .filter(ai_usage::idempotency_key.eq(&key.key))
        .filter(ai_usage::created_at.lt(begin.keys_kept_since.as_micros()))
        .set((ai_usage::idempotency_key.eq(None::<String>), ai_usage::body_hash.eq(None::<String>)))
        .cached()
        .apply(conn)
        .await?;
    Ok(())
}

/// Inserts the row with its lease. `false` if its id or its key exists.
async fn insert(conn: &mut Conn, begin: &BeginCompletion) -> Result<bool, QueryError> {
    let key = begin.key.as_ref();
    let name = key.map(|key| checked_text("ai_usage.idempotency_key", &key.key)).transpose()?;
    let inserted = diesel::insert_into(ai_usage::table)
        .values((
            usage::open_row(&begin.usage)?,
            ai_usage::owner.eq(id_param(begin.lease.owner)),
            ai_usage::lease_until.eq(sql_literals::after_micros(micros(begin.lease.duration))),
            ai_usage::idempotency_key.eq(name),
            ai_usage::body_hash.eq(key.map(|key| &key.body_hash)),
        ))
        .on_conflict_do_nothing()
        .execute(conn)
        .await?;
    Ok(inserted == 1)
}

async fn key_use(conn: &mut Conn, begin: &BeginCompletion) -> Result<Option<KeyedCompletion>, QueryError> {
    let Some(key) = &begin.key else { return Ok(None) };
    let row: Option<(UsageId, Option<String>)> = ai_usage::table
        .filter(ai_usage::user_id.eq(id_param(begin.usage.user_id)))
        .filter(ai_usage::idempotency_key.eq(&key.key))
        .select((ai_usage::id, ai_usage::body_hash))
        .first(conn)
        .await
        .optional()?;
    Ok(row.map(|(usage_id, hash)| KeyedCompletion { usage_id, body_hash: hash.unwrap_or_default() }))
}

pub(crate) async fn renew(conn: &mut Conn, renew: &RenewCompletions) -> Result<Vec<UsageId>, QueryError> {
    let mut completions: Vec<&RenewCompletion> = renew.completions.iter().collect();
    completions.sort_by_key(|completion| completion.usage_id);
    let mut lost = Vec::new();
    for completion in completions {
        let renewed = diesel::update(ai_usage::table)
            .filter(ai_usage::id.eq(id_param(completion.usage_id)))
            .filter(ai_usage::owner.eq(id_param(renew.lease.owner)))
            .filter(ai_usage::state.eq(OPEN))
            .set(ai_usage::lease_until.eq(sql_literals::after_micros(micros(renew.lease.duration))))
            .cached()
            .execute(conn)
            .await?;
        match &completion.progress {
            _ if renewed == 0 => lost.push(completion.usage_id),
            Some(progress) => usage::update_progress(conn, None, completion.usage_id, progress).await?,
            None => {}
        }
    }
    Ok(lost)
}

pub(crate) async fn next_attempt(
    conn: &mut Conn,
    next: &NextCompletionAttempt,
) -> Result<(), TransactionError<TurnStoreError>> {
    let (owner, open) = (next.lease.owner, &next.open);
    if !lock(conn, next.close.id, owner).await? {
        // The call is repeated after a lost response; the row exists then.
        return if is_open(conn, open.id, owner).await? {
            Ok(())
        } else {
            Err(TransactionError::Refused(TurnStoreError::Lost))
        };
    }
    let reserved = usage::close(conn, None, &next.close).await?.reserved;
    let open = usage::with_references_of(conn, next.close.id, open).await?;
    let key = take_key(conn, next.close.id).await?;
    insert_next(conn, &open, next.lease, key).await?;
    Ok(budgets::transfer(conn, &open, reserved).await?)
}

/// Clears the key of a row and returns it with its hash.
async fn take_key(conn: &mut Conn, id: UsageId) -> Result<Key, QueryError> {
    let key = ai_usage::table
        .filter(ai_usage::id.eq(id_param(id)))
        .select((ai_usage::idempotency_key, ai_usage::body_hash))
        .first(conn)
        .await?;
    clear_key(conn, id).await?;
    Ok(key)
}

async fn clear_key(conn: &mut Conn, id: UsageId) -> Result<(), QueryError> {
    diesel::update(ai_usage::table.filter(ai_usage::id.eq(id_param(id))))
        .filter(ai_usage::idempotency_key.is_not_null())
        .set((ai_usage::idempotency_key.eq(None::<String>), ai_usage::body_hash.eq(None::<String>)))
        .cached()
        .apply(conn)
        .await?;
    Ok(())
}

async fn insert_next(
    conn: &mut Conn,
    open: &OpenUsage,
    lease: TurnLease,
    (key, body_hash): Key,
) -> Result<(), QueryError> {
    diesel::insert_into(ai_usage::table)
        .values((
            usage::open_row(open)?,
            ai_usage::owner.eq(id_param(lease.owner)),
            ai_usage::lease_until.eq(sql_literals::after_micros(micros(lease.duration))),
            ai_usage::idempotency_key.eq(key),
            ai_usage::body_hash.eq(body_hash),
        ))
        .apply(conn)
        .await?;
    Ok(())
}

pub(crate) async fn finish(
    conn: &mut Conn,
    finish: &FinishCompletion,
) -> Result<(), TransactionError<TurnStoreError>> {
    let close = &finish.close;
    if lock(conn, close.id, finish.owner).await? {
        usage::close(conn, None, close).await?;
        if close.outcome != UsageOutcome::Completed {
            // After a failure a repetition is a new request.
            clear_key(conn, close.id).await?;
        }
        return Ok(());
    }
    // An earlier try of this call closed the row and its response was lost.
    let closed_before: Option<UsageId> = ai_usage::table
        .filter(ai_usage::id.eq(id_param(close.id)))
        .filter(ai_usage::owner.eq(id_param(finish.owner)))
        .filter(ai_usage::outcome.eq(close.outcome.as_str()))
        .filter(ai_usage::closed_at.eq(close.closed_at.as_micros()))
        .select(ai_usage::id)
        .first(conn)
        .await
        .optional()?;
    closed_before.map(|_| ()).ok_or(TransactionError::Refused(TurnStoreError::Lost))
}

/// Closes open rows of the scope, up to the limit. They are pending without a look-up until the reconciler prices them.
pub(crate) async fn reap(conn: &mut Conn, reap: &ReapCompletions) -> Result<Vec<UsageId>, QueryError> {
    // In the order of the index of open rows: in that of the ids, SQLite would read the whole ledger.
    let mut candidates = ai_usage::table
        .filter(sql_literals::Open)
        .filter(ai_usage::owner.is_not_null())
        .select(ai_usage::id)
        .order(ai_usage::created_at)
        .limit(i64::from(reap.limit))
        .into_boxed();
    if reap.scope == ReapScope::Expired {
        candidates = candidates.filter(ai_usage::lease_until.le(sql_literals::Now));
    }
    if !reap.running_here.is_empty() {
        let held: Vec<IdParam> = reap.running_here.iter().copied().map(id_param).collect();
        candidates = candidates.filter(ai_usage::id.ne_all(held));
    }
    let candidates: Vec<UsageId> = candidates.load(conn).await?;
    let mut closed = Vec::new();
    for id in candidates {
        // An owner that has renewed its lease meanwhile keeps its row.
        let expired = match reap.scope {
            ReapScope::Expired => {
                diesel::update(ai_usage::table)
                    .filter(ai_usage::id.eq(id_param(id)))
                    .filter(ai_usage::state.eq(OPEN))
                    .filter(ai_usage::lease_until.le(sql_literals::Now))
                    .set(ai_usage::lease_until.eq(ai_usage::lease_until))
                    .cached()
                    .execute(conn)
                    .await?
            }
            ReapScope::Everything => 1,
        };
        if expired == 0 {
            continue;
        }
        let interrupted = diesel::update(ai_usage::table)
            .filter(ai_usage::id.eq(id_param(id)))
            .filter(ai_usage::state.eq(OPEN))
            .set((
                ai_usage::state.eq(CLOSED),
                ai_usage::outcome.eq(UsageOutcome::Interrupted.as_str()),
                ai_usage::basis.eq(CostBasis::Pending.as_str()),
                ai_usage::closed_at.eq(reap.now.as_micros()),
                ai_usage::idempotency_key.eq(None::<String>),
                ai_usage::body_hash.eq(None::<String>),
            ))
            .cached()
            .execute(conn)
            .await?;
        closed.extend((interrupted == 1).then_some(id));
    }
    Ok(closed)
}

/// Locks an open row without a change. `false` if this owner no longer holds it.
async fn lock(conn: &mut Conn, id: UsageId, owner: InstanceId) -> Result<bool, QueryError> {
    let locked = diesel::update(ai_usage::table)
        .filter(ai_usage::id.eq(id_param(id)))
        .filter(ai_usage::owner.eq(id_param(owner)))
        .filter(ai_usage::state.eq(OPEN))
        .set(ai_usage::lease_until.eq(ai_usage::lease_until))
        .cached()
        .execute(conn)
        .await?;
    Ok(locked == 1)
}

async fn is_open(conn: &mut Conn, id: UsageId, owner: InstanceId) -> Result<bool, QueryError> {
    let row: Option<UsageId> = ai_usage::table
        .filter(ai_usage::id.eq(id_param(id)))
        .filter(ai_usage::owner.eq(id_param(owner)))
        .filter(ai_usage::state.eq(OPEN))
        .select(ai_usage::id)
        .first(conn)
        .await
        .optional()?;
    Ok(row.is_some())
}
