//! The page of a list: the parameters `limit` and `cursor`.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use causerie_domain::page::{After, PageRequest};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use utoipa::IntoParams;

use super::query::Query;
use crate::dto::PageCursor;
use crate::error::Problem;

/// Default number of rows of a page.
const DEFAULT_LIMIT: u32 = 20;

/// Parameters of a paged list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageParams {
    /// Maximum number of rows. Default: 20.
    #[serde(default = "default_limit", deserialize_with = "limit_up_to::<100, _>")]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    pub(crate) limit: u32,
    /// The `next_cursor` of the previous page, with the same filters.
    cursor: Option<String>,
}

impl PageParams {
    /// Returns the position after which the page starts.
    ///
    /// # Errors
    /// The cursor belongs to another list.
    pub(crate) fn after<K: PageCursor>(&self) -> Result<Option<K>, Problem> {
        decode_cursor(self.cursor.as_deref())
    }
}

/// The page of a list without other parameters, with a cursor of type `K`.
#[derive(Debug)]
pub(crate) struct Pagination<K>(pub(crate) PageRequest<K>);

impl<K: PageCursor> Pagination<K> {
    fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let Query(page) = Query::<PageParams>::of(request)?;
        Ok(Pagination(PageRequest { limit: page.limit, after: page.after()?.map(After) }))
    }

    /// Converts the cursor of the page.
    pub(crate) fn map_cursor<T>(self, convert: impl FnOnce(K) -> T) -> PageRequest<T> {
        let PageRequest { limit, after } = self.0;
        PageRequest { limit, after: after.map(|After(last)| After(convert(last))) }
    }
}

impl<K: PageCursor> FromRequest for Pagination<K> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Pagination::of(request))
    }
}

/// Decodes the parameter `cursor`.
///
/// # Errors
/// The text is not a cursor of this list.
pub(super) fn decode_cursor<K: PageCursor>(cursor: Option<&str>) -> Result<Option<K>, Problem> {
    let refuse = || Problem::parameter("cursor", "it is not a cursor of this list");
    cursor.map(|text| K::from_cursor(text).ok_or_else(refuse)).transpose()
}

/// Deserializes the parameter `limit`: a number from 1 to `MAX`.
pub(super) fn limit_up_to<'de, const MAX: u32, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<u32, D::Error> {
    match String::deserialize(deserializer)?.parse() {
        Ok(limit) if (1..=MAX).contains(&limit) => Ok(limit),
        _ => Err(D::Error::custom(format_args!("it must be a number from 1 to {MAX}"))),
    }
}

fn default_limit() -> u32 {
    DEFAULT_LIMIT
}
