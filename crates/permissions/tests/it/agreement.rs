//! Property tests on random rules and objects of Causerie's registry: a list contains exactly the objects that the
//! single check allows, packing preserves answers, and scopes only restrict.

use causerie_domain::filter::{FieldValue, Scalar};
use causerie_domain::users::Role;
use causerie_domain::{GroupId, Timestamp, UserId};
use causerie_permissions::{
    Ability, Action, BuiltinRules, ContentAccess, FieldSchema, FieldType, PrincipalFacts, RawRule, Registry,
    ScalarType, Scopes, StoredRule, Subject, SubjectSchema, SubjectType, pack, unpack,
};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};
use uuid::Uuid;

proptest! {
    #[test]
    fn a_list_contains_what_the_single_check_allows(case in case()) {
        let registry = Registry::builtin();
        let ability = case.ability(&Scopes::default());
        for action in Action::ALL {
            let filter = ability.filter(action, case.subject_type, &registry).unwrap();
            for object in &case.objects {
                let listed = filter.matches(&|name| object.cell(name)).unwrap();
                prop_assert_eq!(listed, ability.can(action, &object.subject), "{} by {:?}", action, filter);
            }
            if filter.is_nothing() {
                prop_assert!(case.objects.iter().all(|object| !ability.can(action, &object.subject)));
            }
        }
    }

    #[test]
    fn packing_preserves_every_answer(case in case()) {
        let ability = case.ability(&Scopes::default());
        let rules: Vec<RawRule> = ability.rules().cloned().collect();
        let unpacked = Ability::new(unpack(&pack(&rules)).unwrap()).unwrap();
        for (action, object) in case.questions() {
            prop_assert_eq!(unpacked.can(action, &object.subject), ability.can(action, &object.subject));
        }
    }

    #[test]
    fn scopes_allow_the_intersection_with_the_rules(case in case(), scopes in scopes()) {
        let within = Scopes::parse(&scopes, &Registry::builtin()).unwrap();
        let (ability, narrowed) = (case.ability(&Scopes::default()), case.ability(&within));
        let covers = |action: &str, subject: &str| scopes.is_empty() || scopes.iter().any(|scope| {
            let (scope_action, scope_subject) = scope.split_once(':').unwrap();
            [action, "manage"].contains(&scope_action) && [subject, "all"].contains(&scope_subject)
        });
        for (action, object) in case.questions() {
            let expected = covers(action.as_str(), object.subject.subject_type()) && ability.can(action, &object.subject);
            prop_assert_eq!(narrowed.can(action, &object.subject), expected);
        }
    }
}

/// A principal with stored rules, and objects of one type.
#[derive(Debug, Clone)]
struct Case {
    facts: PrincipalFacts,
    content_access: ContentAccess,
    stored: Vec<Value>,
    subject_type: SubjectType,
    objects: Vec<Object>,
}

/// An object in the form of rules and in the form of a store.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) subject: Subject,
    cells: Vec<(String, FieldValue)>,
}

impl Object {
    fn cell(&self, name: &str) -> Option<FieldValue> {
        self.cells.iter().find(|(field, _)| field == name).map(|(_, cell)| cell.clone())
    }
}

impl Case {
    fn ability(&self, scopes: &Scopes) -> Ability {
        let registry = Registry::builtin();
        let rules = self.stored.iter().map(|rule| serde_json::from_value(rule.clone()).unwrap());
        let stored: Vec<StoredRule> = rules.map(|rule| registry.validate(rule).unwrap()).collect();
        let layers = BuiltinRules::new(&registry).unwrap().with_content_access(self.content_access);
        layers.ability(&self.facts, &stored, scopes).unwrap()
    }

    fn questions(&self) -> impl Iterator<Item = (Action, &Object)> {
        Action::ALL.iter().flat_map(|action| self.objects.iter().map(|object| (*action, object)))
    }
}

fn case() -> impl Strategy<Value = Case> {
    (facts(), any::<bool>(), select(SubjectType::ALL)).prop_flat_map(|(facts, admins_read, subject_type)| {
        let schema = Registry::builtin().subject(subject_type.as_str()).unwrap().clone();
        let rules = prop::collection::vec(rule(&schema), 0..6);
        let objects = prop::collection::vec(object(&schema), 1..8);
        (rules, objects).prop_map(move |(stored, objects)| Case {
            facts: facts.clone(),
            content_access: if admins_read { ContentAccess::Admins } else { ContentAccess::OwnerOnly },
            stored,
            subject_type,
            objects,
        })
    })
}

/// Generates ids from a small set, so that they often coincide.
fn uuid() -> impl Strategy<Value = Uuid> {
    (1..5u128).prop_map(Uuid::from_u128)
}

pub(crate) fn facts() -> impl Strategy<Value = PrincipalFacts> {
    let groups: Vec<GroupId> = (1..5).map(|id| GroupId::from_uuid(Uuid::from_u128(id))).collect();
    (uuid(), subsequence(groups, 0..3), 0..3usize, select(Role::ALL)).prop_map(
        |(id, group_ids, administered, role)| {
            let admin_group_ids = group_ids.iter().copied().take(administered).collect();
            PrincipalFacts { user_id: UserId::from_uuid(id), group_ids, admin_group_ids, role }
        },
    )
}

fn scopes() -> impl Strategy<Value = Vec<String>> {
    let subjects: Vec<&str> =
        SubjectType::ALL.iter().map(|subject| subject.as_str()).chain(["all"]).collect();
    let scope =
        (select(Action::ALL), select(subjects)).prop_map(|(action, subject)| format!("{action}:{subject}"));
    prop::collection::vec(scope, 0..4)
}

