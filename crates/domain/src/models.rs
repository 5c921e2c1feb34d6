//! Models of the catalog of the upstream, and their prices.

use crate::{GroupId, Timestamp, Usd};

/// Prices in US dollars per token, request, image or search, as the catalog lists them.
///
/// `None` means that the catalog lists no such price. A missing cache-read price equals the prompt price.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pricing {
    /// Per uncached input token. `None` also if the catalog lists the price as unknown (`-1`).
    pub prompt: Option<Usd>,
    /// Per output token, including reasoning. `None` also if the price is unknown.
    pub completion: Option<Usd>,
    /// Per input token read from the cache of the provider.
    pub cache_read: Option<Usd>,
    /// Per input token written to the cache of the provider.
    pub cache_write: Option<Usd>,
    /// Per reasoning token, if it differs from the output price.
    pub internal_reasoning: Option<Usd>,
    /// Per request.
    pub request: Option<Usd>,
    /// Per input image.
    pub image: Option<Usd>,
    /// Per web search.
    pub web_search: Option<Usd>,
    pub extra: ExtraPrices,
    /// Conditional prices. Among matching overrides the last one applies, for each price separately.
    pub overrides: Vec<PriceOverride>,
}

/// Prices under a condition, such as a long prompt or a time of day.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PriceOverride {
    /// The override applies if the prompt has more tokens than this.
    pub min_prompt_tokens: Option<u64>,
    /// Inclusive start in minutes of the UTC day. The range to `utc_end_minute` may cross midnight.
    pub utc_start_minute: Option<u16>,
    /// Exclusive end in minutes of the UTC day.
    pub utc_end_minute: Option<u16>,
    /// Replaces [`Pricing::prompt`].
    pub prompt: Option<Usd>,
    /// Replaces [`Pricing::completion`].
    pub completion: Option<Usd>,
    /// Replaces [`Pricing::cache_read`].
    pub cache_read: Option<Usd>,
    /// Replaces [`Pricing::cache_write`].
    pub cache_write: Option<Usd>,
    /// Replaces [`Pricing::extra`], each price separately.
    pub extra: ExtraPrices,
}

/// Prices of audio, images and the one-hour cache, in US dollars.
///
/// The store keeps these prices for display. Calculated costs ignore them: the upstream does not count such tokens
/// separately and reports the cost of the request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExtraPrices {
    /// Per input token of audio.
    pub audio: Option<Usd>,
    /// Per output token of audio.
    pub audio_output: Option<Usd>,
    /// Per input token of audio read from the cache of the provider.
    pub audio_cache_read: Option<Usd>,
    /// Per output image.
    pub image_output: Option<Usd>,
    /// Per token of an image.
    pub image_token: Option<Usd>,
    /// Per input token written to the one-hour cache of the provider.
    pub cache_write_1h: Option<Usd>,
}

/// Model as the catalog of the upstream describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogModel {
    /// Id in requests, such as `anthropic/claude-sonnet-4.5`.
    pub id: String,
    /// Dated id of the model.
    pub canonical_slug: Option<String>,
    pub name: String,
    /// Maximum of input and output tokens together, if the catalog lists it.
    pub context_length: Option<u64>,
    /// Maximum number of output tokens, if the catalog lists it.
    pub max_completion_tokens: Option<u64>,
    /// `text`, `image`, `file`, `audio` and others.
    pub input_modalities: Vec<String>,
    pub output_modalities: Vec<String>,
    /// Supported request parameters.
    pub supported_parameters: Vec<String>,
    pub pricing: Pricing,
}

/// Model of the installation: the entry of the catalog and the settings of administrators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    pub catalog: CatalogModel,
    /// Whether the model may be used.
    pub enabled: bool,
    /// Whether only the group may use the model.
    pub restricted: bool,
    pub group_id: Option<GroupId>,
    /// Calibrated characters per token, in thousandths; `None` before the first report of the upstream.
    pub millichars_per_token: Option<u32>,
    /// Last time at which the catalog listed the model.
    pub listed_at: Timestamp,
}

/// Returns the id without a routing suffix: `:nitro`, `:floor`, `:exacto` and `:online` change the routing, not the
/// model.
///
/// Static variants such as `:free` are separate models and keep their suffix.
/// Static variants such as `:free` are models of their own and stay.
pub fn strip_routing_suffix(id: &str) -> &str {
    match id.rsplit_once(':') {
        Some((base, "nitro" | "floor" | "exacto" | "online")) => base,
        _ => id,
    }
}
