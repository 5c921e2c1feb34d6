//! Models and their prices, in requests and responses.

use causerie_domain::GroupId;
use causerie_domain::models::{ExtraPrices, Model, PriceOverride, Pricing};
use causerie_domain::ports::ModelChange;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input;
use super::page::{PageCursor, text_cursor};
use super::values::{Id, TimestampDto, UsdDto};

/// A model of the catalogue.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Model)]
pub(crate) struct ModelDto {
    /// The id that tools refer to.
    #[schema(examples("anthropic/claude-sonnet-4.5"))]
    id: String,
    /// The dated id of the current release.
    canonical_slug: Option<String>,
    name: String,
    /// Maximum number of input and output tokens together.
    context_length: Option<u64>,
    /// Maximum number of output tokens.
    max_completion_tokens: Option<u64>,
    /// Kinds of input, such as `text`, `image`, `file` and `audio`.
    input_modalities: Vec<String>,
    /// Kinds of output.
    output_modalities: Vec<String>,
    /// Request parameters that the model supports.
    supported_parameters: Vec<String>,
    pricing: PricingDto,
    /// Whether the model may be used.
    enabled: bool,
    /// Whether only members of the group may use the model.
    restricted: bool,
    /// The group to which the model belongs.
    group_id: Option<Id>,
    /// Time at which the catalogue last listed the model.
    listed_at: TimestampDto,
}

impl From<Model> for ModelDto {
    fn from(model: Model) -> Self {
        let catalog = model.catalog;
        ModelDto {
            id: catalog.id,
            canonical_slug: catalog.canonical_slug,
            name: catalog.name,
            context_length: catalog.context_length,
            max_completion_tokens: catalog.max_completion_tokens,
            input_modalities: catalog.input_modalities,
            output_modalities: catalog.output_modalities,
            supported_parameters: catalog.supported_parameters,
            pricing: catalog.pricing.into(),
            enabled: model.enabled,
            restricted: model.restricted,
            group_id: model.group_id.map(Id::from),
            listed_at: model.listed_at.into(),
        }
    }
}

text_cursor! {
    /// Position in the list of models: a model id.
    ModelCursor in "models"
}

/// Changes of a model. Omitted members stay unchanged.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ModelChange)]
pub(crate) struct ChangeModelBody {
    /// Whether the model may be used.
    #[serde(default, deserialize_with = "input::present")]
    #[schema(nullable = false)]
    enabled: Option<bool>,
    /// Whether only members of the group may use the model.
    #[serde(default, deserialize_with = "input::present")]
    #[schema(nullable = false)]
    restricted: Option<bool>,
    /// The group to which the model belongs; null removes it.
    #[serde(default, deserialize_with = "input::present_optional_from_str")]
    #[schema(value_type = Option<Id>)]
    group_id: Option<Option<GroupId>>,
}

impl From<ChangeModelBody> for ModelChange {
    fn from(body: ChangeModelBody) -> Self {
        ModelChange { enabled: body.enabled, restricted: body.restricted, group_id: body.group_id }
    }
}

/// Result of a synchronization of the catalogue.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ModelSync)]
pub(crate) struct ModelSyncDto {
    /// Number of listed models that were stored. Models that the upstream no longer lists are kept.
    pub(crate) models: usize,
    /// Number of entries that were ignored because they are invalid or lack a price that is known. The log names them;
    /// their models are as before.
    pub(crate) rejected: usize,
}

/// Prices in US dollars; null if the catalogue names none.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Pricing)]
pub(crate) struct PricingDto {
    /// Per uncached input token.
    prompt: Option<UsdDto>,
    /// Per output token.
    completion: Option<UsdDto>,
    /// Per input token read from the provider's cache.
    cache_read: Option<UsdDto>,
    /// Per input token written to the provider's cache.
    cache_write: Option<UsdDto>,
    /// Per reasoning token, if it differs from the price of output tokens.
    internal_reasoning: Option<UsdDto>,
    /// Per request.
    request: Option<UsdDto>,
    /// Per input image.
    image: Option<UsdDto>,
    /// Per web search.
    web_search: Option<UsdDto>,
    #[serde(flatten)]
    extra: ExtraPricesDto,
    /// Prices that replace those above under a condition. The last matching override decides, for each price.
    overrides: Vec<PriceOverrideDto>,
}

impl From<Pricing> for PricingDto {
    fn from(pricing: Pricing) -> Self {
        PricingDto {
            prompt: pricing.prompt.map(UsdDto::from),
            completion: pricing.completion.map(UsdDto::from),
            cache_read: pricing.cache_read.map(UsdDto::from),
            cache_write: pricing.cache_write.map(UsdDto::from),
            internal_reasoning: pricing.internal_reasoning.map(UsdDto::from),
            request: pricing.request.map(UsdDto::from),
            image: pricing.image.map(UsdDto::from),
            web_search: pricing.web_search.map(UsdDto::from),
            extra: pricing.extra.into(),
            overrides: pricing.overrides.into_iter().map(PriceOverrideDto::from).collect(),
        }
    }
}

/// Prices that apply under a condition.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PriceOverride)]
pub(crate) struct PriceOverrideDto {
    /// Applies when the prompt has strictly more tokens than this.
    min_prompt_tokens: Option<u64>,
    /// Applies from this minute of the UTC day on. The span may include midnight.
    utc_start_minute: Option<u16>,
    /// Applies before this minute of the UTC day.
    utc_end_minute: Option<u16>,
    prompt: Option<UsdDto>,
    completion: Option<UsdDto>,
    cache_read: Option<UsdDto>,
    cache_write: Option<UsdDto>,
    #[serde(flatten)]
    extra: ExtraPricesDto,
}

impl From<PriceOverride> for PriceOverrideDto {
    fn from(price: PriceOverride) -> Self {
        PriceOverrideDto {
            min_prompt_tokens: price.min_prompt_tokens,
            utc_start_minute: price.utc_start_minute,
            utc_end_minute: price.utc_end_minute,
            prompt: price.prompt.map(UsdDto::from),
            completion: price.completion.map(UsdDto::from),
            cache_read: price.cache_read.map(UsdDto::from),
            cache_write: price.cache_write.map(UsdDto::from),
            extra: price.extra.into(),
        }
    }
}

/// Prices of audio, of images and of the cache with a lifetime of an hour.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FurtherPrices)]
struct ExtraPricesDto {
    /// Per input token of audio.
    audio: Option<UsdDto>,
    /// Per output token of audio.
    audio_output: Option<UsdDto>,
    /// Per input token of audio read from the provider's cache.
    audio_cache_read: Option<UsdDto>,
    /// Per output image.
    image_output: Option<UsdDto>,
    /// Per token of an image.
    image_token: Option<UsdDto>,
    /// Per input token written to the provider's cache for an hour.
    cache_write_1h: Option<UsdDto>,
}

impl From<ExtraPrices> for ExtraPricesDto {
    fn from(prices: ExtraPrices) -> Self {
        ExtraPricesDto {
            audio: prices.audio.map(UsdDto::from),
            audio_output: prices.audio_output.map(UsdDto::from),
            audio_cache_read: prices.audio_cache_read.map(UsdDto::from),
            image_output: prices.image_output.map(UsdDto::from),
            image_token: prices.image_token.map(UsdDto::from),
            cache_write_1h: prices.cache_write_1h.map(UsdDto::from),
        }
    }
}
