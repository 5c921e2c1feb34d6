//! Schemas of messages in OpenAI's format, which the server reads without a type: what its validation requires of them.

use std::borrow::Cow;

use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

/// A message of a request. Other members are passed on.
#[derive(Debug)]
pub(crate) struct MessageSchema;

impl PartialSchema for MessageSchema {
    fn schema() -> RefOr<Schema> {
        let by_user = of_roles(&["developer", "system", "user"])
            .property("content", content(false))
            .required("content");
        let by_model = of_roles(&["assistant", "function"]).property("content", content(true));
        let result = of_roles(&["tool"])
            .property("content", content(false))
            .required("content")
            .property("tool_call_id", text())
            .required("tool_call_id");
        let kinds = OneOfBuilder::new().item(by_user).item(by_model).item(result);
        kinds.description(Some("A message in OpenAI's format. Other members are passed on.")).into()
    }
}

impl ToSchema for MessageSchema {
    fn name() -> Cow<'static, str> {
        "OpenAiMessage".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((PartSchema::name().into_owned(), PartSchema::schema()));
    }
}

/// A part of the content of a message.
#[derive(Debug)]
struct PartSchema;

impl PartialSchema for PartSchema {
    fn schema() -> RefOr<Schema> {
        let of_member = |name: &str| object().property(name, text()).required(name);
        let parts = [("text", text()), ("refusal", text()), ("file", object())].into_iter().chain([
            ("image_url", of_member("url")),
            ("video_url", of_member("url")),
            ("input_audio", of_member("data")),
        ]);
        let kinds = parts.fold(OneOfBuilder::new(), |kinds, (kind, value)| {
            let part = object().property("type", text().enum_values(Some([kind]))).required("type");
            kinds.item(part.property(kind, value).required(kind))
        });
        kinds
            .description(Some("A part of the content of a message; parts of other types are passed on."))
            .into()
    }
}

impl ToSchema for PartSchema {
    fn name() -> Cow<'static, str> {
        "OpenAiContentPart".into()
    }
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn object() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Object)
}

fn of_roles(roles: &[&str]) -> ObjectBuilder {
    object().property("role", text().enum_values(Some(roles.iter().copied()))).required("role")
}

/// Returns the schema of content: text or a list of parts.
fn content(is_nullable: bool) -> OneOfBuilder {
    let text = match is_nullable {
        true => ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::String, Type::Null])),
        false => text(),
    };
    OneOfBuilder::new().item(text).item(ArrayBuilder::new().items(Ref::from_schema_name(PartSchema::name())))
}
