//! Sums over the ledger, as clients see them.

use causerie_domain::calendar::Date;
use causerie_domain::ports::UsageReport;
use causerie_domain::usage::CostBasis;
use causerie_domain::usage::reports::{GroupKey, Grouping, PriceVariance, UsageGroup, UsageSums, UsdSum};
use serde::{Serialize, Serializer};
use utoipa::openapi::schema::{AnyOfBuilder, ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::cursor::UsageGroupCursor;
use crate::dto::page::PageCursor as _;
use crate::dto::values::{Id, UsdDto};

/// Sums over requests.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UsageReport)]
pub(crate) struct UsageReportDto {
    /// The groups, in the order of the fields in `group_by`; without `group_by` everything is one group.
    data: Vec<UsageGroupDto>,
    /// The sums over all groups, on whatever page they are.
    total: UsageTotalDto,
    /// Give it as `cursor` to go on; null on the last page.
    next_cursor: Option<String>,
}

impl UsageReportDto {
    pub(crate) fn new(report: UsageReport, group_by: &[Grouping]) -> Self {
        let next = report.groups.next.map(|key| UsageGroupCursor { group_by: group_by.to_vec(), key });
        UsageReportDto {
            data: report.groups.rows.into_iter().map(|group| UsageGroupDto::new(group, group_by)).collect(),
            total: UsageTotalDto { sums: report.total.into(), drift: drift(&report.total, group_by) },
            next_cursor: next.map(|place| place.cursor()),
        }
    }
}

/// Requests with the same values of the fields in `group_by`. Only those fields are there; null stands for
/// requests without such a thing, or whose thing was removed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UsageGroup)]
pub(crate) struct UsageGroupDto {
    /// The day on which they were begun, in the time zone of the report.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, schema_with = nullable_text)]
    day: Option<Option<DisplayDto<Date>>>,
    /// The model that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, schema_with = nullable_text)]
    model: Option<Option<String>>,
    /// The tool's slug.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, schema_with = nullable_text)]
    tool: Option<Option<String>>,
    /// The tool's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, schema_with = nullable_text)]
    tool_id: Option<Option<Id>>,
    /// The user's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, schema_with = nullable_text)]
    user: Option<Option<Id>>,
    /// The group's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, schema_with = nullable_text)]
    group: Option<Option<Id>>,
    /// The session's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, schema_with = nullable_text)]
    session: Option<Option<Id>>,
    #[serde(flatten)]
    sums: UsageSumsDto,
    /// Grouped by model: how far calculated costs were from reported ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    drift: Option<DriftDto>,
}

impl UsageGroupDto {
    fn new(group: UsageGroup, group_by: &[Grouping]) -> Self {
        let is_by = |grouping: Grouping| group_by.contains(&grouping);
        let drift = drift(&group.sums, group_by);
        let GroupKey { day, model, tool, user, group: account, session } = group.key;
        UsageGroupDto {
            day: is_by(Grouping::Day).then(|| day.map(DisplayDto)),
            model: is_by(Grouping::Model).then_some(model),
            tool: is_by(Grouping::Tool).then_some(group.tool_slug),
            tool_id: is_by(Grouping::Tool).then(|| tool.map(Id::from)),
            user: is_by(Grouping::User).then(|| user.map(Id::from)),
            group: is_by(Grouping::Group).then(|| account.map(Id::from)),
            session: is_by(Grouping::Session).then(|| session.map(Id::from)),
            sums: group.sums.into(),
            drift,
        }
    }
}

/// The sums over everything.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UsageTotal)]
pub(crate) struct UsageTotalDto {
    #[serde(flatten)]
    sums: UsageSumsDto,
    /// Grouped by model: how far calculated costs were from reported ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    drift: Option<DriftDto>,
}

/// Sums. What was not counted or has no cost is not in them; how many requests that is stands beside.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UsageSums)]
pub(crate) struct UsageSumsDto {
    /// Requests to the upstream, failed and open ones included.
    requests: u64,
    /// Requests whose input or output was not counted.
    requests_without_tokens: u64,
    /// Requests without any cost: unknown, still open, or pending with nothing that stands in.
    requests_without_cost: u64,
    #[schema(value_type = u64)]
    input_tokens: u128,
    #[schema(value_type = u64)]
    output_tokens: u128,
    /// Input and output together.
    #[schema(value_type = u64)]
    total_tokens: u128,
    /// Input tokens read from the provider's cache.
    #[schema(value_type = u64)]
    cached_tokens: u128,
    /// Output tokens spent on reasoning.
    #[schema(value_type = u64)]
    reasoning_tokens: u128,
    /// In US dollars: the sum of `cost_by_basis`, so the provisional cost of pending requests is part of it.
    cost: UsdSumDto,
    cost_by_basis: CostByBasisDto,
    requests_by_basis: RequestsByBasisDto,
}

impl From<UsageSums> for UsageSumsDto {
    fn from(sums: UsageSums) -> Self {
        let cost = |basis| UsdSumDto(sums.basis(basis).cost);
        let requests = |basis| sums.basis(basis).requests;
        UsageSumsDto {
            requests: sums.requests,
            requests_without_tokens: sums.requests_without_tokens,
            requests_without_cost: sums.requests_without_cost,
            input_tokens: sums.input_tokens,
            output_tokens: sums.output_tokens,
            total_tokens: sums.input_tokens + sums.output_tokens,
            cached_tokens: sums.cached_tokens,
            reasoning_tokens: sums.reasoning_tokens,
            cost: UsdSumDto(sums.cost),
            cost_by_basis: CostByBasisDto {
                reported: cost(CostBasis::Reported),
                looked_up: cost(CostBasis::LookedUp),
                calculated: cost(CostBasis::Calculated),
                estimated: cost(CostBasis::Estimated),
                pending: cost(CostBasis::Pending),
            },
            requests_by_basis: RequestsByBasisDto {
                reported: requests(CostBasis::Reported),
                looked_up: requests(CostBasis::LookedUp),
                calculated: requests(CostBasis::Calculated),
                estimated: requests(CostBasis::Estimated),
                pending: requests(CostBasis::Pending),
                unknown: requests(CostBasis::Unknown),
                open: sums.open_requests,
            },
        }
    }
}

/// The cost by how it came to be known. What is unknown has none: `requests_by_basis` counts it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CostByBasis)]
pub(crate) struct CostByBasisDto {
    /// The upstream said it in its answer.
    reported: UsdSumDto,
    /// The upstream's record of the request said it afterwards.
    looked_up: UsdSumDto,
    /// Counted tokens times the prices at the time.
    calculated: UsdSumDto,
    /// Estimated tokens times the prices at the time.
    estimated: UsdSumDto,
    /// Provisional: the upstream's record is still to be read.
    pending: UsdSumDto,
}

/// How many requests have each basis.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RequestsByBasis)]
pub(crate) struct RequestsByBasisDto {
    reported: u64,
    looked_up: u64,
    calculated: u64,
    estimated: u64,
    /// The cost is still to be learnt.
    pending: u64,
    /// The cost cannot be known.
    unknown: u64,
    /// The request still runs.
    open: u64,
}

/// Calculated beside reported costs, over the requests that have both.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CostDrift)]
pub(crate) struct DriftDto {
    /// How many requests have both.
    requests: u64,
    /// What the upstream charged for them.
    reported: UsdSumDto,
    /// What tokens and prices come to.
    calculated: UsdSumDto,
    /// `calculated` minus `reported`.
    difference: UsdSumDto,
}

fn drift(sums: &UsageSums, group_by: &[Grouping]) -> Option<DriftDto> {
    let PriceVariance { requests, reported, calculated } = sums.price_variance;
    group_by.contains(&Grouping::Model).then(|| DriftDto {
        requests,
        reported: UsdSumDto(reported),
        calculated: UsdSumDto(calculated),
        difference: UsdSumDto(sums.price_variance.difference()),
    })
}

/// A sum of US dollars, in the form of [`UsdDto`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct UsdSumDto(UsdSum);

impl Serialize for UsdSumDto {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl PartialSchema for UsdSumDto {
    fn schema() -> RefOr<Schema> {
        UsdDto::schema()
    }
}

impl ToSchema for UsdSumDto {
    fn name() -> std::borrow::Cow<'static, str> {
        UsdDto::name()
    }
}

/// A value in its `Display` form.
#[derive(Debug, Clone, Copy)]
struct DisplayDto<T>(T);

impl<T: std::fmt::Display> Serialize for DisplayDto<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Text or null, of a member that can also be left out.
fn nullable_text() -> RefOr<Schema> {
    let text = ObjectBuilder::new().schema_type(Type::String);
    let null = ObjectBuilder::new().schema_type(Type::Null);
    Schema::AnyOf(AnyOfBuilder::new().item(text).item(null).build()).into()
}
