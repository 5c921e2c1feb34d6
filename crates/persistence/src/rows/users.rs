//! Rows of `users`.

use causerie_domain::ports::StoreError;
use causerie_domain::users::User;
use causerie_domain::{Timestamp, UserId};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;

use super::parse_variant;
use crate::schema::users;

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = users, check_for_backend(Pg, Sqlite))]
pub(crate) struct UserRow {
    pub(crate) id: UserId,
    email: String,
    name: String,
    locale: Option<String>,
    status: String,
    role: String,
    created_at: i64,
}

impl TryFrom<UserRow> for User {
    type Error = StoreError;

    fn try_from(row: UserRow) -> Result<Self, StoreError> {
        Ok(User {
            id: row.id,
            email: row.email,
            name: row.name,
            locale: row.locale,
            status: parse_variant("users.status", &row.status)?,
            role: parse_variant("users.role", &row.role)?,
            created_at: Timestamp::from_micros(row.created_at),
        })
    }
}
