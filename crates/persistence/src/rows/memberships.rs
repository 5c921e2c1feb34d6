//! Rows of `memberships` and `invitations`.

use causerie_domain::memberships::{Invitation, Membership};
use causerie_domain::ports::StoreError;
use causerie_domain::{GroupId, Timestamp, UserId};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;

use super::parse_variant;
use crate::schema::{groups, invitations, memberships};

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = memberships, check_for_backend(Pg, Sqlite))]
pub(crate) struct MembershipRow {
    group_id: GroupId,
    role: String,
    #[diesel(select_expression = groups::requests_per_minute)]
    requests_per_minute: Option<i64>,
}

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = memberships, check_for_backend(Pg, Sqlite))]
pub(crate) struct MemberRow {
    pub(crate) user_id: UserId,
    pub(crate) role: String,
    pub(crate) created_at: i64,
}

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = invitations, check_for_backend(Pg, Sqlite))]
pub(crate) struct InvitationRow {
    group_id: GroupId,
    email: String,
    role: String,
    created_at: i64,
}

impl TryFrom<MembershipRow> for Membership {
    type Error = StoreError;

    fn try_from(row: MembershipRow) -> Result<Self, StoreError> {
        Ok(Membership {
            group_id: row.group_id,
            role: parse_variant("memberships.role", &row.role)?,
            requests_per_minute: super::groups::rate(row.requests_per_minute)?,
        })
    }
}

impl InvitationRow {
    /// Converts the row to an invitation, with the name of its group.
    pub(crate) fn into_invitation(self, group_name: String) -> Result<Invitation, StoreError> {
        Ok(Invitation {
            group_id: self.group_id,
            group_name,
            email: self.email,
            role: parse_variant("invitations.role", &self.role)?,
            created_at: Timestamp::from_micros(self.created_at),
        })
    }
}
