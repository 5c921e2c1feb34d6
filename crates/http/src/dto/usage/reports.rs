//! Usage reports: sums over records of the ledger.

use causerie_domain::calendar::Date;
use causerie_domain::ports::UsageReport;
use causerie_domain::usage::CostBasis;
use causerie_domain::usage::reports::{Grouping, PriceVariance, ReportKey, ReportRow, UsageTotals, UsdSum};
use serde::{Serialize, Serializer};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::cursor::UsageGroupCursor;
use crate::dto::page::PageCursor as _;
use crate::dto::values::{Id, UsdDto, nullable_text};

/// A usage report.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UsageReport)]
pub(crate) struct UsageReportDto {
    /// Groups, ordered by the fields of `group_by`; without `group_by`, one group of all requests.
    data: Vec<UsageGroupDto>,
    /// Sums over the groups of all pages.
    total: UsageTotalDto,
    /// Value of `cursor` for the next page; null on the last page.
    next_cursor: Option<String>,
}

impl UsageReportDto {
    pub(crate) fn new(report: UsageReport, group_by: &[Grouping]) -> Self {
        let next = report.groups.next.map(|key| UsageGroupCursor { group_by: group_by.to_vec(), key });
        UsageReportDto {
            data: report.groups.rows.into_iter().map(|group| UsageGroupDto::new(group, group_by)).collect(),
            total: UsageTotalDto {
                sums: report.total.into(),
                drift: price_variance(&report.total, group_by),
            },
            next_cursor: next.map(|cursor| cursor.cursor()),
        }
    }
}

/// Requests with the same values of the fields of `group_by`. Other fields are absent. Null means that the requests
/// have no such object, or that it was deleted.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UsageGroup)]
pub(crate) struct UsageGroupDto {
    /// Day on which the requests started, in the time zone of the report.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, schema_with = nullable_text)]
    day: Option<Option<DisplayDto<Date>>>,
    /// The requested model.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, schema_with = nullable_text)]
    model: Option<Option<String>>,
    /// Slug of the tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, schema_with = nullable_text)]
    tool: Option<Option<String>>,
    /// Id of the tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, schema_with = nullable_text)]
    tool_id: Option<Option<Id>>,
    /// Id of the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, schema_with = nullable_text)]
    user: Option<Option<Id>>,
    /// Id of the group.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, schema_with = nullable_text)]
    group: Option<Option<Id>>,
    /// Id of the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, schema_with = nullable_text)]
    session: Option<Option<Id>>,
    #[serde(flatten)]
    sums: UsageSumsDto,
    /// Comparison of calculated with reported costs; present if the report is grouped by model.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    drift: Option<PriceVarianceDto>,
}

impl UsageGroupDto {
    fn new(group: ReportRow, group_by: &[Grouping]) -> Self {
        let is_by = |grouping: Grouping| group_by.contains(&grouping);
        let drift = price_variance(&group.sums, group_by);
        let ReportKey { day, model, tool, user, group: account, session } = group.key;
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

/// Sums over all groups.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UsageTotal)]
pub(crate) struct UsageTotalDto {
    #[serde(flatten)]
    sums: UsageSumsDto,
    /// Comparison of calculated with reported costs; present if the report is grouped by model.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    drift: Option<PriceVarianceDto>,
}

/// Sums over requests. Requests with unknown tokens or cost do not contribute to the sums and are counted
/// separately.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UsageSums)]
pub(crate) struct UsageSumsDto {
    /// Number of requests to the upstream, including failed and open ones.
    requests: u64,
    /// Number of requests with unknown input or output tokens.
    requests_without_tokens: u64,
    /// Number of requests whose tokens are estimates, at least in part.
    requests_with_estimated_tokens: u64,
    /// Number of requests without a cost: unknown, open, or pending without a provisional cost.
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
    /// Input tokens written to the provider's cache.
    #[schema(value_type = u64)]
    cache_write_tokens: u128,
    /// Output tokens spent on reasoning.
    #[schema(value_type = u64)]
    reasoning_tokens: u128,
    /// Cost in US dollars: the sum of `cost_by_basis`, including the provisional cost of pending requests.
    cost: UsdSumDto,
    /// What the caches of the providers saved, at the prices at the times of the requests: the sum over the requests for
    /// which it is known.
    cache_saved: UsdSumDto,
    cost_by_basis: CostByBasisDto,
    requests_by_basis: RequestsByBasisDto,
}

impl From<UsageTotals> for UsageSumsDto {
    fn from(sums: UsageTotals) -> Self {
        let cost = |basis| UsdSumDto(sums.basis(basis).cost);
        let requests = |basis| sums.basis(basis).requests;
        UsageSumsDto {
            requests: sums.requests,
            requests_without_tokens: sums.requests_without_tokens,
            requests_with_estimated_tokens: sums.requests_with_estimated_tokens,
            requests_without_cost: sums.requests_without_cost,
            input_tokens: sums.input_tokens,
            output_tokens: sums.output_tokens,
            total_tokens: sums.input_tokens + sums.output_tokens,
            cached_tokens: sums.cached_tokens,
            cache_write_tokens: sums.cache_write_tokens,
            reasoning_tokens: sums.reasoning_tokens,
            cost: UsdSumDto(sums.cost),
            cache_saved: UsdSumDto(sums.cache_saved),
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

/// Cost by its basis. Requests with an unknown cost are counted in `requests_by_basis`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CostByBasis)]
pub(crate) struct CostByBasisDto {
    /// Reported by the upstream in its response.
    reported: UsdSumDto,
    /// Read later from the record of the upstream.
    looked_up: UsdSumDto,
    /// Counted tokens times the prices at the time of the request.
    calculated: UsdSumDto,
    /// Estimated tokens times the prices at the time of the request.
    estimated: UsdSumDto,
    /// Provisional until the record of the upstream is read.
    pending: UsdSumDto,
}

/// Number of requests by the basis of their cost.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RequestsByBasis)]
pub(crate) struct RequestsByBasisDto {
    reported: u64,
    looked_up: u64,
    calculated: u64,
    estimated: u64,
    /// The cost is not known yet.
    pending: u64,
    /// The cost will not be known.
    unknown: u64,
    /// The request has not ended.
    open: u64,
}

/// Comparison of calculated with reported costs, over the requests that have both.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CostDrift)]
pub(crate) struct PriceVarianceDto {
    /// Number of these requests.
    requests: u64,
    /// Sum of the reported costs.
    reported: UsdSumDto,
    /// Sum of the calculated costs.
    calculated: UsdSumDto,
    /// `calculated` minus `reported`.
    difference: UsdSumDto,
}

fn price_variance(sums: &UsageTotals, group_by: &[Grouping]) -> Option<PriceVarianceDto> {
    let PriceVariance { requests, reported, calculated } = sums.price_variance;
    group_by.contains(&Grouping::Model).then(|| PriceVarianceDto {
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
