//! The headers of every request: user agent, accepted encoding, attribution and authorization.

use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, USER_AGENT};

use crate::settings::{Attribution, Settings, SettingsError};

/// Builds the default headers from the settings.
///
/// # Errors
/// [`SettingsError::Header`] if a value has characters that a header cannot carry.
pub(super) fn default_headers(settings: &Settings) -> Result<HeaderMap, SettingsError> {
    let mut headers = HeaderMap::new();
    headers.insert(
        USER_AGENT,
        HeaderValue::from_static(concat!("causerie-openrouter/", env!("CARGO_PKG_VERSION"))),
    );
    // Compression delays the events of a stream. A response that is compressed all the same is decoded.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let mut set = |name: HeaderName, setting, text: &str| {
        // Names are not always ASCII; the bytes of UTF-8 are legal in a header.
        let value = HeaderValue::from_bytes(text.as_bytes()).map_err(|_| SettingsError::Header(setting))?;
        headers.insert(name, value);
        Ok(())
    };
    let Attribution { referer, title, categories } = &settings.attribution;
    if let Some(referer) = referer {
        set(HeaderName::from_static("http-referer"), "the attribution's referer", referer)?;
    }
    if let Some(title) = title {
        set(HeaderName::from_static("x-openrouter-title"), "the attribution's title", title)?;
    }
    if !categories.is_empty() {
        let categories = categories.join(",");
        set(HeaderName::from_static("x-openrouter-categories"), "the attribution's categories", &categories)?;
    }
    if let Some(key) = &settings.api_key {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose()))
            .map_err(|_| SettingsError::Header("the api key"))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}
