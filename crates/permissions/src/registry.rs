//! Which subjects there are, which fields rules may mention, and of which type they are.

use crate::rule::{ANY_ACTION, ANY_SUBJECT};
use crate::vocabulary::{Action, SubjectType};

/// The actions, the subjects and their fields. What is not in here, no stored rule may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registry {
    actions: Vec<String>,
    subjects: Vec<SubjectSchema>,
}

/// A subject and its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectSchema {
    /// The subject's name.
    pub name: String,
    /// Its fields.
    pub fields: Vec<Field>,
}

/// A field that rules may mention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub shape: Shape,
    /// Where a store finds it.
    pub source: Source,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Always a value.
    One(Kind),
    /// A value or null.
    Nullable(Kind),
    /// A list of values, never null itself and without nulls in it.
    List(Kind),
}

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`
    Bool,
    /// A whole number.
    Integer,
    /// Text, also a word of an enumeration.
    Text,
    /// A UUID, written with hyphens and in lower case.
    Id,
    /// An instant, written like `2026-06-08T18:46:03.250000Z`, which sorts as text like it sorts as an instant.
    Time,
}

/// Where a store finds a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// In the column of its own name.
    Own,
    /// In the session that the object belongs to, in the column of its name without `session_`.
    Session,
    /// In the groups of the user's memberships.
    Memberships,
}

impl Registry {
    /// A registry of one's own. `manage` and `all` are understood without being named.
    pub fn new(actions: impl IntoIterator<Item = impl Into<String>>, subjects: Vec<SubjectSchema>) -> Self {
        Registry { actions: actions.into_iter().map(Into::into).collect(), subjects }
    }

    /// What Causerie's own rules speak of.
    pub fn builtin() -> Self {
        let subjects = SubjectType::ALL.iter().map(|subject| SubjectSchema {
            name: subject.to_string(),
            fields: fields(*subject)
                .iter()
                .map(|(name, shape, source)| field(name, *shape, *source))
                .collect(),
        });
        Registry::new(Action::ALL.iter().map(|action| action.as_str()), subjects.collect())
    }

    /// The subject of this name.
    pub fn subject(&self, name: &str) -> Option<&SubjectSchema> {
        self.subjects.iter().find(|subject| subject.name == name)
    }

    /// The subjects of this name: all of them for `all`, none for an unknown name.
    pub fn subjects(&self, name: &str) -> impl Iterator<Item = &SubjectSchema> {
        self.subjects.iter().filter(move |subject| name == ANY_SUBJECT || subject.name == name)
    }

    /// Whether there is such an action.
    pub fn has_action(&self, name: &str) -> bool {
        name == ANY_ACTION || self.actions.iter().any(|action| action == name)
    }
}

impl SubjectSchema {
    /// The field of this name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

fn field(name: &str, shape: Shape, source: Source) -> Field {
    Field { name: name.to_owned(), shape, source }
}

/// The fields of each subject: this table is the whole of what rules see.
const fn fields(subject: SubjectType) -> &'static [(&'static str, Shape, Source)] {
    const ID: Shape = Shape::One(Kind::Id);
    const MAYBE_ID: Shape = Shape::Nullable(Kind::Id);
    const TEXT: Shape = Shape::One(Kind::Text);
    const BOOL: Shape = Shape::One(Kind::Bool);
    const TIME: Shape = Shape::One(Kind::Time);
    const MAYBE_TIME: Shape = Shape::Nullable(Kind::Time);
    match subject {
        SubjectType::Session => &[
            ("id", ID, Source::Own),
            ("user_id", ID, Source::Own),
            ("group_id", MAYBE_ID, Source::Own),
            ("tool_id", ID, Source::Own),
            ("state", TEXT, Source::Own),
            ("created_at", TIME, Source::Own),
        ],
        SubjectType::Message => &[
            ("id", ID, Source::Own),
            ("session_id", ID, Source::Own),
            ("role", TEXT, Source::Own),
            ("seq", Shape::One(Kind::Integer), Source::Own),
            ("user_id", ID, Source::Session),
            ("group_id", MAYBE_ID, Source::Session),
            ("session_state", TEXT, Source::Session),
        ],
        SubjectType::Tool => &[
            ("id", ID, Source::Own),
            ("slug", TEXT, Source::Own),
            ("enabled", BOOL, Source::Own),
            ("group_id", MAYBE_ID, Source::Own),
            ("owner_id", MAYBE_ID, Source::Own),
        ],
        // A model's id is the upstream's own name for it.
        SubjectType::Model => &[
            ("id", TEXT, Source::Own),
            ("enabled", BOOL, Source::Own),
            ("group_id", MAYBE_ID, Source::Own),
            ("restricted", BOOL, Source::Own),
        ],
        // The rows outlive what they point to, so every reference may be null.
        SubjectType::Usage => &[
            ("id", ID, Source::Own),
            ("user_id", MAYBE_ID, Source::Own),
            ("group_id", MAYBE_ID, Source::Own),
            ("tool_id", MAYBE_ID, Source::Own),
            ("session_id", MAYBE_ID, Source::Own),
            ("model", TEXT, Source::Own),
            ("created_at", TIME, Source::Own),
        ],
        SubjectType::User => &[
            ("id", ID, Source::Own),
            ("email", TEXT, Source::Own),
            ("name", TEXT, Source::Own),
            ("locale", Shape::Nullable(Kind::Text), Source::Own),
            ("status", TEXT, Source::Own),
            ("role", TEXT, Source::Own),
            ("group_ids", Shape::List(Kind::Id), Source::Memberships),
        ],
        SubjectType::Group => &[("id", ID, Source::Own), ("name", TEXT, Source::Own)],
        SubjectType::ApiKey => &[
            ("id", ID, Source::Own),
            ("user_id", ID, Source::Own),
            ("group_id", MAYBE_ID, Source::Own),
            ("revoked_at", MAYBE_TIME, Source::Own),
            ("expires_at", MAYBE_TIME, Source::Own),
        ],
    }
}
