//! Ids in paths.

use std::future::{Ready, ready};
use std::str::FromStr;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use causerie_domain::UserId;

use crate::error::Problem;

/// The `{id}` of the path.
///
/// What is no id at all names nothing, so it reads as the id that no row has. The answer is then that for any
/// other absent thing, made by the same checks in the same order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PathId<T>(pub(crate) T);

const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

impl<T: FromStr> FromRequest for PathId<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(read(request, "id").map(PathId))
    }
}

/// The `{user_id}` of the path, read alike.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PathUser(pub(crate) UserId);

impl FromRequest for PathUser {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(read(request, "user_id").map(PathUser))
    }
}

fn read<T: FromStr>(request: &HttpRequest, name: &str) -> Result<T, Problem> {
    let given = request.match_info().get(name).unwrap_or(NOBODY);
    let id = given.parse().or_else(|_| NOBODY.parse());
    id.map_err(|_| Problem::internal("the nil UUID is not taken as an id"))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use causerie_domain::SessionId;

    use super::*;

    #[test]
    fn an_id_is_read_and_anything_else_names_nobody() {
        let check = |given: &'static str, expected: &str| {
            let request = TestRequest::default().param("id", given).to_http_request();
            let id = PathId::<SessionId>::extract(&request).into_inner().unwrap().0;
            assert_eq!(id.to_string(), expected);
        };
        check("01990000-0000-7000-8000-000000000001", "01990000-0000-7000-8000-000000000001");
        check("mine", NOBODY);
        check("01990000000070008000000000000001", NOBODY);
    }
}
