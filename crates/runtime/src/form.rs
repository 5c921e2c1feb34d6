//! Whether a message is one that can be stored and sent: its form alone, whoever sends it.

use causerie_domain::attachment::{
    MAX_FILENAME_CHARS, MAX_MIME_TYPE_CHARS, MAX_STORAGE_KEY_CHARS, StorageProvider,
};
use causerie_domain::model::Model;

use crate::error::{Mistake, RuntimeError};
use crate::send::{AttachmentInput, NewMessage};

/// A message says something, its attachments are described as they can be stored, and it is not too long.
pub(crate) fn check_form(new: &NewMessage, max_chars: Option<u64>) -> Result<(), RuntimeError> {
    if new.content.trim().is_empty() && new.attachments.is_empty() {
        return Err(RuntimeError::invalid("/content", "is empty"));
    }
    let mistakes: Vec<Mistake> = new.attachments.iter().enumerate().flat_map(mistakes_of).collect();
    if !mistakes.is_empty() {
        return Err(RuntimeError::Invalid(mistakes));
    }
    let given = new.content.chars().count() as u64;
    match max_chars {
        Some(limit) if given > limit => Err(RuntimeError::MessageTooLong { limit, given }),
        _ => Ok(()),
    }
}

/// A model that the catalogue knows must take what the attachments with an address are.
pub(crate) fn check_modalities(
    new: &NewMessage,
    model: &str,
    known: Option<&Model>,
) -> Result<(), RuntimeError> {
    let Some(known) = known else { return Ok(()) };
    for file in new.attachments.iter().filter(|file| file.storage_provider == StorageProvider::Url) {
        let modality = if file.mime_type.starts_with("image/") { "image" } else { "file" };
        if !known.catalogue.input_modalities.iter().any(|accepted| accepted == modality) {
            let (model, modality) = (model.to_owned(), modality.to_owned());
            return Err(RuntimeError::ModalityNotSupported { model, modality });
        }
    }
    Ok(())
}

fn mistakes_of((index, file): (usize, &AttachmentInput)) -> Vec<Mistake> {
    let mistake =
        |member: &str, detail: String| Mistake { pointer: format!("/attachments/{index}/{member}"), detail };
    let lengths = [
        ("filename", &file.filename, MAX_FILENAME_CHARS),
        ("mime_type", &file.mime_type, MAX_MIME_TYPE_CHARS),
        ("storage_key", &file.storage_key, MAX_STORAGE_KEY_CHARS),
    ];
    let wrong = lengths.into_iter().filter(|(_, text, most)| text.is_empty() || text.chars().count() > *most);
    let mut mistakes: Vec<Mistake> =
        wrong.map(|(member, _, most)| mistake(member, format!("is not 1 to {most} characters"))).collect();
    if file.filename.contains(['/', '\\']) {
        mistakes.push(mistake("filename", "has path parts".to_owned()));
    }
    if file.size < 0 {
        mistakes.push(mistake("size", "is negative".to_owned()));
    }
    mistakes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> AttachmentInput {
        AttachmentInput {
            filename: "cat.png".to_owned(),
            mime_type: "image/png".to_owned(),
            size: 0,
            storage_provider: StorageProvider::Url,
            storage_key: "https://example.org/cat.png".to_owned(),
            meta: serde_json::Map::new(),
        }
    }

    fn pointers(file: AttachmentInput) -> Vec<String> {
        let new = NewMessage { attachments: vec![picture(), file], ..NewMessage::default() };
        match check_form(&new, None) {
            Ok(()) => Vec::new(),
            Err(RuntimeError::Invalid(mistakes)) => mistakes.into_iter().map(|found| found.pointer).collect(),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_attachment_that_cannot_be_stored_is_refused_with_its_place() {
        let check = |file: AttachmentInput, expected: &[&str]| {
            let expected: Vec<String> =
                expected.iter().map(|member| format!("/attachments/1/{member}")).collect();
            assert_eq!(pointers(file.clone()), expected, "{file:?}");
        };
        let long = |length: usize| "é".repeat(length);
        check(picture(), &[]);
        check(AttachmentInput { filename: long(255), mime_type: long(100), ..picture() }, &[]);
        check(AttachmentInput { storage_key: long(500), ..picture() }, &[]);
        check(
            AttachmentInput { filename: long(256), mime_type: long(101), ..picture() },
            &["filename", "mime_type"],
        );
        check(AttachmentInput { filename: String::new(), ..picture() }, &["filename"]);
        check(AttachmentInput { filename: "../cat.png".to_owned(), ..picture() }, &["filename"]);
        check(AttachmentInput { filename: "c:\\cat.png".to_owned(), ..picture() }, &["filename"]);
        check(AttachmentInput { storage_key: long(501), size: -1, ..picture() }, &["storage_key", "size"]);
    }

    #[test]
    fn a_message_says_something_and_no_more_than_its_tool_takes() {
        let said = |content: &str| NewMessage { content: content.to_owned(), ..NewMessage::default() };
        assert!(check_form(&said("é!"), Some(2)).is_ok());
        assert!(matches!(
            check_form(&said("é!!"), Some(2)),
            Err(RuntimeError::MessageTooLong { limit: 2, given: 3 })
        ));
        assert!(matches!(check_form(&said(" \n"), None), Err(RuntimeError::Invalid(_))));
    }
}
