//! Sizes of rows in bytes. A list reads them before its rows, so that no row beyond the maximum size is loaded.

use causerie_domain::page::{fitting_rows, rows_within};

/// SQL of the size of a message with its attachments, from the SQL of the size of its texts.
macro_rules! message_size {
    ($texts:literal) => {
        concat!(
            "CAST(",
            $texts,
            " + OCTET_LENGTH(messages.meta) + COALESCE(OCTET_LENGTH(messages.reasoning_details), 0)
             + COALESCE((SELECT SUM(OCTET_LENGTH(a.storage_key) + OCTET_LENGTH(a.meta)) FROM message_attachments a
                 WHERE a.message_id = messages.id AND a.deleted_at IS NULL), 0) AS BIGINT)"
        )
    };
}

/// SQL of the size of a message with its attachments.
pub(super) const MESSAGE: &str =
    message_size!("OCTET_LENGTH(messages.content) + OCTET_LENGTH(messages.parts)");

/// SQL of the size of a message with its attachments and without its parts.
pub(super) const MESSAGE_WITHOUT_PARTS: &str = message_size!("OCTET_LENGTH(messages.content)");

/// SQL of the size of an attachment.
pub(super) const ATTACHMENT: &str = "CAST(OCTET_LENGTH(message_attachments.filename) \
     + OCTET_LENGTH(message_attachments.storage_key) + OCTET_LENGTH(message_attachments.meta) AS BIGINT)";

/// SQL of the size of a version of a tool.
pub(super) const TOOL_VERSION: &str = "CAST(OCTET_LENGTH(tool_versions.definition) AS BIGINT)";

/// SQL of the size of a model.
pub(super) const MODEL: &str = "CAST(OCTET_LENGTH(ai_models.input_modalities) \
     + OCTET_LENGTH(ai_models.output_modalities) + OCTET_LENGTH(ai_models.supported_parameters) \
     + OCTET_LENGTH(ai_models.price_overrides) + OCTET_LENGTH(ai_models.further_prices) AS BIGINT)";

/// SQL of the size of an API key.
pub(super) const API_KEY: &str = "CAST(OCTET_LENGTH(api_keys.scopes) AS BIGINT)";

/// SQL of the size of an audit event.
pub(super) const AUDIT_EVENT: &str = "CAST(OCTET_LENGTH(audit_events.detail) AS BIGINT)";

/// Length of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PageLength {
    /// Number of rows, for `LIMIT`.
    pub(super) rows: i64,
    /// Whether more rows follow.
    pub(super) has_more: bool,
}

impl PageLength {
    /// Returns the length of a page of at most `limit` rows, from the sizes of these rows and of one more.
    pub(super) fn of(sizes: &[i64], limit: u32) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let fitting = fitting_rows(sizes.iter().take(limit).map(|size| bytes(*size)));
        PageLength { rows: rows(fitting), has_more: sizes.len() > fitting }
    }

    /// Returns the key of the last row if more rows follow.
    pub(super) fn next<R, K>(self, rows: &[R], key: impl Fn(&R) -> K) -> Option<K> {
        rows.last().filter(|_| self.has_more).map(key)
    }
}

/// Returns how many of the first rows have at most `max_bytes` together, for `LIMIT`.
pub(super) fn within(max_bytes: usize, sizes: &[i64]) -> i64 {
    rows(rows_within(max_bytes, sizes.iter().map(|size| bytes(*size))))
}

fn bytes(size: i64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}

fn rows(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