pub(crate) fn rule(schema: &SubjectSchema) -> impl Strategy<Value = Value> + use<> {
    let name = schema.name.clone();
    let conditions = prop::option::weighted(
        0.8,
        prop::collection::vec(select(schema.fields.clone()), 1..3).prop_flat_map(|fields| {
            fields
                .into_iter()
                .map(|field| {
                    field_condition(&field).prop_map(move |condition| (field.name.clone(), condition))
                })
                .collect::<Vec<_>>()
        }),
    );
    let fields = prop::option::weighted(0.2, select(schema.fields.clone()));
    (select(Action::ALL), any::<bool>(), conditions, fields).prop_map(
        move |(action, inverted, conditions, fields)| {
            let mut rule = json!({"action": action.as_str(), "subject": name, "inverted": inverted});
            if let Some(conditions) = conditions {
                rule["conditions"] = conditions.into_iter().collect();
            }
            if let Some(field) = fields {
                rule["fields"] = json!([field.name]);
            }
            rule
        },
    )
}

/// Generates the value of one member of the conditions.
fn field_condition(field: &FieldSchema) -> BoxedStrategy<Value> {
    let (kind, is_nullable) = match field.field_type {
        FieldType::Required(kind) | FieldType::List(kind) => (kind, false),
        FieldType::Nullable(kind) => (kind, true),
    };
    let one = move || {
        let value = scalar(kind).prop_map(|scalar| plain(&scalar));
        if is_nullable { prop_oneof![3 => value, 1 => Just(Value::Null)].boxed() } else { value.boxed() }
    };
    let many = move || prop::collection::vec(one(), 0..3).prop_map(Value::from);
    let operator = |name: &'static str, operand: BoxedStrategy<Value>| {
        operand.prop_map(move |operand| json!({name: operand}))
    };
    let mut tests = vec![
        one(),
        operator("$ne", one()).boxed(),
        operator("$in", many().boxed()).boxed(),
        operator("$nin", many().boxed()).boxed(),
    ];
    if matches!(field.field_type, FieldType::List(_)) {
        tests.push(operator("$all", many().boxed()).boxed());
        tests.push(operator("$size", (0..3).prop_map(Value::from).boxed()).boxed());
    } else if matches!(kind, ScalarType::Integer | ScalarType::Time) {
        let bound = move || scalar(kind).prop_map(|scalar| plain(&scalar)).boxed();
        tests.extend(["$lt", "$lte", "$gt", "$gte"].map(|name| operator(name, bound()).boxed()));
    }
    if kind == ScalarType::Id {
        tests.push(Just(json!("${user.id}")).boxed());
        tests.push(Just(json!({"$in": "${user.group_ids}"})).boxed());
        tests.push(Just(json!({"$nin": "${user.admin_group_ids}"})).boxed());
    }
    prop::strategy::Union::new(tests).boxed()
}

fn scalar(kind: ScalarType) -> BoxedStrategy<Scalar> {
    match kind {
        ScalarType::Bool => any::<bool>().prop_map(Scalar::Bool).boxed(),
        ScalarType::Integer => (-2..4i64).prop_map(Scalar::Integer).boxed(),
        ScalarType::Text => {
            select(vec!["", "a", "active", "paused", "5"]).prop_map(|text| Scalar::Text(text.into())).boxed()
        }
        ScalarType::Id => uuid().prop_map(Scalar::Uuid).boxed(),
        ScalarType::Time => {
            // Around the end of a second, where different text forms of instants sort differently.
            select(vec![-1i64, 0, 1, 1_780_944_362_999_999, 1_780_944_363_000_000])
                .prop_map(|micros| Scalar::Time(Timestamp::from_micros(micros)))
                .boxed()
        }
    }
}

pub(crate) fn object(schema: &SubjectSchema) -> impl Strategy<Value = Object> + Clone + use<> {
    let name = schema.name.clone();
    let cells: Vec<_> = schema.fields.iter().map(cell).collect();
    cells.prop_map(move |cells| Object {
        subject: cells.iter().fold(Subject::new(&name), |subject, (name, cell)| match cell {
            FieldValue::Null => subject.with(name, None::<&str>),
            FieldValue::One(scalar) => subject.with(name, plain(scalar)),
            FieldValue::List(scalars) => subject.with(name, scalars.iter().map(plain).collect::<Vec<_>>()),
        }),
        cells,
    })
}

fn cell(field: &FieldSchema) -> BoxedStrategy<(String, FieldValue)> {
    let name = field.name.clone();
    let cell = match field.field_type {
        FieldType::Required(kind) => scalar(kind).prop_map(FieldValue::One).boxed(),
        FieldType::Nullable(kind) => {
            prop_oneof![3 => scalar(kind).prop_map(FieldValue::One), 1 => Just(FieldValue::Null)].boxed()
        }
        FieldType::List(kind) => prop::collection::vec(scalar(kind), 0..3).prop_map(FieldValue::List).boxed(),
    };
    cell.prop_map(move |cell| (name.clone(), cell)).boxed()
}

/// Converts a scalar to the JSON form of rules and objects.
fn plain(scalar: &Scalar) -> Value {
    match scalar {
        Scalar::Bool(value) => json!(value),
        Scalar::Integer(value) => json!(value),
        Scalar::Text(value) => json!(value),
        Scalar::Uuid(value) => json!(value.hyphenated().to_string()),
        Scalar::Time(value) => json!(value.to_string()),
    }
}
