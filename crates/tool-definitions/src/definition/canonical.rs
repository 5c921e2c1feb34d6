//! Canonical text of a definition and its hash. Both depend on the content only, not on order or formatting.

use sha2::{Digest, Sha256};

use super::ToolDefinition;

/// Returns the canonical text of a definition: JSON with sorted keys and without whitespace, as it is stored.
pub fn canonical_json(definition: &ToolDefinition) -> String {
    // The serialization cannot fail: all keys are text and all numbers are finite.
    let mut value = serde_json::to_value(definition).unwrap_or_default();
    // The order of a map depends on the feature `preserve_order`, which any crate of a build can enable.
    value.sort_all_objects();
    value.to_string()
}

/// Returns the SHA-256 hash of a canonical text in hexadecimal.
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

    const DEFINITION: &str = "name: t\nversion: 1.0.0\ntype: chat\ntitle: T\nbehavior: |\n  Be kind.\nparameters:\n  \
                         temperature: 1.0\n  top_p: 0.50\nmeta:\n  b: [1, {d: null, c: 'ü'}]\n  a: true\n";

    #[test]
    fn the_text_is_sorted_and_omits_absent_keys() {
        assert_eq!(
            canonical_json(&yaml(DEFINITION)),
            "{\"behavior\":\"Be kind.\\n\",\"meta\":{\"a\":true,\"b\":[1,{\"c\":\"ü\",\"d\":null}]},\
             \"name\":\"t\",\"parameters\":{\"temperature\":1,\"top_p\":0.5},\"title\":\"T\",\"type\":\"chat\",\
             \"version\":\"1.0.0\"}"
        );
    }

    #[test]
    fn order_and_formatting_do_not_matter() {
        let other = "# comment\nmeta: {\"a\": true, b: [0x1, {c: ü, d: ~}]}\ntitle: 'T'\nversion: \"1.0.0\"\n\
                     type: chat\nparameters: {top_p: 5e-1, stop: [], temperature: 1}\nhistory: {}\n\
                     behavior: \"Be kind.\\n\"\nname: t\n";
        let as_json = canonical_json(&yaml(DEFINITION));
        assert_eq!(canonical_json(&yaml(other)), as_json);
        assert_eq!(canonical_json(&parse_json("t.json", as_json.as_bytes()).unwrap()), as_json);
        assert_eq!(ToolDefinition::from_canonical(&as_json).unwrap(), yaml(DEFINITION));
    }

    #[test]
    fn every_difference_changes_the_hash() {
        let hash = |text: &str| content_hash(&canonical_json(&yaml(text)));
        for (from, to) in [("kind.", "kind. "), ("1.0.0", "1.0.1"), ("0.50", "0.51"), ("true", "false")] {
            assert_ne!(hash(DEFINITION), hash(&DEFINITION.replace(from, to)), "{from} {to}");
        }
    }

    #[test]
    fn the_hash_is_sha_256_in_hex() {
        assert_eq!(content_hash(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
