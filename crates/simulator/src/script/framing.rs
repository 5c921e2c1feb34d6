//! Framing of server-sent events: plain by default, with valid but unusual variants on request.

use bytes::Bytes;

use crate::script::reply::Delta;
use crate::script::{Event, HEARTBEAT};
use crate::wire;
use crate::wire::chunk::{Chunk, ChunkBody, ChunkId};

/// Members that all events of one answer share, and their framing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Frame {
    pub(crate) id: String,
    /// Seconds since the epoch.
    pub(crate) created: u64,
    pub(crate) model: String,
    pub(crate) provider: &'static str,
    pub(crate) framing: Framing,
}

/// Valid but unusual variants of server-sent events and of their chunks.
#[derive(Clone, Debug)]
pub(crate) struct Framing {
    pub(crate) newline: &'static str,
    /// Byte order mark before the first byte.
    pub(crate) byte_order_mark: bool,
    /// Text between `data:` and the data.
    pub(crate) separator: &'static str,
    /// The JSON of an event spread over several data lines.
    pub(crate) multi_line: bool,
    /// `event:`, `id:` and `retry:` lines, which clients ignore.
    pub(crate) other_fields: bool,
    /// A comment after every event.
    pub(crate) comments_between: bool,
    /// Number of line ends after `[DONE]`; two end the event with a blank line.
    pub(crate) final_newlines: usize,
    /// The chunk id as a number.
    pub(crate) numeric_id: bool,
    /// Whether deltas contain `role`.
    pub(crate) role: bool,
    /// Maximum number of bytes per write. A write can end inside a character.
    pub(crate) write: Option<usize>,
}

impl Default for Framing {
    fn default() -> Self {
        Self {
            newline: "\n",
            byte_order_mark: false,
            separator: " ",
            multi_line: false,
            other_fields: false,
            comments_between: false,
            final_newlines: 2,
            numeric_id: false,
            role: true,
            write: None,
        }
    }
}

impl Frame {
    /// Returns the bytes of an event; `None` for pauses and faults.
    pub(crate) fn encode(&self, event: Event) -> Option<Bytes> {
        let newline = self.framing.newline;
        match event {
            Event::Delta(delta) => Some(self.chunk(delta.into())),
            Event::Chunk(body, _) => Some(self.chunk(*body)),
            Event::Comment | Event::KeepAlive(_) => Some(self.comment().into()),
            Event::Heartbeat(_) => Some(Bytes::from_static(HEARTBEAT)),
            Event::Done => {
                let end = newline.repeat(self.framing.final_newlines);
                Some(format!("data:{}[DONE]{end}", self.framing.separator).into())
            }
            Event::Raw(bytes) | Event::Body(bytes) => Some(bytes),
            Event::Pause(_) | Event::Silence | Event::Cut => None,
        }
    }

    /// Returns one event of the stream.
    pub(crate) fn chunk(&self, body: ChunkBody) -> Bytes {
        self.data(&self.chunk_json(body))
    }

    /// Returns the JSON text of one event of the stream.
    pub(crate) fn chunk_json(&self, mut body: ChunkBody) -> String {
        if !self.framing.role {
            body.choices.iter_mut().for_each(|choice| choice.delta.role = None);
        }
        let id = if self.framing.numeric_id {
            ChunkId::Number(self.created)
        } else {
            ChunkId::Text(self.id.clone())
        };
        wire::json(&Chunk {
            id,
            object: "chat.completion.chunk",
            created: self.created,
            model: self.model.clone(),
            provider: self.provider,
            body,
        })
    }

    /// Returns a text as one event.
    pub(crate) fn data(&self, text: &str) -> Bytes {
        let Framing { newline, separator, .. } = self.framing;
        let mut lines = String::with_capacity(text.len() + 16);
        if self.framing.other_fields {
            lines.push_str(&format!("event: message{newline}id: 7{newline}retry: 1000{newline}"));
        }
        // JSON can be split after any comma outside a string; the first one is after the id.
        let cut =
            if self.framing.multi_line { text.find(",\"object\"").map(|comma| comma + 1) } else { None };
        let (first, rest) = text.split_at(cut.unwrap_or(text.len()));
        for line in [first, rest].into_iter().filter(|line| !line.is_empty()) {
            lines.push_str(&format!("data:{separator}{line}{newline}"));
        }
        lines.push_str(newline);
        if self.framing.comments_between {
            lines.push_str(&self.comment());
        }
        lines.into()
    }

    fn comment(&self) -> String {
        let newline = self.framing.newline;
        format!(": OPENROUTER PROCESSING{newline}{newline}")
    }
}

impl From<Delta> for ChunkBody {
    fn from(delta: Delta) -> Self {
        Self { choices: vec![delta.into()], ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(framing: Framing) -> String {
        let frame = Frame { id: "gen-1-a".to_owned(), created: 1, framing, ..Frame::default() };
        String::from_utf8(frame.chunk(ChunkBody::default()).to_vec()).unwrap()
    }

    const JSON: &str = r#"{"id":"gen-1-a","object":"chat.completion.chunk","created":1,"model":"","provider":"","choices":[]}"#;

    #[test]
    fn plain_framing_is_one_data_line_and_a_blank_one() {
        assert_eq!(framed(Framing::default()), format!("data: {JSON}\n\n"));
    }

    #[test]
    fn unusual_framing_is_valid() {
        let unusual = Framing {
            newline: "\r\n",
            separator: "",
            multi_line: true,
            other_fields: true,
            ..Framing::default()
        };
        let (first, rest) = JSON.split_at(JSON.find("\"object\"").unwrap());
        assert_eq!(
            framed(unusual),
            format!("event: message\r\nid: 7\r\nretry: 1000\r\ndata:{first}\r\ndata:{rest}\r\n\r\n")
        );
        assert!(framed(Framing { numeric_id: true, ..Framing::default() }).contains(r#""id":1,"#));
    }
}
