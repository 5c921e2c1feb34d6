//! The `GET` resources of the API: models, endpoints, generation records, the key and the credits.

use causerie_domain::completion::{CompletionError, GenerationRecord};
use causerie_domain::models::CatalogListing;

use super::OpenRouter;
use crate::catalog::{self, Endpoint};
use crate::documents::{self, Credits, KeyStatus};

/// Maximum number of catalog pages. The upstream sends the whole list in one page today; the bound ends the loop
/// should it start to page.
const MAX_PAGES: usize = 32;

impl OpenRouter {
    /// Fetches the status of the API key in use: `GET /key`.
    ///
    /// # Errors
    /// [`CompletionError`] if the request fails or the body is not readable.
    pub async fn key(&self) -> Result<KeyStatus, CompletionError> {
        documents::decode_key(&self.get(self.url("key")?).await?)
    }

    /// Fetches the credits of the account: `GET /credits`. The upstream allows this for management keys only.
    ///
    /// # Errors
    /// [`CompletionError`] if the request fails or the body is not readable.
    pub async fn credits(&self) -> Result<Credits, CompletionError> {
        documents::decode_credits(&self.get(self.url("credits")?).await?)
    }

    /// Fetches the endpoints of a model: `GET /models/{author}/{slug}/endpoints`. `model` is `author/slug`.
    ///
    /// # Errors
    /// [`CompletionError`] if the request fails or the body is not readable.
    pub async fn endpoints(&self, model: &str) -> Result<Vec<Endpoint>, CompletionError> {
        let mut url = self.url("models")?;
        // Each part is encoded as one path segment, so that no model name reaches another route.
        if let Ok(mut path) = url.path_segments_mut() {
            path.extend(model.split('/')).push("endpoints");
        }
        catalog::decode_endpoints(&self.get(url).await?)
    }

    /// Fetches the record of a request: `GET /generation`. `None` if there is no record, or not yet: it appears some
    /// time after the request ended.
    pub(super) async fn fetch_generation(
        &self,
        id: &str,
    ) -> Result<Option<GenerationRecord>, CompletionError> {
        let mut url = self.url("generation")?;
        url.query_pairs_mut().append_pair("id", id);
        match self.get(url).await {
            Ok(body) => documents::decode_generation(&body).map(Some),
            Err(error) if error.status == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Fetches the whole catalog, page by page: `GET /models`.
    pub(super) async fn fetch_models(&self) -> Result<CatalogListing, CompletionError> {
        let first = self.url("models")?;
        let mut listing = CatalogListing::default();
        let mut next = Some(first.clone());
        for _ in 0..MAX_PAGES {
            let Some(url) = next else { break };
            let page = catalog::decode_models(&self.get(url).await?)?;
            listing.unreadable += page.unreadable;
            listing.models.extend(page.models);
            listing.unreadable += listing.models.len().saturating_sub(catalog::MAX_MODELS);
            listing.models.truncate(catalog::MAX_MODELS);
            // Requests carry the key, so links to another origin are not followed.
            let link = page.next.and_then(|link| first.join(&link).ok());
            next = link.filter(|link| link.origin() == first.origin());
        }
        Ok(listing)
    }
}
