//! Usage rows with extreme and missing values, and their expected sums.

use causerie_domain::calendar::{Day, Span, TimeZone};
use causerie_domain::page::{After, PageRequest};
use causerie_domain::ports::{
    Ids as _, NewSession, Sessions as _, UsageFilter, UsageRecordQuery, UsageReport, UsageReportQuery,
    UsageReports as _,
};
use causerie_domain::usage::reports::{Grouping, UsageRecord, UsageTotals, UsdSum};
use causerie_domain::{Filter, GroupId, SessionId, Timestamp, UserId};
use causerie_testkit::anyhow::Result;
use causerie_testkit::contract::{START, SqlSubject};
use causerie_testkit::database::{RawConnection, uuid_literal};

const HOUR: i64 = 3_600_000_000;
/// Time span of the rows, more than three days.
pub(crate) const SPAN: Span = Span {
    from: Timestamp::from_micros(START.as_micros() - 10 * HOUR),
    to: Timestamp::from_micros(START.as_micros() + 70 * HOUR),
};

/// Random number generator with a fixed seed, so that the rows are the same in each run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    pub(crate) fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()].clone()
    }
}

/// Usage ledger of a store.
pub(crate) struct Ledger<'s> {
    pub(crate) subject: &'s SqlSubject,
    pub(crate) raw: RawConnection,
    pub(crate) groups: [GroupId; 2],
    pub(crate) sessions: Vec<(SessionId, UserId)>,
}

/// Values of a usage row.
#[derive(Debug, Clone, Default)]
pub(crate) struct Row {
    pub(crate) at: i64,
    pub(crate) user: Option<UserId>,
    pub(crate) group: Option<GroupId>,
    pub(crate) session: Option<SessionId>,
    pub(crate) with_tool: bool,
    pub(crate) model: &'static str,
    pub(crate) basis: Option<&'static str>,
    pub(crate) cost: Option<i64>,
    pub(crate) reported: Option<i64>,
    pub(crate) calculated: Option<i64>,
    pub(crate) tokens: [Option<i64>; 4],
    pub(crate) cache_write: Option<i64>,
    pub(crate) cache_saved: Option<i64>,
}

impl<'s> Ledger<'s> {
    pub(crate) async fn new(subject: &'s SqlSubject) -> Result<Self> {
        let mut raw = RawConnection::open(subject.database()).await?;
        let groups = [GroupId::next(&subject.ids), GroupId::next(&subject.ids)];
        for group in groups {
            let id = uuid_literal(subject.store(), group.as_uuid());
            raw.run(&format!("INSERT INTO groups (id, name, created_at) VALUES ({id}, 'g', 1)")).await?;
        }
        let mut sessions = Vec::new();
        for number in 0..5 {
            let user_id = if number % 2 == 0 { subject.user } else { subject.stranger };
            let new = NewSession { user_id, started_at: START, ..subject.new_session() };
            sessions.push((subject.store().create_session(new).await?.id, user_id));
        }
        Ok(Ledger { subject, raw, groups, sessions })
    }

    pub(crate) async fn add(&mut self, row: &Row) -> Result<()> {
        let store = self.subject.store();
        let id = |id: Option<uuid::Uuid>| id.map_or("NULL".to_owned(), |id| uuid_literal(store, id));
        let number = |value: Option<i64>| value.map_or("NULL".to_owned(), |value| value.to_string());
        let closed = row.basis.is_some();
        let [input, output, cached, reasoning] = row.tokens.map(number);
        let values = [
            id(Some(self.subject.ids.next())),
            id(row.user.map(UserId::as_uuid)),
            id(row.group.map(GroupId::as_uuid)),
            id(row.session.map(SessionId::as_uuid)),
            id(row.with_tool.then(|| self.subject.tool.as_uuid())),
            "'chat', 1".to_owned(),
            format!("'{}'", row.model),
            format!("'{}'", if closed { "closed" } else { "open" }),
            (if closed { "'completed', 2" } else { "NULL, NULL" }).to_owned(),
            row.basis.map_or("NULL".to_owned(), |basis| format!("'{basis}'")),
            number(row.cost),
            number(row.reported),
            number(row.calculated),
            input,
            output,
            cached,
            reasoning,
            number(row.cache_write),
            number(row.cache_saved),
            "0".to_owned(),
            row.at.to_string(),
        ];
        let columns = "id, user_id, group_id, session_id, tool_id, purpose, attempt, model, state, outcome, \
                       closed_at, basis, cost, reported_cost, calculated_cost, input_tokens, output_tokens, \
                       cached_tokens, reasoning_tokens, cache_write_tokens, cache_saved, estimated_input_tokens, created_at";
        self.raw.run(&format!("INSERT INTO ai_usage ({columns}) VALUES ({})", values.join(", "))).await
    }

