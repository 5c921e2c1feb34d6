//! Scalar values in JSON: ids, timestamps, amounts and enum variants are text.

use causerie_domain::attachments::StorageProvider;
use causerie_domain::audit_events::AuditAction;
use causerie_domain::budgets::{BudgetPeriod, BudgetSubject};
use causerie_domain::failure::FailureCode;
use causerie_domain::memberships::{GroupRole, MembershipStatus};
use causerie_domain::messages::{MessageRole, MessageStatus};
use causerie_domain::prompt_caches::CacheMiss;
use causerie_domain::sessions::SessionState;
use causerie_domain::tools::ToolType;
use causerie_domain::turn_requests::OmissionReason;
use causerie_domain::turns::TurnStatus;
use causerie_domain::usage::{CostBasis, UsageOutcome, UsagePurpose};
use causerie_domain::users::{Role, UserStatus};
use causerie_domain::{
    ApiKeyId, AttachmentId, AuditEventId, GroupId, MessageId, SessionId, Timestamp, ToolId, ToolVersionId,
    TurnId, UsageId, Usd, UserId,
};
use causerie_runtime::BodyUnavailable;
use serde::{Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AnyOfBuilder, KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

/// An id, as hyphenated UUID text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Id(Uuid);

macro_rules! ids {
    ($($name:ident),+) => { $(impl From<$name> for Id {
        fn from(id: $name) -> Self {
            Id(id.as_uuid())
        }
    })+ };
}
ids!(
    ApiKeyId,
    AttachmentId,
    AuditEventId,
    GroupId,
    MessageId,
    SessionId,
    ToolId,
    ToolVersionId,
    TurnId,
    UsageId,
    UserId
);

impl From<BudgetSubject> for Id {
    fn from(subject: BudgetSubject) -> Self {
        Id(subject.id())
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0.hyphenated())
    }
}

impl PartialSchema for Id {
    fn schema() -> RefOr<Schema> {
        text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid))).into()
    }
}

impl ToSchema for Id {}

/// An instant, as RFC 3339 in UTC with six fractional digits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimestampDto(Timestamp);

impl From<Timestamp> for TimestampDto {
    fn from(instant: Timestamp) -> Self {
        TimestampDto(instant)
    }
}

impl Serialize for TimestampDto {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl PartialSchema for TimestampDto {
    fn schema() -> RefOr<Schema> {
        text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))).into()
    }
}

impl ToSchema for TimestampDto {
    fn name() -> std::borrow::Cow<'static, str> {
        "Time".into()
    }
}

/// An amount of US dollars, as exact decimal text: many clients parse a JSON number as a float.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UsdDto(Usd);

impl From<Usd> for UsdDto {
    fn from(amount: Usd) -> Self {
        UsdDto(amount)
    }
}

impl Serialize for UsdDto {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl PartialSchema for UsdDto {
    fn schema() -> RefOr<Schema> {
        text().pattern(Some(r"^-?[0-9]+(\.[0-9]{1,12})?$")).examples(["0.000123"]).into()
    }
}

impl ToSchema for UsdDto {
    fn name() -> std::borrow::Cow<'static, str> {
        "Money".into()
    }
}

/// Declares the JSON forms of enums of the domain, whose names are declared there.
macro_rules! enums {
    ($($name:ident of $enum:ident as $schema:literal, $description:literal;)+) => { $(
        #[doc = $description]
        #[derive(Debug, Clone, Copy)]
        pub(crate) struct $name(pub(crate) $enum);

        impl From<$enum> for $name {
            fn from(value: $enum) -> Self {
                $name(value)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.0.as_str())
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                text().enum_values(Some($enum::NAMES.iter().copied())).description(Some($description)).into()
            }
        }

        impl ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                $schema.into()
            }
        }
    )+ };
}

enums! {
    SessionStateDto of SessionState as "SessionState", "State of a session.";
    MessageRoleDto of MessageRole as "MessageRole", "Author of a message.";
    MessageStatusDto of MessageStatus as "MessageStatus", "Status of a message.";
    TurnStatusDto of TurnStatus as "TurnStatus", "Status of a turn. Every status except `running` is final.";
    OmissionReasonDto of OmissionReason as "OmissionReason", "Reason for which a message was not sent: `cut` before the \
        beginning of the history, `superseded` by a later answer, `empty` without text, `withheld` after a refusal of the \
        upstream.";
    BodyUnavailableDto of BodyUnavailable as "BodyUnavailable", "Reason for which a body is not returned: `not_recorded`, \
        since it was not sent or by an earlier version; `message_missing`, deleted or not visible to you; `file_deleted`; \
        `changed`, since the server builds requests in another way now; `too_large`, alone or with those before it.";
    FailureCodeDto of FailureCode as "FailureCode", "Reason of a failed turn.";
    CacheMissDto of CacheMiss as "CacheMiss", "Reason for which the provider's cache had no beginning of a request: the \
        history was `cut`, the last message was `merged` with the new one, a message is `withheld`, another `model` or \
        `provider`, `idle` for more than five minutes, another `tool_version`, or `unknown`.";
    CostBasisDto of CostBasis as "CostBasis", "Source of a cost.";
    UsageOutcomeDto of UsageOutcome as "UsageOutcome", "How a request to the upstream ended.";
    UsagePurposeDto of UsagePurpose as "UsagePurpose", "Purpose of a request to the upstream.";
    StorageProviderDto of StorageProvider as "StorageProvider", "Storage of the bytes of an attachment.";
    ToolTypeDto of ToolType as "ToolType", "What a tool does with a message.";
    UserRoleDto of Role as "Role", "Role of a user in the installation.";
    UserStatusDto of UserStatus as "UserStatus", "Whether a user may sign in.";
    GroupRoleDto of GroupRole as "GroupRole", "Role of a user in a group.";
    MembershipStatusDto of MembershipStatus as "MembershipStatus", "Status of a membership.";
    BudgetPeriodDto of BudgetPeriod as "BudgetPeriod", "Period of a budget; days and months are those of UTC.";
    AuditActionDto of AuditAction as "AuditAction", "Audited action.";
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// Returns the schema of text or null, for a member that can be absent.
pub(crate) fn nullable_text() -> RefOr<Schema> {
    nullable(Type::String)
}

/// Returns the schema of a decimal number or null.
pub(crate) fn nullable_number() -> RefOr<Schema> {
    nullable(Type::Number)
}

fn nullable(kind: Type) -> RefOr<Schema> {
    let value = ObjectBuilder::new().schema_type(kind);
    let null = ObjectBuilder::new().schema_type(Type::Null);
    Schema::AnyOf(AnyOfBuilder::new().item(value).item(null).build()).into()
}
