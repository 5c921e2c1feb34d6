//! The SQL type of ids: a native `uuid` on PostgreSQL and sixteen bytes on SQLite.
//!
//! Ids of the domain are read directly. To be written they are converted to [`IdParam`], since diesel does not allow
//! foreign types as expressions. All other columns are integers and text, which both databases treat alike.

use std::io::Write;

use causerie_domain::{
    ApiKeyId, AttachmentId, AuditEventId, GroupId, InstanceId, MessageId, SessionId, ToolId, ToolVersionId,
    TurnId, UsageId, UserId,
};
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow, FromStaticSqlRow, Queryable};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::query_builder::QueryId;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{Binary, SqlType, Uuid as PgUuid};
use diesel::sqlite::Sqlite;
use uuid::Uuid;

/// The SQL type of ids. In both representations ids sort by time of creation.
#[derive(Debug, Clone, Copy, Default, QueryId, SqlType)]
#[diesel(postgres_type(oid = 2950, array_oid = 2951), sqlite_type(name = "Binary"))]
pub struct SqlId;

/// A bind parameter with an id of any kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = SqlId)]
pub(crate) struct IdParam(Uuid);

/// Converts an id to a bind parameter.
pub(crate) fn id_param(id: impl Into<IdParam>) -> IdParam {
    id.into()
}

impl From<Uuid> for IdParam {
    fn from(uuid: Uuid) -> Self {
        IdParam(uuid)
    }
}

impl From<IdParam> for Uuid {
    fn from(key: IdParam) -> Self {
        key.0
    }
}

impl ToSql<SqlId, Pg> for IdParam {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(self.0.as_bytes())?;
        Ok(IsNull::No)
    }
}

impl ToSql<SqlId, Sqlite> for IdParam {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.as_bytes().as_slice());
        Ok(IsNull::No)
    }
}

impl FromSql<SqlId, Pg> for IdParam {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        <Uuid as FromSql<PgUuid, Pg>>::from_sql(value).map(IdParam)
    }
}

impl FromSql<SqlId, Sqlite> for IdParam {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let bytes = <Vec<u8> as FromSql<Binary, Sqlite>>::from_sql(value)?;
        Ok(IdParam(Uuid::from_slice(&bytes)?))
    }
}

macro_rules! stored_as_sql_id {
    ($($id:ident,)+) => { $(
        impl From<$id> for IdParam {
            fn from(id: $id) -> Self {
                IdParam(id.as_uuid())
            }
        }

        impl From<IdParam> for $id {
            fn from(param: IdParam) -> Self {
                $id::from_uuid(param.0)
            }
        }

        impl<DB: Backend> FromSql<SqlId, DB> for $id
        where
            IdParam: FromSql<SqlId, DB>,
        {
            fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
                IdParam::from_sql(value).map(|key| $id::from_uuid(key.0))
            }
        }

        impl<DB: Backend> Queryable<SqlId, DB> for $id
        where
            $id: FromStaticSqlRow<SqlId, DB>,
        {
            type Row = Self;

            fn build(row: Self) -> deserialize::Result<Self> {
                Ok(row)
            }
        }
    )+ };
}

stored_as_sql_id! {
    ApiKeyId,
    AttachmentId,
    AuditEventId,
    GroupId,
    InstanceId,
    MessageId,
    SessionId,
    ToolId,
    ToolVersionId,
    TurnId,
    UsageId,
    UserId,
}
