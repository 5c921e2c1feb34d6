//! Models and their prices, as clients see them.

use causerie_domain::GroupId;
use causerie_domain::models::{ExtraPrices, Model, PriceOverride, Pricing};
use causerie_domain::ports::ModelChange;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input;
use super::values::{Id, TimestampDto, UsdDto};

/// A model of the catalogue.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Model)]
pub(crate) struct ModelDto {
    /// The id that tools name.
    #[schema(examples("anthropic/claude-sonnet-4.5"))]
    id: String,
    /// The dated id it stands for.
    canonical_slug: Option<String>,
    /// The name shown to people.
    name: String,
    /// Tokens of input and output together.
    context_length: Option<u64>,
    /// Tokens of output at most.
    max_completion_tokens: Option<u64>,
    /// What it takes: `text`, `image`, `file`, `audio` ...
    input_modalities: Vec<String>,
    /// What it gives.
    output_modalities: Vec<String>,
    /// Request parameters it knows.
    supported_parameters: Vec<String>,
    pricing: PricingDto,
    /// Whether it may be used.
    enabled: bool,
    /// Whether only the group may use it.
    restricted: bool,
    /// The group it is for.
    group_id: Option<Id>,
    /// When the catalogue last listed it.
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

/// What to change about a model. What is left out stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ModelChange)]
pub(crate) struct ChangeModelBody {
    /// Whether it may be used.
    #[serde(default, deserialize_with = "input::given")]
    #[schema(nullable = false)]
    enabled: Option<bool>,
    /// Whether only the group may use it.
    #[serde(default, deserialize_with = "input::given")]
    #[schema(nullable = false)]
    restricted: Option<bool>,
    /// The group it is for; null takes it away.
    #[serde(default, deserialize_with = "input::given_optional_word")]
    #[schema(value_type = Option<Id>)]
    group_id: Option<Option<GroupId>>,
}

impl From<ChangeModelBody> for ModelChange {
    fn from(body: ChangeModelBody) -> Self {
        ModelChange { enabled: body.enabled, restricted: body.restricted, group_id: body.group_id }
    }
}

/// What a synchronisation found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ModelSync)]
pub(crate) struct ModelSyncDto {
    /// How many models the upstream lists. Those it lists no more are kept.
    pub(crate) models: usize,
}

/// Prices in US dollars. Null: the catalogue names no such price.
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
    /// Per reasoning token, where it differs from the output price.
    internal_reasoning: Option<UsdDto>,
    /// Per request.
    request: Option<UsdDto>,
    /// Per input image.
    image: Option<UsdDto>,
    /// Per web search.
    web_search: Option<UsdDto>,
    #[serde(flatten)]
    further: ExtraPricesDto,
    /// Prices that replace the above under a condition; later matching ones win, price by price.
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
            further: pricing.extra.into(),
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
    /// Applies from this minute of the UTC day on; the span may wrap midnight.
    utc_start_minute: Option<u16>,
    /// Applies before this minute of the UTC day.
    utc_end_minute: Option<u16>,
    prompt: Option<UsdDto>,
    completion: Option<UsdDto>,
    cache_read: Option<UsdDto>,
    cache_write: Option<UsdDto>,
    #[serde(flatten)]
    further: ExtraPricesDto,
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
            further: price.extra.into(),
        }
    }
}

/// Prices of sound, of pictures and of the longer cache.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FurtherPrices)]
struct ExtraPricesDto {
    /// Per input token of sound.
    audio: Option<UsdDto>,
    /// Per output token of sound.
    audio_output: Option<UsdDto>,
    /// Per input token of sound read from the provider's cache.
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
