//! The canonical text of a definition, and its hash: the same for the same content, however it was written.

use sha2::{Digest, Sha256};

use super::ToolDefinition;

/// A definition as JSON text with sorted keys and without blanks. What a store keeps.
pub fn canonical_json(definition: &ToolDefinition) -> String {
    // Serialising a plain struct to a value cannot fail: its keys are text and its numbers are finite.
    let mut value = serde_json::to_value(definition).unwrap_or_default();
    // The map's own order depends on features that any crate of the build may switch on.
    value.sort_all_objects();
    value.to_string()
}

/// SHA-256 of a canonical text, in hex.
pub fn content_hash(canonical: &str) -> String {
    hex::encode(Sha256::digest(canonical.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{parse_json, parse_yaml};

    fn yaml(text: &str) -> ToolDefinition {
        parse_yaml("t.yaml", text.as_bytes()).unwrap()
    }

    const GIVEN: &str = "name: t\nversion: 1.0.0\ntype: chat\ntitle: T\nbehavior: |\n  Be kind.\nparameters:\n  \
                         temperature: 1.0\n  top_p: 0.50\nmeta:\n  b: [1, {d: null, c: 'ü'}]\n  a: true\n";

    #[test]
    fn the_text_is_sorted_and_leaves_out_what_is_absent() {
        assert_eq!(
            canonical_json(&yaml(GIVEN)),
            "{\"behavior\":\"Be kind.\\n\",\"meta\":{\"a\":true,\"b\":[1,{\"c\":\"ü\",\"d\":null}]},\
             \"name\":\"t\",\"parameters\":{\"temperature\":1,\"top_p\":0.5},\"title\":\"T\",\"type\":\"chat\",\
             \"version\":\"1.0.0\"}"
        );
    }

    #[test]
    fn order_and_formatting_do_not_matter() {
        let other = "# again\nmeta: {\"a\": true, b: [0x1, {c: ü, d: ~}]}\ntitle: 'T'\nversion: \"1.0.0\"\n\
                     type: chat\nparameters: {top_p: 5e-1, stop: [], temperature: 1}\nhistory: {}\n\
                     behavior: \"Be kind.\\n\"\nname: t\n";
        let as_json = canonical_json(&yaml(GIVEN));
        assert_eq!(canonical_json(&yaml(other)), as_json);
        assert_eq!(canonical_json(&parse_json("t.json", as_json.as_bytes()).unwrap()), as_json);
        assert_eq!(ToolDefinition::from_canonical(&as_json).unwrap(), yaml(GIVEN));
    }

    #[test]
    fn every_difference_matters() {
        let hash = |text: &str| content_hash(&canonical_json(&yaml(text)));
        for (from, to) in [("kind.", "kind. "), ("1.0.0", "1.0.1"), ("0.50", "0.51"), ("true", "false")] {
            assert_ne!(hash(GIVEN), hash(&GIVEN.replace(from, to)), "{from} {to}");
        }
    }

    #[test]
    fn the_hash_is_sha_256_in_hex() {
        assert_eq!(content_hash(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
