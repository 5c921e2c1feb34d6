//! Schemas of text in requests: what JSON Schema can express of its validation.
//!
//! The validation is that of the runtime. A schema accepts what the validation accepts; a few texts that depend on their
//! context, such as a joiner after a letter, are valid for the schema and refused by the server.

use std::borrow::Cow;

use causerie_permissions::{ANY_SUBJECT, Action, SubjectType};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// Characters that a line never contains: controls, ends of lines, changes of direction, and invisible ones.
macro_rules! refused {
    () => {
        r"\u0000-\u001f\u007f-\u009f\u00ad\u200b\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb"
    };
}

/// Further characters that show nothing.
macro_rules! blank {
    () => {
        r"\s\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200c-\u200f\u2800\ufe00-\ufe0f"
    };
}

/// Turn and position of a frame.
macro_rules! cursor {
    () => {
        "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}:([0-9]{1,19}|end)"
    };
}

const LINE: &str = concat!("^[^", refused!(), "]*[^", refused!(), blank!(), "][^", refused!(), "]*$");
const EMAIL: &str = concat!("^[^@", refused!(), blank!(), "]+@[^", refused!(), blank!(), "]+$");
const KEY: &str = "^[!-~]([ -~]*[!-~])?$";
const FILE_NAME: &str =
    concat!(r"^([^/\\", refused!(), r"]*[^/\\.", refused!(), blank!(), r"][^/\\", refused!(), r"]*|\.{3,})$");
const STORAGE_KEY: &str = r"^[^/\\\u0000-\u001f\u007f-\u009f][^\\\u0000-\u001f\u007f-\u009f]*$";
const LIMIT: &str = r"^([0-9]{1,6}(\.[0-9]{1,12})?|1000000(\.0{1,12})?)$";
const SESSION_CURSOR: &str = concat!("^(", cursor!(), ")?$");
const TURN_CURSOR: &str = concat!("^(", cursor!(), "|[0-9]{1,19}|end)?$");
const LANGUAGE: &str = "^[A-Za-z0-9]{1,8}(-[A-Za-z0-9]{1,8})*$";
const MEDIA_TYPE: &str = concat!(
    "^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*",
    r#"( *; *[A-Za-z0-9!#$%&'*+.^_`{|}~-]+=([A-Za-z0-9!#$%&'*+.^_`{|}~-]+|"[ !#-:<-\[\]-~]*"))* *$"#,
);

/// Declares schemas of text with a name, a maximum length in characters, a pattern, an example and a description.
macro_rules! texts {
    ($($kind:ident as $name:literal, $max:literal, $pattern:expr, $example:literal, $description:literal;)+) => { $(
        #[doc = $description]
        #[derive(Debug)]
        pub(crate) struct $kind;

        impl PartialSchema for $kind {
            fn schema() -> RefOr<Schema> {
                let text = ObjectBuilder::new().schema_type(Type::String).description(Some($description));
                text.max_length(Some($max)).pattern(Some($pattern)).examples([$example]).into()
            }
        }

        impl ToSchema for $kind {
            fn name() -> Cow<'static, str> {
                $name.into()
            }
        }
    )+ };
}

texts! {
    LineText as "Line", 200, LINE, "Prime numbers", "A line with a visible character, without control characters.";
    EmailText as "EmailAddress", 254, EMAIL, "ada@example.org", "An e-mail address, `name@host`, of visible characters.";
    LanguageText as "LanguageTag", 35, LANGUAGE, "pt-BR", "A BCP 47 language tag.";
    KeyText as "IdempotencyKey", 255, KEY, "send-1", "Printable ASCII characters.";
    FileNameText as "FileName", 255, FILE_NAME, "triangle.png", "A file name without path parts.";
    MediaTypeText as "MediaType", 100, MEDIA_TYPE, "image/png", "A media type, with parameters or without.";
    StorageKeyText as "StorageKey", 500, STORAGE_KEY, "https://example.org/triangle.png",
        "A relative key without the parts `.` and `..`; an https address for the provider `url`.";
    LimitText as "BudgetLimit", 20, LIMIT, "5.00", "US dollars from 0 to 1000000, in decimal text.";
    SessionCursorText as "SessionStreamCursor", 60, SESSION_CURSOR, "0199f2a4-7c1e-7b52-9d3a-5b8e21c4f6a0:12",
        "The `id` of a frame: the turn and a position, or `end`.";
    TurnCursorText as "TurnStreamCursor", 60, TURN_CURSOR, "12",
        "The `id` of a frame of the turn, or its position alone.";
}

