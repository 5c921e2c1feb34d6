//! Models of the upstream's catalogue, and their prices.

use crate::{GroupId, Timestamp, Usd};

/// Prices in US dollars per token, request, image or search, as the catalogue lists them.
///
/// `None` means that the catalogue names no such price; a missing cache-read price is the prompt price.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pricing {
    /// Per uncached input token. `None` also where the catalogue says that the price is unknown (`-1`).
    pub prompt: Option<Usd>,
    /// Per output token, reasoning included. `None` also where the price is unknown.
    pub completion: Option<Usd>,
    /// Per input token read from the provider's cache.
    pub cache_read: Option<Usd>,
    /// Per input token written to the provider's cache.
    pub cache_write: Option<Usd>,
    /// Per reasoning token, where it differs from the output price.
    pub internal_reasoning: Option<Usd>,
    /// Per request.
    pub request: Option<Usd>,
    /// Per input image.
    pub image: Option<Usd>,
    /// Per web search.
    pub web_search: Option<Usd>,
    /// What is priced beside text.
    pub extra: ExtraPrices,
    /// Prices that replace the above under a condition; later matching ones win, price by price.
    pub overrides: Vec<PriceOverride>,
}

/// Prices that apply under a condition, such as a long prompt or an hour of the day.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PriceOverride {
    /// Applies when the prompt has strictly more tokens than this.
    pub min_prompt_tokens: Option<u64>,
    /// Applies from this minute of the UTC day on, together with `utc_end_minute`; the span may wrap midnight.
    pub utc_start_minute: Option<u16>,
    /// Applies before this minute of the UTC day.
    pub utc_end_minute: Option<u16>,
    /// Replaces [`Pricing::prompt`].
    pub prompt: Option<Usd>,
    /// Replaces [`Pricing::completion`].
    pub completion: Option<Usd>,
    /// Replaces [`Pricing::cache_read`].
    pub cache_read: Option<Usd>,
    /// Replaces [`Pricing::cache_write`].
    pub cache_write: Option<Usd>,
    /// Replaces [`Pricing::further`], price by price.
    pub extra: ExtraPrices,
}

/// Prices of sound, of pictures and of the cache that keeps for an hour, in US dollars.
///
/// The catalogue lists them and the store keeps them. They enter no calculated cost: the upstream counts no such
/// tokens apart, and reports what the request cost.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExtraPrices {
    /// Per input token of sound.
    pub audio: Option<Usd>,
    /// Per output token of sound.
    pub audio_output: Option<Usd>,
    /// Per input token of sound read from the provider's cache.
    pub audio_cache_read: Option<Usd>,
    /// Per output image.
    pub image_output: Option<Usd>,
    /// Per token of an image.
    pub image_token: Option<Usd>,
    /// Per input token written to the provider's cache for an hour.
    pub cache_write_1h: Option<Usd>,
}

/// A model as the upstream's catalogue describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogModel {
    /// The id that requests name, such as `anthropic/claude-sonnet-4.5`.
    pub id: String,
    /// The dated id it stands for.
    pub canonical_slug: Option<String>,
    /// The name shown to people.
    pub name: String,
    /// Tokens of input and output together, if the catalogue says.
    pub context_length: Option<u64>,
    /// Tokens of output at most, if the catalogue says.
    pub max_completion_tokens: Option<u64>,
    /// What it takes: `text`, `image`, `file`, `audio` ...
    pub input_modalities: Vec<String>,
    /// What it gives.
    pub output_modalities: Vec<String>,
    /// Request parameters it knows.
    pub supported_parameters: Vec<String>,
    /// What it costs.
    pub pricing: Pricing,
}

/// A model of the installation: the catalogue's description and what the administrators say of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// The catalogue's description.
    pub catalogue: CatalogModel,
    /// Whether it may be used.
    pub enabled: bool,
    /// Whether only the group may use it.
    pub restricted: bool,
    /// The group it is for.
    pub group_id: Option<GroupId>,
    /// Characters per token in thousandths, corrected by what the upstream reports; none before the first report.
    pub millichars_per_token: Option<u32>,
    /// When the catalogue last listed it.
    pub listed_at: Timestamp,
}

/// The id without a dynamic suffix: `:nitro`, `:floor`, `:exacto` and `:online` change the routing, not the model.
///
/// Static variants such as `:free` are models of their own and stay.
pub fn strip_routing_suffix(id: &str) -> &str {
    match id.rsplit_once(':') {
        Some((base, "nitro" | "floor" | "exacto" | "online")) => base,
        _ => id,
    }
}
