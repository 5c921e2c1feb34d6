//! Validation of a message, independent of the principal.

use causerie_domain::display_text::is_visible;
use causerie_domain::messages::NewMessage;

use crate::attachments::prompt::{AttachmentView, InputModalities};
use crate::attachments::url_policy::HostPolicy;
use crate::attachments::validation::attachment_errors;
use crate::core::error::RuntimeError;

/// Maximum length of the metadata of a new message, in bytes of JSON.
const MAX_META_BYTES: usize = 16 * 1024;

/// Checks that a message has content, metadata of at most 16 KiB, valid attachments and at most `max_chars` characters.
///
/// # Errors
/// [`RuntimeError::Invalid`], [`RuntimeError::MessageTooLong`].
pub(crate) fn check_form(
    new: &NewMessage,
    max_chars: Option<u64>,
    hosts: HostPolicy,
) -> Result<(), RuntimeError> {
    if !new.content.contains(is_visible) && new.attachments.is_empty() {
        return Err(RuntimeError::invalid("/content", "is empty"));
    }
    // The serialization of a JSON map does not fail.
    let meta_bytes = serde_json::to_string(&new.meta).map_or(usize::MAX, |text| text.len());
    if meta_bytes > MAX_META_BYTES {
        return Err(RuntimeError::invalid("/meta", format!("is longer than {MAX_META_BYTES} bytes")));
    }
    let errors = attachment_errors(&new.attachments, hosts);
    if !errors.is_empty() {
        return Err(RuntimeError::Invalid(errors));
    }
    let given = new.content.chars().count() as u64;
    match max_chars {
        Some(limit) if given > limit => Err(RuntimeError::MessageTooLong { limit, given }),
        _ => Ok(()),
    }
}

/// Checks that the model accepts the attachments that are sent to it, which are those with a URL.
///
/// # Errors
/// [`RuntimeError::ModalityNotSupported`].
pub(crate) fn check_modalities(
    new: &NewMessage,
    model: &str,
    accepted: &InputModalities,
) -> Result<(), RuntimeError> {
    let mut modalities = new.attachments.iter().filter_map(|file| AttachmentView::from(file).modality());
    match modalities.find(|modality| !accepted.accepts(modality)) {
        Some(modality) => {
            Err(RuntimeError::ModalityNotSupported { model: model.to_owned(), modality: modality.to_owned() })
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_content_and_at_most_the_characters_that_its_tool_accepts() {
        let message = |content: &str| NewMessage { content: content.to_owned(), ..NewMessage::default() };
        assert!(check_form(&message("é!"), Some(2), HostPolicy::Public).is_ok());
        assert!(matches!(
            check_form(&message("é!!"), Some(2), HostPolicy::Public),
            Err(RuntimeError::MessageTooLong { limit: 2, given: 3 })
        ));
        for blank in ["", " \n", "\u{200B}\u{FEFF}"] {
            let refused = check_form(&message(blank), None, HostPolicy::Public);
            assert!(matches!(refused, Err(RuntimeError::Invalid(_))), "{blank:?}");
        }
    }
}
