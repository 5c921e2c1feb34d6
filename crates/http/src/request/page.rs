//! The page of a list that a request asks for.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use causerie_domain::page::{After, PageRequest};

use super::query::Query;
use crate::dto::PageCursor;
use crate::error::Problem;

/// The page of a list that takes no parameters but `limit` and `cursor`.
#[derive(Debug)]
pub(crate) struct Pagination<K>(pub(crate) PageRequest<K>);

impl<K: PageCursor> Pagination<K> {
    fn read(request: &HttpRequest) -> Result<Self, Problem> {
        let mut query = Query::of(request)?;
        let page = PageRequest { limit: query.limit()?, after: query.cursor::<K>()?.map(After) };
        query.finish()?;
        Ok(Pagination(page))
    }

    /// Converts the cursor of the page.
    pub(crate) fn by<T>(self, key: impl FnOnce(K) -> T) -> PageRequest<T> {
        let PageRequest { limit, after } = self.0;
        PageRequest { limit, after: after.map(|After(last)| After(key(last))) }
    }
}

impl<K: PageCursor> FromRequest for Pagination<K> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Pagination::read(request))
    }
}
