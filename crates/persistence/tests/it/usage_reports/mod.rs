//! Usage reports: the sums do not depend on order, grouping, pages or time zone.

mod ledger;
mod summaries;

use std::collections::HashMap;

use causerie_domain::calendar::{Span, TimeZone};
use causerie_domain::filter::Scalar;
use causerie_domain::page::{After, PageRequest};
use causerie_domain::ports::Sessions as _;
use causerie_domain::ports::{
    SessionAuditQuery, UsageFilter, UsageReport, UsageReportQuery, UsageReports as _,
};
use causerie_domain::sessions::SessionAction;
use causerie_domain::usage::reports::{Grouping, ReportKey, UsageRecord, UsageTotals, UsdSum};
use causerie_domain::{Filter, GroupId};
use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::contract::{START, SqlSubject};
use causerie_testkit::database::uuid_literal;

use ledger::{Ledger, Random, Row, SPAN, days_of};
use summaries::{
    a_report_has_changes_after_the_summary, a_report_has_rows_of_any_time, a_report_reads_summaries,
    an_operator_restarts_the_summaries, many_rows_are_summarized_in_parts, summaries_do_not_change_a_report,
};

causerie_testkit::store_tests!(
    sums_do_not_depend_on_grouping_order_or_pages,
    time_zones_share_the_same_total,
    large_sums_do_not_overflow,
    rows_without_a_cost_are_counted,
    filters_apply_to_sums_and_records,
    records_are_paged_newest_first,
    calculated_costs_are_compared_with_reported_ones,
    usage_of_a_deleted_user_has_no_user,
    session_audits_list_existing_sessions_with_their_usage,
    summaries_do_not_change_a_report,
    a_report_has_changes_after_the_summary,
    a_report_has_rows_of_any_time,
    a_report_reads_summaries,
    an_operator_restarts_the_summaries,
    many_rows_are_summarized_in_parts,
);

/// Removes the price variance, which only reports by model have.
fn without_price_variance(mut sums: UsageTotals) -> UsageTotals {
    sums.price_variance = causerie_domain::usage::reports::PriceVariance::default();
    sums
}

fn summed(report: &UsageReport) -> UsageTotals {
    let mut sums = UsageTotals::default();
    report.groups.rows.iter().for_each(|group| sums += group.sums);
    sums
}

/// Returns each subset of the groupings in a random order.
fn groupings() -> Vec<Vec<Grouping>> {
    let mut random = Random(5);
    (0..1u32 << Grouping::ALL.len())
        .map(|subset| {
            let mut fields: Vec<Grouping> = Grouping::ALL.to_vec();
            for last in (1..fields.len()).rev() {
                let other = usize::try_from(random.below(last as u64 + 1)).unwrap();
                fields.swap(last, other);
            }
            fields.retain(|field| subset & (1 << (*field as u32)) > 0);
            fields
        })
        .collect()
}

async fn sums_do_not_depend_on_grouping_order_or_pages(subject: &SqlSubject) -> Result<()> {
    let mut ledger = Ledger::new(subject).await?;
    let expected = ledger.fill(300).await?;
    let berlin: TimeZone = "Europe/Berlin".parse()?;
    for group_by in groupings() {
        let whole = ledger.report_in(&berlin, ledger.all(), &group_by).await?;
        assert_eq!(without_price_variance(whole.total), expected, "{group_by:?}");
        assert_eq!(summed(&whole), whole.total, "{group_by:?}");
        let distinct: HashMap<ReportKey, ()> =
            whole.groups.rows.iter().map(|group| (group.key.clone(), ())).collect();
        assert_eq!(distinct.len(), whole.groups.rows.len(), "{group_by:?}: a group is repeated");

        let mut paged = Vec::new();
        let mut after = None;
        loop {
            let days = days_of(&berlin, SPAN, &group_by)?;
            let query =
                UsageReportQuery { rows: ledger.all(), group_by: group_by.clone(), days, limit: 7, after };
            let page = subject.store().usage_report(query).await?;
            assert_eq!(page.total, whole.total, "{group_by:?}");
            assert!(page.groups.rows.len() <= 7);
            paged.extend(page.groups.rows);
            match page.groups.next {
                Some(key) if paged.len() < 80 => after = Some(key),
                _ => break,
            }
        }
        assert_eq!(paged, whole.groups.rows[..paged.len()], "{group_by:?}");
        assert!(paged.len() == whole.groups.rows.len() || paged.len() >= 80);
    }
    // The single rows and the totals of sessions have the same sums.
    let records = ledger.records(ledger.all(), 100).await?;
    let of_records: i128 =
        records.iter().filter_map(|row| row.cost).map(|cost| i128::from(cost.pico())).sum();
    assert_eq!(of_records, expected.cost.pico());
    for (session, user) in &ledger.sessions {
        let rows = UsageFilter { session_id: Some(*session), ..ledger.all() };
        let report = ledger.report(rows, &[Grouping::User]).await?;
        let totals =
            subject.store().totals(*session, &Filter::Everything).await?.context("the session is missing")?;
        assert_eq!(report.total.cost, UsdSum::from(totals.cost));
        assert_eq!(report.total.input_tokens, u128::from(totals.input_tokens));
        assert!(report.groups.rows.iter().all(|group| group.key.user == Some(*user)));
    }
    Ok(())
}