    /// Adds random rows and returns their sums.
    pub(crate) async fn fill(&mut self, rows: u64) -> Result<UsageTotals> {
        let mut random = Random(rows);
        let mut expected = UsageTotals::default();
        for _ in 0..rows {
            let session = Some(random.pick(&self.sessions)).filter(|_| random.below(2) > 0);
            let any_user = random.pick(&[None, Some(self.subject.user), Some(self.subject.stranger)]);
            let count = |random: &mut Random| -> Option<i64> {
                let many = i64::try_from(random.below(1 << 40)).ok();
                random.pick(&[None, Some(0), Some(7), many, many])
            };
            let basis = random.pick(&[
                None,
                Some("reported"),
                Some("looked_up"),
                Some("calculated"),
                Some("estimated"),
                Some("pending"),
                Some("unknown"),
            ]);
            let cost = i64::try_from(random.below(1 << 45))
                .ok()
                .filter(|_| !matches!(basis, None | Some("unknown")));
            let row = Row {
                at: SPAN.from.as_micros() + i64::try_from(random.below(80 * 3600)).unwrap() * 1_000_000,
                user: session.map(|(_, user)| user).or(any_user),
                group: random.pick(&[None, Some(self.groups[0]), Some(self.groups[1])]),
                session: session.map(|(session, _)| session),
                with_tool: random.below(3) > 0,
                model: random.pick(&["one", "two", "Three"]),
                basis,
                cost,
                reported: cost.filter(|_| basis == Some("reported")),
                calculated: random.pick(&[None, cost]),
                tokens: [count(&mut random), count(&mut random), count(&mut random), count(&mut random)],
                cache_write: count(&mut random),
                cache_saved: count(&mut random).map(|saved| saved - (1 << 36)),
            };
            self.add(&row).await?;
            add_to(&mut expected, &row);
        }
        Ok(expected)
    }

    pub(crate) fn all(&self) -> UsageFilter {
        UsageFilter {
            visible: Filter::Everything,
            span: SPAN,
            model: None,
            tool_id: None,
            user_id: None,
            group_id: None,
            session_id: None,
        }
    }

    pub(crate) async fn report(&self, rows: UsageFilter, group_by: &[Grouping]) -> Result<UsageReport> {
        self.report_in(&TimeZone::utc(), rows, group_by).await
    }

    pub(crate) async fn report_in(
        &self,
        zone: &TimeZone,
        rows: UsageFilter,
        group_by: &[Grouping],
    ) -> Result<UsageReport> {
        let days = days_of(zone, rows.span, group_by)?;
        let query = UsageReportQuery { rows, group_by: group_by.to_vec(), days, limit: 1000, after: None };
        Ok(self.subject.store().usage_report(query).await?)
    }

    pub(crate) async fn records(&self, rows: UsageFilter, limit: u32) -> Result<Vec<UsageRecord>> {
        let mut records = Vec::new();
        let mut after = None;
        loop {
            let list = UsageRecordQuery { rows: rows.clone(), page: PageRequest { limit, after } };
            let page = self.subject.store().usage_records(list).await?;
            assert!(page.rows.len() <= limit as usize);
            records.extend(page.rows);
            match page.next {
                Some(key) => after = Some(After(key)),
                None => return Ok(records),
            }
        }
    }
}

pub(crate) fn days_of(zone: &TimeZone, span: Span, group_by: &[Grouping]) -> Result<Vec<Day>> {
    if group_by.contains(&Grouping::Day) { Ok(zone.days(span)?) } else { Ok(Vec::new()) }
}

/// Adds a row to sums, except to the price variance.
fn add_to(sums: &mut UsageTotals, row: &Row) {
    let [input, output, cached, reasoning] = row.tokens;
    let tokens = |count: Option<i64>| count.map_or(0, |count| u128::try_from(count).unwrap());
    sums.requests += 1;
    sums.requests_without_tokens += u64::from(input.is_none() || output.is_none());
    let is_estimate = match row.basis {
        Some("estimated") => true,
        Some("pending") => row.cost.is_some() && row.calculated.is_none(),
        _ => false,
    };
    sums.requests_with_estimated_tokens += u64::from(is_estimate);
    sums.requests_without_cost += u64::from(row.cost.is_none());
    sums.open_requests += u64::from(row.basis.is_none());
    sums.input_tokens += tokens(input);
    sums.output_tokens += tokens(output);
    sums.cached_tokens += tokens(cached);
    sums.reasoning_tokens += tokens(reasoning);
    sums.cache_write_tokens += tokens(row.cache_write);
    sums.cache_saved += UsdSum::from_pico(i128::from(row.cache_saved.unwrap_or(0)));
    let cost = UsdSum::from_pico(i128::from(row.cost.unwrap_or(0)));
    sums.cost += cost;
    if let Some(basis) = row.basis {
        let sum = sums.basis_mut(basis.parse().unwrap());
        sum.requests += 1;
        sum.cost += cost;
    }
}
