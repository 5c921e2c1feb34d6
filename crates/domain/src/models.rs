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

/// Maximum length in bytes of the ids and the name of a model.
const MAX_NAME_BYTES: usize = 255;
/// Maximum number of entries in a list of a model.
const MAX_LIST_ENTRIES: usize = 256;

impl CatalogModel {
    /// Returns the reason why a store does not take the entry over; `None` if it does. `known` has the stored prices of
    /// the model: an entry without a price that is known is incomplete.
    pub fn rejection(&self, known: Option<KnownPrices>) -> Option<&'static str> {
        let is_text = |text: &str| text.len() <= MAX_NAME_BYTES && !text.contains(char::is_control);
        let is_list =
            |list: &[String]| list.len() <= MAX_LIST_ENTRIES && list.iter().all(|entry| is_text(entry));
        let is_gone = |known: bool, price: Option<Usd>| known && price.is_none();
        let known = known.unwrap_or_default();
        if self.id.is_empty() || !is_text(&self.id) {
            return Some("its id is empty, too long or no text");
        }
        if !is_text(&self.name) || !self.canonical_slug.as_deref().is_none_or(is_text) {
            return Some("its name is too long or no text");
        }
        if ![&self.input_modalities, &self.output_modalities, &self.supported_parameters]
            .into_iter()
            .all(|list| is_list(list))
        {
            return Some("one of its lists is too long or has no texts");
        }
        if is_gone(known.prompt, self.pricing.prompt) || is_gone(known.completion, self.pricing.completion) {
            return Some("a price that is known is missing");
        }
        None
    }
}

/// Prices of a model that are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KnownPrices {
    pub prompt: bool,
    pub completion: bool,
}

impl From<&Pricing> for KnownPrices {
    fn from(pricing: &Pricing) -> Self {
        KnownPrices { prompt: pricing.prompt.is_some(), completion: pricing.completion.is_some() }
    }
}

/// Catalog as the upstream lists it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CatalogListing {
    /// The models in the order of the upstream.
    pub models: Vec<CatalogModel>,
    /// Number of entries that are no models, and of entries beyond the maximum number.
    pub unreadable: usize,
}

impl From<Vec<CatalogModel>> for CatalogListing {
    fn from(models: Vec<CatalogModel>) -> Self {
        CatalogListing { models, unreadable: 0 }
    }
}

/// Entry of the catalog that was not taken over. The stored model, if there is one, is as before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedModel {
    /// Beginning of the id, without control characters.
    pub id: String,
    pub reason: &'static str,
}

impl RejectedModel {
    /// Creates the rejection of an entry.
    pub fn new(model: &CatalogModel, reason: &'static str) -> Self {
        let id = model.id.chars().take(MAX_SHOWN_ID_CHARS);
        let id = id.map(|one| if one.is_control() { char::REPLACEMENT_CHARACTER } else { one });
        RejectedModel { id: id.collect(), reason }
    }
}

/// Maximum number of characters of a rejected id that are shown.
const MAX_SHOWN_ID_CHARS: usize = 80;

/// Result of a synchronization of the catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CatalogUpdate {
    /// Number of models that were stored.
    pub stored: usize,
    /// Number of entries that were not taken over.
    pub rejected: usize,
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