async fn time_zones_share_the_same_total(subject: &SqlSubject) -> Result<()> {
    let mut ledger = Ledger::new(subject).await?;
    let expected = ledger.fill(100).await?;
    for name in ["UTC", "Asia/Kathmandu", "Pacific/Kiritimati", "America/St_Johns"] {
        let zone: TimeZone = name.parse()?;
        let report = ledger.report_in(&zone, ledger.all(), &[Grouping::Day]).await?;
        assert_eq!((report.total, summed(&report)), (expected, expected), "{name}");
        for group in &report.groups.rows {
            let day = zone.days(SPAN)?.into_iter().find(|day| Some(day.date) == group.key.day);
            let rows = UsageFilter { span: day.context("the day is not in the span")?.span, ..ledger.all() };
            assert_eq!(ledger.report(rows, &[]).await?.total, group.sums, "{name} {:?}", group.key.day);
        }
    }
    Ok(())
}

async fn large_sums_do_not_overflow(subject: &SqlSubject) -> Result<()> {
    let mut ledger = Ledger::new(subject).await?;
    let tokens = i64::MAX / 4;
    for _ in 0..9 {
        let row = Row {
            at: START.as_micros(),
            model: "one",
            basis: Some("reported"),
            cost: Some(i64::MAX),
            tokens: [Some(tokens); 4],
            ..Row::default()
        };
        ledger.add(&row).await?;
    }
    let refund = Row { cost: Some(-1), basis: Some("looked_up"), at: START.as_micros(), ..Row::default() };
    ledger.add(&refund).await?;
    let total = ledger.report(ledger.all(), &[Grouping::Model]).await?.total;
    assert_eq!(total.cost.pico(), 9 * i128::from(i64::MAX) - 1);
    assert_eq!(total.cost.to_string(), "83010348.331692982262");
    assert_eq!(total.reasoning_tokens, 9 * u128::try_from(tokens)?);
    Ok(())
}

async fn rows_without_a_cost_are_counted(subject: &SqlSubject) -> Result<()> {
    let mut ledger = Ledger::new(subject).await?;
    let row = Row { at: START.as_micros(), model: "one", ..Row::default() };
    for (basis, cost) in [
        (None, None),
        (Some("unknown"), None),
        (Some("pending"), None),
        (Some("pending"), Some(5)),
        (Some("reported"), Some(0)),
    ] {
        ledger.add(&Row { basis, cost, ..row.clone() }).await?;
    }
    let total = ledger.report(ledger.all(), &[]).await?.total;
    assert_eq!((total.requests, total.requests_without_cost, total.open_requests), (5, 3, 1));
    assert_eq!((total.requests_without_tokens, total.requests_with_estimated_tokens), (5, 1));
    let pending = total.basis(causerie_domain::usage::CostBasis::Pending);
    assert_eq!((pending.requests, pending.cost.pico(), total.cost.pico()), (2, 5, 5));
    let nothing = UsageFilter { model: Some("none".to_owned()), ..ledger.all() };
    let report = ledger.report(nothing, &[]).await?;
    assert_eq!((report.groups.rows.len(), report.total), (0, UsageTotals::default()));
    Ok(())
}

