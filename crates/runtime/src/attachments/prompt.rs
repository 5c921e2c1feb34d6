//! Attachments as a model sees them: which are passed on, as what, and how much they weigh.
//!
//! Nobody here has their bytes, so they weigh by rule: an image is [`IMAGE_TOKENS`], about what providers count for a
//! picture of a megapixel; a file is a token for every [`FILE_BYTES_PER_TOKEN`] bytes of the size that its sender
//! stated, about what a printed page as PDF comes to.

use causerie_domain::attachments::{Attachment, NewAttachment, StorageProvider};
use causerie_domain::completion::{ContentPart, PromptMessage};
use causerie_domain::models::Model;

/// The tokens that an image counts as.
pub const IMAGE_TOKENS: u64 = 1000;
/// How many bytes of a file count as a token.
pub const FILE_BYTES_PER_TOKEN: u64 = 32;

/// The kinds of input beside text that a model takes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InputModalities {
    /// As the catalogue names them; none where it does not know the model, which is then taken to take everything.
    modalities: Option<Vec<String>>,
}

/// What of an attachment matters to a model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AttachmentView<'a> {
    provider: StorageProvider,
    mime_type: &'a str,
    filename: &'a str,
    key: &'a str,
    size: i64,
}

impl InputModalities {
    /// What the catalogue says of a model.
    pub fn by(model: Option<&Model>) -> Self {
        InputModalities { modalities: model.map(|model| model.catalog.input_modalities.clone()) }
    }

    /// Whether every part of a message is one that the model takes.
    pub(crate) fn takes_all_of(&self, message: &PromptMessage) -> bool {
        message.content.iter().all(|part| match part {
            ContentPart::Text(_) => true,
            ContentPart::ImageUrl(_) => self.takes("image"),
            ContentPart::FileUrl { .. } => self.takes("file"),
        })
    }

    pub(crate) fn takes(&self, modality: &str) -> bool {
        self.modalities.as_ref().is_none_or(|all| all.iter().any(|one| one == modality))
    }
}

macro_rules! attached_file {
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
attached_file!(Attachment, NewAttachment);

impl AttachmentView<'_> {
    /// The kind of input it is; none of what has no address, which is for the people in the conversation.
    pub(crate) fn modality(&self) -> Option<&'static str> {
        let is_image = self.mime_type.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("image/"));
        (self.provider == StorageProvider::Url).then_some(if is_image { "image" } else { "file" })
    }

    /// The part of the message that it is passed on as, if the model takes its kind.
    pub(crate) fn part(&self, accepted: &InputModalities) -> Option<ContentPart> {
        match self.modality().filter(|modality| accepted.takes(modality))? {
            "image" => Some(ContentPart::ImageUrl(self.key.to_owned())),
            _ => Some(ContentPart::FileUrl { filename: self.filename.to_owned(), url: self.key.to_owned() }),
        }
    }

    /// The tokens that it counts as, nothing where it is not passed on.
    pub(crate) fn tokens(&self, accepted: &InputModalities) -> u64 {
        match self.modality().filter(|modality| accepted.takes(modality)) {
            Some("image") => IMAGE_TOKENS,
            Some(_) => u64::try_from(self.size).unwrap_or(0).div_ceil(FILE_BYTES_PER_TOKEN),
            None => 0,
        }
    }
}

/// The tokens of several attachments.
pub(crate) fn tokens_of<'a, F: Into<AttachmentView<'a>>>(
    files: impl IntoIterator<Item = F>,
    accepted: &InputModalities,
) -> u64 {
    files.into_iter().map(|file| file.into().tokens(accepted)).fold(0, u64::saturating_add)
}
