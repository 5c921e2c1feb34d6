//! Validation of JSON against the schemas of the OpenAPI document, with the keywords of JSON Schema that the document
//! uses. Another keyword is an error, so that no schema is checked by halves.

use causerie_testkit::anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

/// Keywords without effect on validity.
const ANNOTATIONS: [&str; 4] = ["description", "examples", "default", "title"];

/// The OpenAPI document.
pub(super) struct Document(pub(super) Value);

impl Document {
    /// Checks a value against a schema.
    ///
    /// # Errors
    /// The place and the reason of the first difference.
    pub(super) fn check(&self, schema: &Value, value: &Value) -> Result<()> {
        self.check_at(schema, value, "", true)
    }

    /// Checks a value at a pointer. With `is_closed`, members that the schema does not name are refused.
    fn check_at(&self, schema: &Value, value: &Value, at: &str, is_closed: bool) -> Result<()> {
        let Some(keywords) = schema.as_object() else { bail!("{at}: {schema} is not a schema") };
        for (keyword, argument) in keywords {
            self.keyword(keyword, argument, (schema, is_closed), value, at)
                .with_context(|| format!("{at}: {keyword}: {}", shorten(value)))?;
        }
        Ok(())
    }

    fn keyword(
        &self,
        keyword: &str,
        argument: &Value,
        (schema, is_closed): (&Value, bool),
        value: &Value,
        at: &str,
    ) -> Result<()> {
        match keyword {
            "$ref" => {
                let pointer =
                    argument.as_str().and_then(|text| text.strip_prefix('#')).context("a pointer")?;
                let target = self.0.pointer(pointer).with_context(|| format!("{pointer} does not exist"))?;
                self.check_at(target, value, at, is_closed)
            }
            "type" => {
                let allowed = argument.as_array().map_or(std::slice::from_ref(argument), Vec::as_slice);
                ensure!(allowed.iter().any(|name| has_type(name, value)), "not of the type {argument}");
                Ok(())
            }
            "enum" => {
                let is_listed = argument.as_array().is_some_and(|values| values.contains(value));
                ensure!(is_listed, "not in {argument}");
                Ok(())
            }
            "const" => {
                ensure!(argument == value, "not {argument}");
                Ok(())
            }
            "oneOf" | "anyOf" => {
                let checked = argument.as_array().context("a list of schemas")?.iter();
                let checked: Vec<_> =
                    checked.map(|schema| self.check_at(schema, value, at, is_closed)).collect();
                let valid = checked.iter().filter(|checked| checked.is_ok()).count();
                let is_valid = if keyword == "oneOf" { valid == 1 } else { valid >= 1 };
                let reasons: Vec<_> =
                    checked.iter().filter_map(|one| Some(format!("{:#}", one.as_ref().err()?))).collect();
                ensure!(is_valid, "{valid} of {} schemas match: {reasons:#?}", checked.len());
                Ok(())
            }
            "allOf" => {
                let mut schemas = argument.as_array().context("a list of schemas")?.iter();
                schemas.try_for_each(|schema| self.check_at(schema, value, at, false))
            }
            "properties" => {
                let (Some(properties), Some(members)) = (argument.as_object(), value.as_object()) else {
                    return Ok(());
                };
                // `meta` has any members; the document names some of a message's.
                let is_open = !is_closed || schema.get("allOf").is_some() || at.ends_with("/meta");
                for (name, member) in members {
                    let at = format!("{at}/{name}");
                    match properties.get(name) {
                        Some(property) => self.check_at(property, member, &at, true)?,
                        None => ensure!(
                            is_open || schema.get("additionalProperties").is_some(),
                            "{at} is not documented"
                        ),
                    }
                }
                Ok(())
            }
            "additionalProperties" => {
                let named = schema["properties"].as_object();
                let others = value.as_object().into_iter().flatten();
                for (name, member) in
                    others.filter(|(name, _)| named.is_none_or(|all| !all.contains_key(*name)))
                {
                    match argument {
                        Value::Bool(is_allowed) => ensure!(is_allowed, "{name} is not allowed"),
                        schema => self.check_at(schema, member, &format!("{at}/{name}"), true)?,
                    }
                }
                Ok(())
            }
            "propertyNames" => {
                let mut names = value.as_object().into_iter().flatten().map(|(name, _)| name.as_str());
                names.try_for_each(|name| self.check_at(argument, &Value::from(name), at, true))
            }
            "required" => {
                let Some(members) = value.as_object() else { return Ok(()) };
                let required = argument.as_array().into_iter().flatten().filter_map(Value::as_str);
                let missing: Vec<_> = required.filter(|name| !members.contains_key(*name)).collect();
                ensure!(missing.is_empty(), "missing members: {missing:?}");
                Ok(())
            }
            "items" => {
                let mut items = value.as_array().into_iter().flatten().enumerate();
                items.try_for_each(|(index, item)| {
                    self.check_at(argument, item, &format!("{at}/{index}"), true)
                })
            }
            "minimum" | "maximum" => {
                let (Some(number), Some(bound)) = (value.as_f64(), argument.as_f64()) else { return Ok(()) };
                let is_within = if keyword == "minimum" { number >= bound } else { number <= bound };
                ensure!(is_within, "{number} is beyond {bound}");
                Ok(())
            }
            "minItems" | "maxItems" | "minLength" | "maxLength" => {
                let of_text = value.as_str().map(|text| text.chars().count());
                let of_list = value.as_array().map(Vec::len);
                let length = if keyword.ends_with("Items") { of_list } else { of_text };
                let (Some(length), Some(bound)) = (length, argument.as_u64()) else { return Ok(()) };
                let is_within =
                    if keyword.starts_with("min") { length as u64 >= bound } else { length as u64 <= bound };
                ensure!(is_within, "the length {length} is beyond {bound}");
                Ok(())
            }
            // Formats of texts are annotations; patterns are those of numbers in texts.
            "format" | "pattern" => Ok(()),
            annotation if ANNOTATIONS.contains(&annotation) => Ok(()),
            other => bail!("the keyword {other} is not known"),
        }
    }
}

fn has_type(name: &Value, value: &Value) -> bool {
    match name.as_str() {
        Some("null") => value.is_null(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("string") => value.is_string(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => false,
    }
}

fn shorten(value: &Value) -> String {
    value.to_string().chars().take(200).collect()
}