async fn filters_apply_to_sums_and_records(subject: &SqlSubject) -> Result<()> {
    let mut ledger = Ledger::new(subject).await?;
    ledger.fill(150).await?;
    let [one, two] = ledger.groups;
    let uuid = |id: uuid::Uuid| Scalar::Uuid(id);
    let of = |group: GroupId| Filter::equals("group_id", uuid(group.as_uuid()));
    let own = Filter::equals("user_id", uuid(subject.user.as_uuid()));
    let in_groups = causerie_domain::filter::Predicate::OneOf(vec![uuid(one.as_uuid()), uuid(two.as_uuid())]);
    let mixed = Filter::any([own.clone(), of(one)]);
    let everything = ledger.records(ledger.all(), 1000).await?;
    type Matches<'a> = &'a dyn Fn(&UsageRecord) -> bool;
    let is_own = |row: &UsageRecord| row.user_id == Some(subject.user);
    let cases: [(UsageFilter, Matches<'_>); 9] = [
        (UsageFilter { visible: own.clone(), ..ledger.all() }, &is_own),
        (UsageFilter { visible: mixed, ..ledger.all() }, &|row| is_own(row) || row.group_id == Some(one)),
        (
            UsageFilter {
                visible: Filter::any([own.clone(), Filter::field("group_id", in_groups)]),
                ..ledger.all()
            },
            &|row| is_own(row) || row.group_id.is_some(),
        ),
        (UsageFilter { visible: Filter::negated(own), ..ledger.all() }, &|row| !is_own(row)),
        (UsageFilter { visible: Filter::Nothing, ..ledger.all() }, &|_| false),
        (UsageFilter { model: Some("two".to_owned()), ..ledger.all() }, &|row| row.model == "two"),
        (UsageFilter { tool_id: Some(subject.tool), ..ledger.all() }, &|row| row.tool_id.is_some()),
        (UsageFilter { user_id: Some(subject.user), group_id: Some(two), ..ledger.all() }, &|row| {
            is_own(row) && row.group_id == Some(two)
        }),
        (UsageFilter { span: Span { from: START, ..SPAN }, ..ledger.all() }, &|row| row.created_at >= START),
    ];
    for (rows, matches) in cases {
        let expected: Vec<_> = everything.iter().filter(|row| matches(row)).cloned().collect();
        assert_eq!(ledger.records(rows.clone(), 9).await?, expected, "{rows:?}");
        let report = ledger.report(rows.clone(), &[Grouping::User, Grouping::Model]).await?;
        assert_eq!(report.total.requests, expected.len() as u64, "{rows:?}");
        assert_eq!(summed(&report), report.total, "{rows:?}");
    }
    let unknown = UsageFilter { visible: Filter::equals("title", Scalar::Integer(1)), ..ledger.all() };
    assert!(ledger.report(unknown, &[]).await.is_err());
    Ok(())
}

async fn records_are_paged_newest_first(subject: &SqlSubject) -> Result<()> {
    let mut ledger = Ledger::new(subject).await?;
    // Many rows have the same instant: the order must be total.
    for at in [5, 5, 7, 5, 6, 5] {
        let row =
            Row { at: START.as_micros() + at, user: Some(subject.user), with_tool: true, ..Row::default() };
        ledger.add(&Row { model: "one", basis: Some("unknown"), ..row }).await?;
    }
    let whole = ledger.records(ledger.all(), 100).await?;
    assert_eq!(whole.len(), 6);
    assert!(whole.is_sorted_by_key(|row| std::cmp::Reverse((row.created_at, row.id))));
    assert!(whole.iter().all(|row| row.tool_slug.as_deref() == Some("tutor")));
    let visible = Filter::equals("user_id", Scalar::Uuid(subject.user.as_uuid()));
    for limit in 1..=7 {
        assert_eq!(ledger.records(ledger.all(), limit).await?, whole, "pages of {limit}");
        let own = UsageFilter { visible: visible.clone(), ..ledger.all() };
        assert_eq!(ledger.records(own, limit).await?, whole, "pages of {limit}");
    }
    Ok(())
}

async fn calculated_costs_are_compared_with_reported_ones(subject: &SqlSubject) -> Result<()> {
    let mut ledger = Ledger::new(subject).await?;
    let row = Row { at: START.as_micros(), basis: Some("reported"), cost: Some(1), ..Row::default() };
    for (model, reported, calculated) in [
        ("one", Some(100), Some(90)),
        ("one", Some(i64::MAX), Some(i64::MAX)),
        ("one", Some(7), None),
        ("two", None, Some(7)),
    ] {
        ledger.add(&Row { model, reported, calculated, ..row.clone() }).await?;
    }
    let report = ledger.report(ledger.all(), &[Grouping::Model]).await?;
    let [one, two] = &report.groups.rows[..] else { panic!("expected two models: {report:?}") };
    assert_eq!((one.sums.price_variance.requests, one.sums.price_variance.difference().pico()), (2, -10));
    assert_eq!(one.sums.price_variance.reported.pico(), i128::from(i64::MAX) + 100);
    assert_eq!((two.sums.price_variance.requests, two.sums.price_variance.difference().pico()), (0, 0));
    assert_eq!(report.total.price_variance.requests, 2);
    Ok(())
}

async fn usage_of_a_deleted_user_has_no_user(subject: &SqlSubject) -> Result<()> {
    let mut ledger = Ledger::new(subject).await?;
    let (session, user) = ledger.sessions[1];
    let row =
        Row { at: START.as_micros(), model: "one", basis: Some("reported"), cost: Some(5), ..Row::default() };
    ledger.add(&Row { user: Some(user), session: Some(session), ..row.clone() }).await?;
    ledger.add(&Row { user: Some(subject.user), ..row }).await?;
    let id = uuid_literal(subject.store(), user.as_uuid());
    ledger.raw.run(&format!("DELETE FROM users WHERE id = {id}")).await?;
    let report = ledger.report(ledger.all(), &[Grouping::User, Grouping::Session]).await?;
    let keys: Vec<_> = report.groups.rows.iter().map(|group| (group.key.user, group.key.session)).collect();
    assert_eq!(keys, [(None, None), (Some(subject.user), None)]);
    assert_eq!(report.total.cost.pico(), 10);
    Ok(())
}

async fn session_audits_list_existing_sessions_with_their_usage(subject: &SqlSubject) -> Result<()> {
    let mut ledger = Ledger::new(subject).await?;
    ledger.fill(60).await?;
    let gone = ledger.sessions[0].0;
    subject.store().delete_session(gone, &Filter::Everything, subject.stamp(START)).await?;
    subject
        .store()
        .change_state(ledger.sessions[2].0, &Filter::Everything, SessionAction::Complete, START)
        .await?;
    let audit = async |auditable: Filter, limit: u32| -> Result<Vec<_>> {
        let (mut rows, mut after) = (Vec::new(), None);
        loop {
            let page = PageRequest { limit, after };
            let (auditable, user_id) = (auditable.clone(), None);
            let list = SessionAuditQuery { auditable, user_id, group_id: None, tool_id: None, page };
            let page = subject.store().audit_sessions(list).await?;
            rows.extend(page.rows);
            match page.next {
                Some(key) => after = Some(After(key)),
                None => return Ok(rows),
            }
        }
    };
    let all = audit(Filter::Everything, 100).await?;
    assert_eq!(all.len(), 4);
    for row in &all {
        assert_eq!(row.tool_slug, "tutor");
        let rows = UsageFilter { session_id: Some(row.session.id), ..ledger.all() };
        assert_eq!(ledger.report(rows, &[]).await?.total, row.sums);
    }
    assert_eq!(audit(Filter::Everything, 1).await?, all);
    let users =
        [subject.user, subject.stranger].map(|user| Filter::equals("user_id", Scalar::Uuid(user.as_uuid())));
    assert_eq!(audit(Filter::any(users), 2).await?, all, "pages of a filter with two users");
    assert!(audit(Filter::Nothing, 2).await?.is_empty());
    Ok(())
}
