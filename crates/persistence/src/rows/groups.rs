//! Rows of `groups`.

use std::num::NonZeroU32;

use causerie_domain::groups::Group;
use causerie_domain::ports::StoreError;
use causerie_domain::{GroupId, Timestamp};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;

use crate::schema::groups;

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = groups, check_for_backend(Pg, Sqlite))]
pub(crate) struct GroupRow {
    id: GroupId,
    pub(crate) name: String,
    requests_per_minute: Option<i64>,
    created_at: i64,
}

impl TryFrom<GroupRow> for Group {
    type Error = StoreError;

    fn try_from(row: GroupRow) -> Result<Self, StoreError> {
        Ok(Group {
            id: row.id,
            name: row.name,
            requests_per_minute: rate(row.requests_per_minute)?,
            created_at: Timestamp::from_micros(row.created_at),
        })
    }
}

/// Returns the sends per minute that a group allows each of its members; `None` if it has no limit of its own.
pub(super) fn rate(requests_per_minute: Option<i64>) -> Result<Option<NonZeroU32>, StoreError> {
    let count = |per_minute| super::count::<u32>("groups.requests_per_minute", per_minute);
    Ok(requests_per_minute.map(count).transpose()?.and_then(NonZeroU32::new))
}