/// Returns the schemas of parameters, which the macros of utoipa do not collect.
pub(crate) fn of_parameters() -> [(String, RefOr<Schema>); 3] {
    fn named<T: ToSchema>() -> (String, RefOr<Schema>) {
        (T::name().into_owned(), T::schema())
    }
    [named::<KeyText>(), named::<SessionCursorText>(), named::<TurnCursorText>()]
}

/// A scope of an API key: an action and a subject, such as `create:Message`.
#[derive(Debug)]
pub(crate) struct ScopeText;

impl PartialSchema for ScopeText {
    fn schema() -> RefOr<Schema> {
        let actions: Vec<_> = Action::ALL.iter().map(|action| action.as_str()).collect();
        let subjects = SubjectType::ALL.iter().map(|subject| subject.as_str());
        let subjects: Vec<_> = subjects.chain([ANY_SUBJECT]).collect();
        let (actions, subjects) = (actions.join("|"), subjects.join("|"));
        let text = ObjectBuilder::new().schema_type(Type::String).examples(["create:Message"]);
        text.pattern(Some(format!("^({actions}):({subjects})$"))).into()
    }
}

impl ToSchema for ScopeText {
    fn name() -> Cow<'static, str> {
        "Scope".into()
    }
}

#[cfg(test)]
mod tests {
    use causerie_permissions::{Registry, Scopes};
    use causerie_runtime::{email_error, name_error};
    use regex::Regex;

    use super::*;

    fn accepts<T: ToSchema>(text: &str) -> bool {
        let schema = serde_json::to_value(T::schema()).unwrap();
        let pattern = Regex::new(schema["pattern"].as_str().unwrap()).unwrap();
        let max = schema["maxLength"].as_u64().unwrap_or(u64::MAX);
        text.chars().count() as u64 <= max && pattern.is_match(text)
    }

    #[track_caller]
    fn check<T: ToSchema>(valid: &[&str], invalid: &[&str]) {
        valid.iter().for_each(|text| assert!(accepts::<T>(text), "{text:?}"));
        invalid.iter().for_each(|text| assert!(!accepts::<T>(text), "{text:?}"));
    }

    #[test]
    fn a_line_and_an_address_are_those_of_the_validation() {
        let (longest, too_long) = ("é".repeat(200), "é".repeat(201));
        for text in [
            "Ada",
            " A ",
            "C++",
            "שלום\u{200F}!",
            "👩\u{200D}👧",
            "❤\u{FE0F}",
            "",
            " ",
            "\u{A0}",
            "a\tb",
            "a\n",
            "a\u{85}b",
            "a\u{2028}b",
            "a\u{200B}b",
            "a\u{202E}b",
            "\u{FEFF}a",
            "co\u{AD}operate",
            &longest,
            &too_long,
        ] {
            assert_eq!(accepts::<LineText>(text), name_error(text).is_none(), "{text:?}");
        }
        for text in [
            "ada@example.org",
            "a+b@localhost",
            "a@b@c",
            "用户@例え.jp",
            "",
            "ada",
            "@x",
            "ada@",
            "a da@x",
            "ada@x\n",
            "ada\u{FE0F}@x",
            "ada@\u{200D}",
            "a\u{AD}da@x",
        ] {
            assert_eq!(accepts::<EmailText>(text), email_error(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn a_scope_is_one_that_the_registry_has() {
        let registry = Registry::builtin();
        for text in
            ["create:Message", "manage:all", "use:Tool", "", "create", "make:Message", "create:Massage"]
        {
            assert_eq!(accepts::<ScopeText>(text), Scopes::parse([text], &registry).is_ok(), "{text:?}");
        }
    }

    #[test]
    fn keys_names_and_cursors_have_a_form() {
        const FRAME: &str = "01990000-0000-7000-8000-000000000001:12";
        check::<KeyText>(&["a", "a b", &"k".repeat(255)], &["", " ", "a ", "é", &"k".repeat(256)]);
        check::<LanguageText>(&["de", "pt-BR"], &["", "-", "de_DE"]);
        check::<FileNameText>(&[".hidden", "...", "a b.png"], &["", ".", "..", "a/b", "a\\b", "a\nb"]);
        check::<MediaTypeText>(
            &["image/png", "text/plain; charset=utf-8", "text/plain;charset=\"utf-8\"; format=flowed"],
            &["", "image", "image/*", "image/png;", "image/png; a=", "text/plain; charset=\"a\"b\""],
        );
        check::<StorageKeyText>(&["a/b.png", "https://example.org/a"], &["", "/a", "a\nb"]);
        check::<LimitText>(&["0", "5.00", "1000000"], &["", "-1", "1000000.01", "1e3"]);
        check::<SessionCursorText>(&["", FRAME], &["12", "end", "x:12"]);
        check::<TurnCursorText>(&["", FRAME, "12", "end"], &["x", "12:end"]);
    }
}
