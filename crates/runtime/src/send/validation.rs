//! Whether a message is one that can be stored and sent: its form alone, whoever sends it.

use causerie_domain::messages::NewMessage;

use crate::attachments::prompt::{AttachmentView, InputModalities};
use crate::attachments::url_policy::HostPolicy;
use crate::attachments::validation::mistakes_in;
use crate::core::error::RuntimeError;

/// A message says something, its attachments are described as they can be stored, and it is not too long.
pub(crate) fn check_form(
    new: &NewMessage,
    max_chars: Option<u64>,
    hosts: HostPolicy,
) -> Result<(), RuntimeError> {
    if new.content.trim().is_empty() && new.attachments.is_empty() {
        return Err(RuntimeError::invalid("/content", "is empty"));
    }
    let mistakes = mistakes_in(&new.attachments, hosts);
    if !mistakes.is_empty() {
        return Err(RuntimeError::Invalid(mistakes));
    }
    let given = new.content.chars().count() as u64;
    match max_chars {
        Some(limit) if given > limit => Err(RuntimeError::MessageTooLong { limit, given }),
        _ => Ok(()),
    }
}

/// A model must take what the attachments with an address are.
pub(crate) fn check_modalities(
    new: &NewMessage,
    model: &str,
    accepted: &InputModalities,
) -> Result<(), RuntimeError> {
    let mut modalities = new.attachments.iter().filter_map(|file| AttachmentView::from(file).modality());
    match modalities.find(|modality| !accepted.takes(modality)) {
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
    fn a_message_says_something_and_no_more_than_its_tool_takes() {
        let said = |content: &str| NewMessage { content: content.to_owned(), ..NewMessage::default() };
        assert!(check_form(&said("é!"), Some(2), HostPolicy::Public).is_ok());
        assert!(matches!(
            check_form(&said("é!!"), Some(2), HostPolicy::Public),
            Err(RuntimeError::MessageTooLong { limit: 2, given: 3 })
        ));
        assert!(matches!(check_form(&said(" \n"), None, HostPolicy::Public), Err(RuntimeError::Invalid(_))));
    }
}
