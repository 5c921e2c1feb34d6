//! Ids in columns: one SQL type that is a native `uuid` on PostgreSQL and sixteen bytes on SQLite.
//!
//! The domain's ids are read as they are; to be written they become a [`Key`], since diesel keeps foreign types from
//! being expressions. Everything else is stored as plain integers and text, which both databases read alike.

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

/// The SQL type of ids. In both forms they sort by time of creation.
#[derive(Debug, Clone, Copy, Default, QueryId, SqlType)]
#[diesel(postgres_type(oid = 2950, array_oid = 2951), sqlite_type(name = "Binary"))]
pub struct Uid;

/// An id on its way into a statement, whatever it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = Uid)]
pub(crate) struct Key(Uuid);

/// An id for a statement.
pub(crate) fn key(id: impl Into<Key>) -> Key {
    id.into()
}

impl From<Uuid> for Key {
    fn from(uuid: Uuid) -> Self {
        Key(uuid)
    }
}

impl From<Key> for Uuid {
    fn from(key: Key) -> Self {
        key.0
    }
}

impl ToSql<Uid, Pg> for Key {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(self.0.as_bytes())?;
        Ok(IsNull::No)
    }
}

impl ToSql<Uid, Sqlite> for Key {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.as_bytes().as_slice());
        Ok(IsNull::No)
    }
}

impl FromSql<Uid, Pg> for Key {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        <Uuid as FromSql<PgUuid, Pg>>::from_sql(value).map(Key)
    }
}

impl FromSql<Uid, Sqlite> for Key {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let bytes = <Vec<u8> as FromSql<Binary, Sqlite>>::from_sql(value)?;
        Ok(Key(Uuid::from_slice(&bytes)?))
    }
}

macro_rules! stored_as_uid {
    ($($id:ident,)+) => { $(
        impl From<$id> for Key {
            fn from(id: $id) -> Self {
                Key(id.as_uuid())
            }
        }

        impl<DB: Backend> FromSql<Uid, DB> for $id
        where
            Key: FromSql<Uid, DB>,
        {
            fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
                Key::from_sql(value).map(|key| $id::from_uuid(key.0))
            }
        }

        impl<DB: Backend> Queryable<Uid, DB> for $id
        where
            $id: FromStaticSqlRow<Uid, DB>,
        {
            type Row = Self;

            fn build(row: Self) -> deserialize::Result<Self> {
                Ok(row)
            }
        }
    )+ };
}

stored_as_uid! {
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
