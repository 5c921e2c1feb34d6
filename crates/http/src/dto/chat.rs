//! The body of `POST /api/chat`: what `useChat` of the AI SDK sends.
//!
//! The body repeats the whole conversation. Of its messages only the last user message is held; the others are skipped
//! while the body is read.

use std::borrow::Cow;
use std::fmt;

use causerie_domain::attachments::{NewAttachment, StorageProvider};
use causerie_domain::messages::NewMessage;
use causerie_domain::{GroupId, SessionId};
use causerie_runtime::{
    ChatSend, ChatTrigger, CreateSession, FieldError, MAX_ATTACHMENTS, MAX_IDEMPOTENCY_KEY_CHARS,
};
use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::input::{self, Object};
use super::values::Id;
use crate::error::{Code, Problem};

/// Sentence about messages that cannot be changed.
const FORK: &str = "stored messages are not edited; fork the session before the message, and send it there";

/// What `useChat` of the AI SDK sends. Other members are ignored, also in the messages.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = ChatBody)]
pub(crate) struct ChatBody<'a> {
    /// Id of the chat, which is the id of the session: a UUID.
    #[serde(borrow)]
    #[schema(value_type = Id)]
    id: Cow<'a, str>,
    /// The conversation as the page has it. Only the last user message is read.
    #[serde(borrow)]
    #[schema(value_type = Vec<UiMessage>)]
    messages: LastMessages<'a>,
    /// `submit-message` sends the last message; `regenerate-message` asks for another answer to it.
    #[serde(default)]
    #[schema(value_type = Option<ChatTriggerDto>)]
    trigger: Option<ChatTriggerDto>,
    /// Message to answer again, or to replace.
    #[serde(default, rename = "messageId", borrow)]
    #[schema(value_type = Option<String>)]
    message_id: Option<Text<'a>>,
    /// Tool of the session to create if there is none with this id, by its slug or its id.
    #[serde(default)]
    tool: Option<String>,
    /// Group whose account pays for a session that is created.
    #[serde(default, deserialize_with = "input::optional_from_str")]
    #[schema(value_type = Option<Id>)]
    group_id: Option<GroupId>,
}

/// Text that is a slice of the body, unless it has escapes. The attribute `borrow` has no effect on an optional `Cow`.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Text<'_> {
    fn into_owned(self) -> String {
        self.0.into_owned()
    }
}

/// Reason of a request of `useChat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = ChatTrigger)]
enum ChatTriggerDto {
    SubmitMessage,
    RegenerateMessage,
}

/// A message of the AI SDK. Other members are ignored.
#[derive(Debug, Deserialize, ToSchema)]
struct UiMessage<'a> {
    /// Id of the message at the client. It is stored, and is the idempotency key of the message.
    #[serde(default, borrow)]
    #[schema(value_type = Option<String>)]
    id: Option<Text<'a>>,
    /// `user`, `assistant` or `system`.
    #[serde(borrow)]
    #[schema(value_type = String)]
    role: Cow<'a, str>,
    /// Text parts are joined, file parts with an `https:` address become attachments, others are ignored.
    #[serde(default, borrow)]
    #[schema(value_type = Vec<UiPart>)]
    parts: Option<&'a RawValue>,
}

/// A part of a user message.
#[derive(Debug, Deserialize, ToSchema)]
struct UiPart<'a> {
    /// `text` or `file`.
    #[serde(rename = "type", borrow)]
    #[schema(value_type = String)]
    kind: Cow<'a, str>,
    #[serde(default, borrow)]
    #[schema(value_type = Option<String>)]
    text: Option<Text<'a>>,
    /// Address of a file, with `https:`.
    #[serde(default, borrow)]
    #[schema(value_type = Option<String>)]
    url: Option<Text<'a>>,
    #[serde(default, rename = "mediaType", borrow)]
    #[schema(value_type = Option<String>)]
    media_type: Option<Text<'a>>,
    #[serde(default, borrow)]
    #[schema(value_type = Option<String>)]
    filename: Option<Text<'a>>,
}

/// The last messages of a conversation.
#[derive(Debug, Default)]
struct LastMessages<'a> {
    /// Number of all messages.
    count: usize,
    /// Last user message, with its index.
    last_user: Option<(usize, UiMessage<'a>)>,
}

impl<'de: 'a, 'a> Deserialize<'de> for LastMessages<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(MessagesVisitor)
    }
}

struct MessagesVisitor;

