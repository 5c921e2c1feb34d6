//! Attachments in a prompt: which ones are sent, as which part, and their estimated tokens.
//!
//! The runtime does not have the bytes of attachments, so tokens are estimated by fixed rules. An image counts as
//! [`IMAGE_TOKENS`], about the tokens that providers count for one megapixel. A file counts as one token per
//! [`FILE_BYTES_PER_TOKEN`] bytes of its stated size, about the ratio of a printed page in a PDF; without a stated size,
//! [`ASSUMED_FILE_BYTES`] are assumed.

use causerie_domain::attachments::{ASSUMED_FILE_BYTES, Attachment, NewAttachment, StorageProvider};
use causerie_domain::completion::{ContentPart, PromptMessage};
use causerie_domain::models::Model;

/// Estimated tokens of an image.
pub const IMAGE_TOKENS: u64 = 1000;
/// Bytes of a file per estimated token.
pub const FILE_BYTES_PER_TOKEN: u64 = 32;

/// Modalities that a model accepts besides text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InputModalities {
    /// Names in the catalog; `None` for a model outside the catalog, which is assumed to accept all modalities.
    modalities: Option<Vec<String>>,
}

/// Fields of an attachment that a prompt depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AttachmentView<'a> {
    provider: StorageProvider,
    mime_type: &'a str,
    filename: &'a str,
    key: &'a str,
    size: Option<i64>,
}

impl InputModalities {
    /// Returns the modalities of a model. `None` means a model outside the catalog.
    pub fn of(model: Option<&Model>) -> Self {
        InputModalities { modalities: model.map(|model| model.catalog.input_modalities.clone()) }
    }

    /// Returns these modalities; `None` for all.
    pub(crate) fn named(modalities: Option<Vec<String>>) -> Self {
        InputModalities { modalities }
    }

    /// Returns the names of the modalities; `None` for all.
    pub(crate) fn names(&self) -> Option<&[String]> {
        self.modalities.as_deref()
    }

    /// Returns whether the model accepts all parts of a message.
    pub(crate) fn accepts_all_of(&self, message: &PromptMessage) -> bool {
        message.content.iter().all(|part| match part {
            ContentPart::Text(_) => true,
            ContentPart::ImageUrl(_) => self.accepts("image"),
            ContentPart::FileUrl { .. } => self.accepts("file"),
        })
    }

    pub(crate) fn accepts(&self, modality: &str) -> bool {
        self.modalities.as_ref().is_none_or(|all| all.iter().any(|one| one == modality))
    }
}

macro_rules! attachment_view {
    ($($name:ident),+) => { $(impl<'a> From<&'a $name> for AttachmentView<'a> {
        fn from(file: &'a $name) -> Self {
            AttachmentView {
                provider: file.storage_provider,
                mime_type: &file.mime_type,
                filename: &file.filename,
                key: &file.storage_key,
                size: file.size,
            }
        }
    })+ };
}
attachment_view!(Attachment, NewAttachment);

impl AttachmentView<'_> {
    /// Returns the modality, `image` or `file`; `None` for an attachment without URL, which is not sent to a model.
    pub(crate) fn modality(&self) -> Option<&'static str> {
        let is_image = self.mime_type.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("image/"));
        (self.provider == StorageProvider::Url).then_some(if is_image { "image" } else { "file" })
    }

    /// Returns the part of the prompt; `None` if the model does not accept the modality.
    pub(crate) fn part(&self, accepted: &InputModalities) -> Option<ContentPart> {
        match self.modality().filter(|modality| accepted.accepts(modality))? {
            "image" => Some(ContentPart::ImageUrl(self.key.to_owned())),
            _ => Some(ContentPart::FileUrl { filename: self.filename.to_owned(), url: self.key.to_owned() }),
        }
    }

    /// Returns the estimated tokens; zero for an attachment that is not sent.
    pub(crate) fn tokens(&self, accepted: &InputModalities) -> u64 {
        match self.modality().filter(|modality| accepted.accepts(modality)) {
            Some("image") => IMAGE_TOKENS,
            Some(_) => {
                let size = self.size.unwrap_or(ASSUMED_FILE_BYTES);
                u64::try_from(size).unwrap_or(0).div_ceil(FILE_BYTES_PER_TOKEN)
            }
            None => 0,
        }
    }
}

/// Returns the data of a stored attachment as it was sent.
pub(crate) fn new_attachment(stored: Attachment) -> NewAttachment {
    let Attachment {
        id: _,
        message_id: _,
        filename,
        mime_type,
        size,
        storage_provider,
        storage_key,
        meta,
        uploaded_at: _,
    } = stored;
    NewAttachment { filename, mime_type, size, storage_provider, storage_key, meta }
}

/// Returns the estimated tokens of attachments.
pub(crate) fn tokens_of<'a, F: Into<AttachmentView<'a>>>(
    files: impl IntoIterator<Item = F>,
    accepted: &InputModalities,
) -> u64 {
    files.into_iter().map(|file| file.into().tokens(accepted)).fold(0, u64::saturating_add)
}
