//! Content in parts: texts, and images in the shapes of the upstream and of other gateways.

use serde_json::Value;

use crate::wire::raw_field::{self, RawField};
use crate::wire::surrogates::Marked;

/// A piece of content.
#[derive(Debug, Clone)]
pub(super) enum Piece {
    Text(Marked<String>),
    /// URL of an image.
    Image(String),
}

/// Returns the upper bound of the memory of content in parts; 0 for a text.
pub(super) fn parsed_size(field: RawField<'_>) -> usize {
    raw_field::parsed_size(field.filter(|raw| raw.get().starts_with('[')))
}

/// Reads content: a text, or a list of parts in their order. Parts of other kinds are left out.
pub(super) fn pieces(field: RawField<'_>) -> Vec<Piece> {
    let Some(raw) = field else { return Vec::new() };
    if !raw.get().starts_with('[') {
        return raw_field::marked_text(field).map(Piece::Text).into_iter().collect();
    }
    let Some(Marked { value, has_marks }) = raw_field::marked_array(field) else { return Vec::new() };
    let pieces = value.iter().filter_map(|part| match part.get("text").and_then(Value::as_str) {
        Some(text) => Some(Piece::Text(Marked { value: text.to_owned(), has_marks })),
        None => image_url(part).map(Piece::Image),
    });
    pieces.collect()
}

/// Reads a list of images.
pub(super) fn images(field: RawField<'_>) -> Vec<Piece> {
    let images = raw_field::array(field).unwrap_or_default();
    images.iter().filter_map(image_url).map(Piece::Image).collect()
}

/// Returns the URL of an image, or builds it from data in Base64. Data of another kind is no image.
///
/// The upstream sends `{"type":"image_url","image_url":{"url":"data:…"}}`; the other shapes are those of the APIs that
/// gateways imitate.
fn image_url(part: &Value) -> Option<String> {
    let url = |value: &Value| value.get("url").unwrap_or(value).as_str().map(str::to_owned);
    let given = ["image_url", "image", "url"].iter().find_map(|name| url(part.get(name)?));
    given.or_else(|| data_url(part)).filter(|url| is_image(url))
}

/// Builds the URL of an image whose data is a field of its own.
fn data_url(part: &Value) -> Option<String> {
    let source =
        ["source", "inline_data", "inlineData"].iter().find_map(|name| part.get(name)).unwrap_or(part);
    let text = |names: &[&str]| names.iter().find_map(|name| source.get(name)?.as_str());
    let data = text(&["data", "b64_json", "result"])?;
    let media_type = text(&["media_type", "mime_type", "mimeType"]).unwrap_or("image/png");
    Some(format!("data:{media_type};base64,{data}"))
}

/// Returns whether a URL is one of an image: data of an image type, or an address on the web.
fn is_image(url: &str) -> bool {
    let starts =
        |prefix: &str| url.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    starts("https://") || starts("http://") || starts("data:image/") && url.contains(',')
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;

    fn read(json: &str) -> Vec<String> {
        let pieces = pieces(serde_json::from_str::<Option<&RawValue>>(json).unwrap()).into_iter();
        let texts = pieces.map(|piece| match piece {
            Piece::Text(text) => text.value,
            Piece::Image(url) => format!("<{url}>"),
        });
        texts.collect()
    }

    #[test]
    fn texts_and_images_keep_their_order() {
        let parts = r#"[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA"}},7,
            {"type":"text","text":"b"},{"type":"audio","audio":{"data":"AA"}}]"#;
        assert_eq!(read(parts), ["a", "<data:image/png;base64,AA>", "b"]);
        assert_eq!(read(r#""a""#), ["a"]);
        assert_eq!(read("null"), [""; 0]);
        assert_eq!(read(r#"{"a":1}"#), [""; 0]);
    }

    #[test]
    fn images_of_all_shapes_are_read() {
        for part in [
            r#"{"image_url":{"url":"data:image/webp;base64,AA"}}"#,
            r#"{"type":"image_url","image_url":"data:image/webp;base64,AA"}"#,
            r#"{"type":"image","image":"data:image/webp;base64,AA"}"#,
            r#"{"type":"image","url":"data:image/webp;base64,AA"}"#,
            r#"{"type":"image","source":{"type":"base64","media_type":"image/webp","data":"AA"}}"#,
            r#"{"inline_data":{"mime_type":"image/webp","data":"AA"}}"#,
            r#"{"type":"image","mimeType":"image/webp","data":"AA"}"#,
        ] {
            assert_eq!(read(&format!("[{part}]")), ["<data:image/webp;base64,AA>"], "{part}");
        }
        assert_eq!(read(r#"[{"b64_json":"AA"}]"#), ["<data:image/png;base64,AA>"]);
        assert_eq!(
            read(r#"[{"image_url":{"url":"https://a.example/b.png"}}]"#),
            ["<https://a.example/b.png>"]
        );
    }

    #[test]
    fn what_is_no_image_is_left_out() {
        for url in [
            "",
            "data:text/html,<script>",
            "javascript:alert(1)",
            "file:///etc/passwd",
            "data:image/png",
            "é",
        ] {
            let part = serde_json::json!([{"image_url": {"url": url}}]).to_string();
            assert_eq!(read(&part), [""; 0], "{url}");
        }
    }
}
