//! Query parameters. Unknown and repeated parameters are refused, and values with U+0000, which PostgreSQL cannot
//! store.

use std::fmt::Display;
use std::str::FromStr;

use actix_web::{HttpRequest, web};
use utoipa::IntoParams;

use crate::dto::PageCursor;
use crate::error::Problem;

/// Default number of rows of a page.
pub(crate) const DEFAULT_LIMIT: u32 = 20;
/// Maximum number of rows of a page.
pub(crate) const MAX_LIMIT: u32 = 100;

/// Parameters of a paged list, for the OpenAPI document.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "a description alone: `Query` reads the parameters, with errors of its own")]
pub(crate) struct PageParams {
    /// Maximum number of rows. Default: 20.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// The `next_cursor` of the previous page, with the same filters.
    cursor: Option<String>,
}

/// The parameters of a request that no handler has taken yet.
#[derive(Debug)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// The parameters of a request.
    ///
    /// # Errors
    /// A parameter that is not percent-encoded UTF-8, that is given twice, or that holds U+0000.
    pub(crate) fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let pairs = web::Query::<Vec<(String, String)>>::from_query(request.query_string())
            .map_err(|_| Problem::parameter("query", "it cannot be decoded"))?
            .into_inner();
        for (index, (name, value)) in pairs.iter().enumerate() {
            if value.contains('\0') || name.contains('\0') {
                return Err(Problem::parameter(
                    &name.replace('\0', ""),
                    "the character U+0000 cannot be taken",
                ));
            }
            if pairs[..index].iter().any(|(earlier, _)| earlier == name) {
                return Err(Problem::parameter(name, "it is given twice"));
            }
        }
        Ok(Query(pairs))
    }

    /// Takes a parameter as text.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        let index = self.0.iter().position(|(given, _)| given == name)?;
        Some(self.0.swap_remove(index).1)
    }

    /// Takes a parameter and reads it.
    pub(crate) fn read<T: FromStr<Err: Display>>(&mut self, name: &str) -> Result<Option<T>, Problem> {
        self.text(name).map(|text| text.parse().map_err(|error| Problem::parameter(name, error))).transpose()
    }

    /// Takes the size of the page.
    pub(crate) fn limit(&mut self) -> Result<u32, Problem> {
        Ok(self.limit_to(MAX_LIMIT)?.unwrap_or(DEFAULT_LIMIT))
    }

    /// Takes the size of a page with another default or maximum.
    pub(crate) fn limit_to(&mut self, max: u32) -> Result<Option<u32>, Problem> {
        match self.text("limit").map(|text| text.parse()) {
            None => Ok(None),
            Some(Ok(limit)) if (1..=max).contains(&limit) => Ok(Some(limit)),
            Some(_) => Err(Problem::parameter("limit", format_args!("it must be a number from 1 to {max}"))),
        }
    }

    /// Takes the cursor of a list.
    pub(crate) fn cursor<K: PageCursor>(&mut self) -> Result<Option<K>, Problem> {
        let refuse = || Problem::parameter("cursor", "it is not a cursor of this list");
        self.text("cursor").map(|text| K::from_cursor(&text).ok_or_else(refuse)).transpose()
    }

    /// Refuses parameters that were not taken: a misspelled filter would silently return other rows.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => Err(Problem::parameter(name, "this route has no such parameter")),
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use causerie_domain::sessions::SessionState;

    use super::*;

    fn query(text: &str) -> Result<Query, Problem> {
        Query::of(&TestRequest::with_uri(&format!("/?{text}")).to_http_request())
    }

    #[test]
    fn parameters_are_taken_by_name() {
        let mut query = query("state=paused&limit=7&tool=a%20b").unwrap();
        assert_eq!(query.limit().unwrap(), 7);
        assert_eq!(query.read("state").unwrap(), Some(SessionState::Paused));
        assert_eq!(query.text("tool").as_deref(), Some("a b"));
        assert_eq!(query.text("tool"), None);
        query.finish().unwrap();
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        let check = |text: &str, expected: &str| {
            let refusal = query(text).and_then(|mut query| {
                query.limit()?;
                query.read::<SessionState>("state")?;
                query.finish()
            });
            let refusal = refusal.unwrap_err().to_string();
            assert!(refusal.starts_with(&format!("invalid_parameter: {expected}")), "{refusal}");
        };
        check("limit=0", "limit: it must be a number from 1 to 100");
        check("limit=101", "limit: ");
        check("limit=", "limit: ");
        check(
            "state=open",
            "state: unknown session state \"open\", expected one of active, paused, completed",
        );
        check("sate=active", "sate: this route has no such parameter");
        check("limit=1&limit=2", "limit: it is given twice");
        check("tool=a%00b", "tool: the character U+0000");
    }
}
