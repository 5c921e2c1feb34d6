//! Parser for model ids: `sim/<name>?<key>=<value>&…`, with an optional variant such as `:free`.

use std::str::FromStr;
use std::time::Duration;

/// Invalid parameter. The response is status 400, so that a misspelling in a test is detected.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ParameterError {
    #[error("{scenario} has no parameter {name}")]
    Unknown { scenario: String, name: String },
    #[error("{name}={value} is not {expected}")]
    Invalid { name: String, value: String, expected: String },
}

/// Parsed model id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ModelId {
    /// Id without parameters and variant.
    pub(crate) path: String,
    pub(crate) params: Params,
}

/// Parameters in the order of the model id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Params(Vec<(String, String)>);

impl ModelId {
    pub(crate) fn parse(id: &str) -> Self {
        let (path, query) = id.split_once('?').unwrap_or((id, ""));
        let path = path.split_once(':').map_or(path, |(path, _variant)| path);
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (name.to_owned(), value.to_owned())
        });
        Self { path: path.to_owned(), params: Params(pairs.collect()) }
    }
}

impl Params {
    /// Returns the names in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Sets a parameter if the model id does not contain it.
    pub(crate) fn set_default(&mut self, name: &str, value: &str) {
        if self.text(name).is_none() {
            self.0.push((name.to_owned(), value.to_owned()));
        }
    }

    /// Returns a whole number, at most `limit`.
    pub(crate) fn number_up_to(&self, name: &str, limit: u64) -> Result<Option<u64>, ParameterError> {
        let Some(value) = self.text(name) else { return Ok(None) };
        match u64::from_str(value) {
            Ok(number) if number <= limit => Ok(Some(number)),
            _ => Err(invalid(name, value, format!("a whole number from 0 to {limit}"))),
        }
    }

    /// Returns a number up to 1,000,000, such as a token count or a status.
    pub(crate) fn number(&self, name: &str, default: u64) -> Result<u64, ParameterError> {
        Ok(self.number_up_to(name, 1_000_000)?.unwrap_or(default))
    }

    /// Returns a number up to 1,000,000 as a length or index.
    pub(crate) fn count(&self, name: &str, default: usize) -> Result<usize, ParameterError> {
        let number = self.number_up_to(name, 1_000_000)?;
        Ok(number.and_then(|number| usize::try_from(number).ok()).unwrap_or(default))
    }

    /// Returns a duration from milliseconds, at most one hour.
    pub(crate) fn millis(&self, name: &str, default: Duration) -> Result<Duration, ParameterError> {
        Ok(self.number_up_to(name, 3_600_000)?.map_or(default, Duration::from_millis))
    }

    /// Returns whether the value is `yes`; the only other value is `no`.
    pub(crate) fn switch(&self, name: &str, default: bool) -> Result<bool, ParameterError> {
        let default = if default { "yes" } else { "no" };
        Ok(self.choice(name, default, &["yes", "no"])? == "yes")
    }

    /// Returns one of several values.
    pub(crate) fn choice(
        &self,
        name: &str,
        default: &'static str,
        values: &[&'static str],
    ) -> Result<&'static str, ParameterError> {
        let Some(value) = self.text(name) else { return Ok(default) };
        let chosen = values.iter().find(|known| **known == value);
        chosen.copied().ok_or_else(|| invalid(name, value, format!("one of {}", values.join(", "))))
    }
}

pub(crate) fn invalid(name: &str, value: &str, expected: String) -> ParameterError {
    ParameterError::Invalid { name: name.to_owned(), value: value.to_owned(), expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(query: &str) -> Params {
        ModelId::parse(&format!("sim/x?{query}")).params
    }

    #[test]
    fn an_id_is_parsed_into_path_variant_and_parameters() {
        let check = |id: &str, path: &str, names: &[&str]| {
            let parsed = ModelId::parse(id);
            assert_eq!(parsed.path, path, "{id}");
            assert_eq!(parsed.params.names().collect::<Vec<_>>(), names, "{id}");
        };
        check("sim/echo", "sim/echo", &[]);
        check("sim/slow?delay_ms=50&words=40", "sim/slow", &["delay_ms", "words"]);
        check("sim/echo:nitro", "sim/echo", &[]);
        check("openai/gpt-5-mini:free", "openai/gpt-5-mini", &[]);
        check("sim/echo?", "sim/echo", &[]);
    }

    #[test]
    fn values_are_checked_and_absent_ones_have_defaults() {
        assert_eq!(params("n=3").number("n", 7), Ok(3));
        assert_eq!(params("").number("n", 7), Ok(7));
        assert_eq!(params("d=1500").millis("d", Duration::ZERO), Ok(Duration::from_millis(1_500)));
        assert_eq!(params("s=yes").switch("s", false), Ok(true));
        assert_eq!(params("").choice("c", "a", &["a", "b"]), Ok("a"));
        let messages: Vec<String> = [
            params("n=many").number("n", 7).unwrap_err(),
            params("n=1000001").number("n", 7).unwrap_err(),
            params("c=z").choice("c", "a", &["a", "b"]).unwrap_err(),
        ]
        .iter()
        .map(ToString::to_string)
        .collect();
        assert_eq!(
            messages,
            [
                "n=many is not a whole number from 0 to 1000000",
                "n=1000001 is not a whole number from 0 to 1000000",
                "c=z is not one of a, b",
            ]
        );
    }
}
