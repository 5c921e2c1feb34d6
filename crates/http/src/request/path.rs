//! Ids in paths.

use std::future::{Ready, ready};
use std::str::FromStr;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use causerie_domain::UserId;

use crate::error::Problem;

/// The `{id}` of a path.
///
/// Text that is not a UUID is read as the nil UUID, which no row has. The response is then the same as for any other
/// missing resource, after the same checks in the same order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PathId<T>(pub(crate) T);

const NIL: &str = "00000000-0000-0000-0000-000000000000";

impl<T: FromStr> FromRequest for PathId<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(parse(request, "id").map(PathId))
    }
}

/// The `{user_id}` of a path, read like [`PathId`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct PathUser(pub(crate) UserId);

impl FromRequest for PathUser {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(parse(request, "user_id").map(PathUser))
    }
}

fn parse<T: FromStr>(request: &HttpRequest, name: &str) -> Result<T, Problem> {
    let given = request.match_info().get(name).unwrap_or(NIL);
    let id = given.parse().or_else(|_| NIL.parse());
    id.map_err(|_| Problem::internal("the nil UUID is not an id"))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use causerie_domain::SessionId;

    use super::*;

    #[test]
    fn text_that_is_not_an_id_reads_as_the_nil_uuid() {
        let check = |given: &'static str, expected: &str| {
            let request = TestRequest::default().param("id", given).to_http_request();
            let id = PathId::<SessionId>::extract(&request).into_inner().unwrap().0;
            assert_eq!(id.to_string(), expected);
        };
        check("01990000-0000-7000-8000-000000000001", "01990000-0000-7000-8000-000000000001");
        check("mine", NIL);
        check("01990000000070008000000000000001", NIL);
    }
}