impl<'de> Visitor<'de> for MessagesVisitor {
    type Value = LastMessages<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of messages")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut messages: A) -> Result<LastMessages<'de>, A::Error> {
        let mut last = LastMessages::default();
        while let Some(Object(message)) = messages.next_element::<Object<UiMessage<'de>>>()? {
            if message.role == "user" {
                last.last_user = Some((last.count, message));
            }
            last.count += 1;
        }
        Ok(last)
    }
}

/// Text and files of a message, with the errors that were found in them.
#[derive(Debug, Default)]
struct Content {
    text: String,
    files: Vec<NewAttachment>,
    /// Index of the part of each file.
    places: Vec<usize>,
    errors: Vec<(usize, &'static str, String)>,
    /// The text is longer than the limit.
    is_too_long: bool,
}

/// Seed of the content of a message, with the maximum length of its text in bytes.
struct ContentVisitor(usize);

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of parts")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Content, A::Error> {
        let mut content = Content::default();
        let mut index = 0;
        while let Some(Object(part)) = parts.next_element::<Object<UiPart<'de>>>()? {
            content.add(index, part, self.0);
            index += 1;
        }
        Ok(content)
    }
}

impl Content {
    fn add(&mut self, index: usize, part: UiPart<'_>, max_bytes: usize) {
        match part.kind.as_ref() {
            "text" => {
                let text = part.text.unwrap_or_default().0;
                self.is_too_long |= self.text.len() + text.len() > max_bytes;
                if text.contains('\0') {
                    self.refuse(index, "text", "the character U+0000 cannot be stored");
                }
                if !self.is_too_long {
                    self.text.push_str(&text);
                }
            }
            "file" => self.add_file(index, &part),
            _ => {}
        }
    }

    fn add_file(&mut self, index: usize, part: &UiPart<'_>) {
        // One more than allowed, so that the runtime refuses the message.
        if self.files.len() > MAX_ATTACHMENTS {
            return;
        }
        let url = part.url.as_ref().map_or("", |url| url.0.as_ref());
        if url.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:")) {
            let detail = "is a data: URL; upload the file to a storage of yours, and send its https: address";
            return self.refuse(index, "url", detail);
        }
        let media_type = part.media_type.as_ref().map_or("application/octet-stream", |kind| kind.0.as_ref());
        let filename = match part.filename.as_ref().map(|name| name.0.as_ref()) {
            Some(name) if !name.is_empty() => name,
            _ => name_in(url),
        };
        for (member, text) in [("url", url), ("mediaType", media_type), ("filename", filename)] {
            if text.contains('\0') {
                return self.refuse(index, member, "the character U+0000 cannot be stored");
            }
        }
        self.places.push(index);
        self.files.push(NewAttachment {
            filename: filename.to_owned(),
            mime_type: media_type.to_owned(),
            size: None,
            storage_provider: StorageProvider::Url,
            storage_key: url.to_owned(),
            meta: serde_json::Map::new(),
        });
    }

    fn refuse(&mut self, index: usize, member: &'static str, detail: &str) {
        if self.errors.len() < MAX_ATTACHMENTS {
            self.errors.push((index, member, detail.to_owned()));
        }
    }
}

/// Returns the last segment of the path of a URL as a file name; `file` if it is none.
fn name_in(url: &str) -> &str {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let name = path.splitn(4, '/').nth(3).and_then(|path| path.rsplit('/').next()).unwrap_or_default();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    match name.len() {
        1..=255 if name.bytes().all(is_plain) && !name.starts_with('.') => name,
        _ => "file",
    }
}

/// Members of the body from which a send was made, to name them in errors.
#[derive(Debug)]
pub(crate) struct ChatOrigin {
    /// Index of the message.
    message: usize,
    /// Index of the part of each file.
    files: Vec<usize>,
}

impl ChatOrigin {
    /// Returns an error of the send with the pointer to the member of the body.
    pub(crate) fn locate(&self, error: FieldError) -> FieldError {
        let mut segments = error.pointer.split('/').skip(1);
        let message = self.message;
        let pointer = match (segments.next(), segments.next(), segments.next()) {
            (Some("attachments"), Some(index), Some(field)) => {
                let place = index.parse().ok().and_then(|index: usize| self.files.get(index));
                let member = match field {
                    "storage_key" => "url",
                    "mime_type" => "mediaType",
                    field => field,
                };
                match place {
                    Some(part) => format!("/messages/{message}/parts/{part}/{member}"),
                    None => format!("/messages/{message}/parts"),
                }
            }
            (Some("attachments" | "content"), ..) => format!("/messages/{message}/parts"),
            (Some("idempotency_key"), ..) => format!("/messages/{message}/id"),
            _ => error.pointer,
        };
        FieldError { pointer, detail: error.detail }
    }
}

