//! Values as they stand in JSON: ids, instants, money and words are all text.

use causerie_domain::attachments::StorageProvider;
use causerie_domain::audit_events::AuditAction;
use causerie_domain::budgets::{BudgetPeriod, BudgetSubject};
use causerie_domain::failure::FailureCode;
use causerie_domain::memberships::{GroupRole, MembershipStatus};
use causerie_domain::messages::{MessageRole, MessageStatus, PartKind};
use causerie_domain::sessions::SessionState;
use causerie_domain::tools::ToolType;
use causerie_domain::turns::TurnStatus;
use causerie_domain::usage::{CostBasis, UsageOutcome, UsagePurpose};
use causerie_domain::users::{Role, UserStatus};
use causerie_domain::{
    ApiKeyId, AttachmentId, AuditEventId, GroupId, MessageId, SessionId, Timestamp, ToolId, ToolVersionId,
    TurnId, UsageId, Usd, UserId,
};
use serde::{Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
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
pub(crate) struct Time(Timestamp);

impl From<Timestamp> for Time {
    fn from(instant: Timestamp) -> Self {
        Time(instant)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl PartialSchema for Time {
    fn schema() -> RefOr<Schema> {
        text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))).into()
    }
}

impl ToSchema for Time {}

/// An amount of US dollars, as exact decimal text: a JSON number would be read as a float somewhere.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Money(Usd);

impl From<Usd> for Money {
    fn from(amount: Usd) -> Self {
        Money(amount)
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl PartialSchema for Money {
    fn schema() -> RefOr<Schema> {
        text().pattern(Some(r"^-?[0-9]+(\.[0-9]{1,12})?$")).examples(["0.000123"]).into()
    }
}

impl ToSchema for Money {}

/// Declares the text form of enumerations of the domain; their words stay where they are declared.
macro_rules! words {
    ($($name:ident of $of:ident as $schema:literal, $meaning:literal;)+) => { $(
        #[doc = $meaning]
        #[derive(Debug, Clone, Copy)]
        pub(crate) struct $name(pub(crate) $of);

        impl From<$of> for $name {
            fn from(value: $of) -> Self {
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
                text().enum_values(Some($of::NAMES.iter().copied())).description(Some($meaning)).into()
            }
        }

        impl ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                $schema.into()
            }
        }
    )+ };
}

words! {
    StateWord of SessionState as "SessionState", "Where a session stands.";
    RoleWord of MessageRole as "MessageRole", "Who speaks.";
    MessageStatusWord of MessageStatus as "MessageStatus", "What became of a message.";
    PartWord of PartKind as "PartKind", "What kind of text a part holds.";
    TurnStatusWord of TurnStatus as "TurnStatus", "Where a turn stands. Everything but `running` is final.";
    FailureWord of FailureCode as "FailureCode", "Why a turn failed.";
    BasisWord of CostBasis as "CostBasis", "How a cost came to be known.";
    OutcomeWord of UsageOutcome as "UsageOutcome", "How a request to the upstream ended.";
    PurposeWord of UsagePurpose as "UsagePurpose", "What a request to the upstream was for.";
    ProviderWord of StorageProvider as "StorageProvider", "Where the bytes of an attachment live.";
    ToolTypeWord of ToolType as "ToolType", "What a tool does with a message.";
    UserRoleWord of Role as "Role", "What a user is to the whole installation.";
    UserStatusWord of UserStatus as "UserStatus", "Whether a user may sign in.";
    GroupRoleWord of GroupRole as "GroupRole", "What a user is to a group.";
    MembershipStatusWord of MembershipStatus as "MembershipStatus", "How far a membership has come.";
    BudgetPeriodWord of BudgetPeriod as "BudgetPeriod", "What a budget is for; days and months are those of UTC.";
    AuditActionWord of AuditAction as "AuditAction", "What was done.";
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}