/// Returns the session of a chat.
///
/// # Errors
/// A sentence without its subject, which is the id.
pub(crate) fn session_id(text: &str) -> Result<SessionId, &'static str> {
    text.parse()
        .map_err(|_| "is not a UUID; give the chat the id of its session, or a new crypto.randomUUID()")
}

/// Returns the problem of one member of the body.
fn invalid(pointer: String, detail: &str) -> Problem {
    refused([FieldError { pointer, detail: detail.to_owned() }])
}

fn refused(errors: impl IntoIterator<Item = FieldError>) -> Problem {
    Problem::new(Code::InvalidBody, "`errors` lists the errors and their positions").with_errors(errors)
}

impl UiMessage<'_> {
    /// Returns text and files of the message with this index.
    ///
    /// # Errors
    /// `invalid_body`; `payload_too_large` for a text of more than `max_bytes`.
    fn content(&self, index: usize, max_bytes: usize) -> Result<Content, Problem> {
        let parts = self.parts.map_or("[]", RawValue::get);
        let content = serde_json::Deserializer::from_str(parts).deserialize_seq(ContentVisitor(max_bytes));
        let mut content = content.map_err(|error| {
            let detail = error.to_string();
            // The position is one in the parts, not in the body.
            let detail = detail.split(" at line ").next().unwrap_or_default();
            invalid(format!("/messages/{index}/parts"), detail)
        })?;
        if content.is_too_long {
            let detail = format!("the maximum size of the text of a message is {max_bytes} bytes");
            return Err(Problem::new(Code::PayloadTooLarge, detail).with("limit", max_bytes));
        }
        if content.errors.is_empty() {
            return Ok(content);
        }
        let located = content.errors.drain(..).map(|(part, member, detail)| FieldError {
            pointer: format!("/messages/{index}/parts/{part}/{member}"),
            detail,
        });
        Err(refused(located))
    }

    /// Returns the id of the message with this index.
    ///
    /// # Errors
    /// `invalid_body`
    fn client_id(self, index: usize) -> Result<Option<String>, Problem> {
        let Some(id) = self.id.map(Text::into_owned).filter(|id| !id.is_empty()) else { return Ok(None) };
        if id.chars().count() > MAX_IDEMPOTENCY_KEY_CHARS || id.contains(char::is_control) {
            let detail = format!("is not 1 to {MAX_IDEMPOTENCY_KEY_CHARS} printable characters");
            return Err(invalid(format!("/messages/{index}/id"), &detail));
        }
        Ok(Some(id))
    }
}

impl ChatBody<'_> {
    /// Returns the send, and the places of its parts. The text has at most `max_bytes`; the idempotency key is that of a
    /// request for another answer.
    ///
    /// # Errors
    /// `invalid_body`; `payload_too_large`; `fork_required` if the client edits a message, or sends none.
    pub(crate) fn into_send(
        self,
        key: Option<String>,
        max_bytes: usize,
    ) -> Result<(ChatSend, ChatOrigin), Problem> {
        let session_id = session_id(&self.id).map_err(|detail| invalid("/id".to_owned(), detail))?;
        let trigger = match self.trigger {
            Some(ChatTriggerDto::RegenerateMessage) => {
                ChatTrigger::Regenerate { of: self.message_id.map(Text::into_owned), key }
            }
            _ if self.message_id.is_some() => return Err(Problem::new(Code::ForkRequired, FORK)),
            _ => ChatTrigger::Submit,
        };
        let LastMessages { count, last_user } = self.messages;
        let (index, message) = match last_user {
            Some((index, message)) if index + 1 == count || trigger != ChatTrigger::Submit => {
                (index, message)
            }
            _ if count == 0 => return Err(invalid("/messages".to_owned(), "is empty")),
            _ => {
                let detail =
                    "the last message is not a user's; fork the session to continue from another one";
                return Err(Problem::new(Code::ForkRequired, detail));
            }
        };
        let content = message.content(index, max_bytes)?;
        let client_id = message.client_id(index)?;
        if self.tool.as_ref().is_some_and(|tool| tool.contains('\0')) {
            return Err(invalid("/tool".to_owned(), "the character U+0000 cannot be stored"));
        }
        let group_id = self.group_id;
        let new_session = self.tool.map(|tool| CreateSession { tool, title: None, group_id });
        let message =
            NewMessage { content: content.text, attachments: content.files, meta: serde_json::Map::new() };
        let send = ChatSend { session_id, new_session, message, client_id, trigger };
        Ok((send, ChatOrigin { message: index, files: content.places }))
    }
}

#[cfg(test)]
#[path = "chat_tests.rs"]
mod tests;
