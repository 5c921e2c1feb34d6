//! Property tests on random rules: whatever a grant allows to a receiver, the grantor may do.

use std::cell::Cell;

use causerie_domain::users::Role;
use causerie_permissions::{
    Ability, Action, BuiltinRules, PrincipalFacts, RawRule, Registry, Scopes, StoredRule, Subject,
    Value as Members,
};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::agreement::{facts, object, rule};

/// A subject and an action of a later version: rules for `all` and `manage` apply to them.
const LATER_SUBJECT: &str = "Webhook";
const LATER_ACTION: &str = "export";
const LATER_FIELD: &str = "secret";

/// Rule sets without rules: a principal has exactly the stored rules.
const NO_RULES: &str = r#"{"user":[],"group_admin":[],"admin":[],"guard":[]}"#;

#[test]
fn a_granted_rule_allows_nothing_that_the_grantor_may_not_do() {
    let (within, narrowed) = (Cell::new(0), Cell::new(0));
    let mut runner = TestRunner::new(Config { source_file: Some(file!()), ..Config::default() });
    runner
        .run(&case(8), |case| {
            let Case { writer, writer_rules, receiver, lists, objects } = &case;
            let registry = Registry::builtin();
            let builtin = BuiltinRules::from_json(NO_RULES, &registry).unwrap();
            let (own, scopes) = (stored(writer_rules), Scopes::default());
            let grantor = builtin.grantor(&registry, writer, &own, &scopes).unwrap();
            let [_, new] = [&lists.old, &lists.new].map(|rules| stored(rules));
            for granted in &new {
                if granted.raw().inverted || !grantor.covers(granted) {
                    continue;
                }
                within.set(within.get() + 1);
                narrowed.set(narrowed.get() + usize::from(granted.raw().conditions.is_some()));
                let writer = builtin.ability(writer, &own, &scopes).unwrap();
                let receiver = builtin.ability(receiver, std::slice::from_ref(granted), &scopes).unwrap();
                for question in questions(objects) {
                    prop_assert!(
                        !question.is_allowed(&receiver) || question.is_allowed(&writer),
                        "{:?} allows {:?}",
                        granted.raw(),
                        question
                    );
                }
            }
            Ok(())
        })
        .unwrap();
    assert!(
        narrowed.get() > 50,
        "{narrowed:?} of {within:?} grants have conditions: the test decides too little"
    );
}

#[test]
fn a_changed_list_allows_nothing_new_that_the_grantor_may_not_do() {
    let within = Cell::new(0);
    let mut runner = TestRunner::new(Config { source_file: Some(file!()), ..Config::default() });
    runner
        .run(&(case(1), rules(0..3), rules(0..2)), |(case, lower, higher)| {
            let Case { writer, writer_rules, receiver, lists, objects } = &case;
            let registry = Registry::builtin();
            let builtin = BuiltinRules::from_json(NO_RULES, &registry).unwrap();
            let (own, scopes) = (stored(writer_rules), Scopes::default());
            let user = PrincipalFacts { role: Role::User, ..writer.clone() };
            let grantor = builtin.grantor(&registry, &user, &own, &scopes).unwrap();
            if grantor.check_rules(&stored(&lists.old), &stored(&lists.new)).is_err() {
                return Ok(());
            }
            within.set(within.get() + 1);
            let around = |rules: &[Value]| {
                let all: Vec<Value> =
                    [&lower, rules, &higher].iter().flat_map(|part| part.to_vec()).collect();
                builtin.ability(receiver, &stored(&all), &scopes).unwrap()
            };
            let writer = builtin.ability(&user, &own, &scopes).unwrap();
            let (before, after) = (around(&lists.old), around(&lists.new));
            for question in questions(objects) {
                prop_assert!(
                    question.is_allowed(&before)
                        || !question.is_allowed(&after)
                        || question.is_allowed(&writer),
                    "{:?} is new",
                    question
                );
            }
            Ok(())
        })
        .unwrap();
    assert!(within.get() > 20, "{within:?} changes are allowed: the test decides too little");
}

/// A grantor, a receiver with other placeholders, and the lists before and after a change.
#[derive(Debug, Clone)]
struct Case {
    writer: PrincipalFacts,
    writer_rules: Vec<Value>,
    receiver: PrincipalFacts,
    lists: Lists,
    objects: Vec<Subject>,
}

#[derive(Debug, Clone)]
struct Lists {
    old: Vec<Value>,
    new: Vec<Value>,
}

/// An action on an object, for one field or none.
#[derive(Debug)]
struct Question<'a> {
    action: &'a str,
    object: &'a Subject,
    field: Option<&'a str>,
}

impl Question<'_> {
    fn is_allowed(&self, ability: &Ability) -> bool {
        ability.decide(self.action, self.object, self.field).unwrap().is_allowed()
    }
}

fn questions(objects: &[Subject]) -> impl Iterator<Item = Question<'_>> {
    objects.iter().flat_map(|object| {
        let Members::Object(members) = object.object() else { panic!("{object:?} is no object") };
        let fields = members.iter().map(|(name, _)| Some(name)).chain([None, Some(LATER_FIELD)]);
        let actions = Action::ALL.iter().map(|action| action.as_str()).chain([LATER_ACTION]);
        fields.flat_map(move |field| actions.clone().map(move |action| Question { action, object, field }))
    })
}

fn stored(rules: &[Value]) -> Vec<StoredRule> {
    let registry = Registry::builtin();
    let raw = rules.iter().map(|rule| serde_json::from_value::<RawRule>(rule.clone()).unwrap());
    raw.map(|rule| registry.validate(rule).unwrap()).collect()
}

/// Generates a case; `adds` is the weight of new rules among the edits.
fn case(adds: u32) -> impl Strategy<Value = Case> {
    (facts(), facts(), rules(1..6), rules(0..5), edits(adds), objects()).prop_map(
        |(writer, receiver, writer_rules, others, edits, objects)| {
            let mut old = others;
            let mut new = old.clone();
            for edit in edits {
                edit.apply(&writer_rules, &mut new);
            }
            if new.len() % 3 == 0 {
                // Prohibitions of the grantor that are missing in the new list.
                old.extend(writer_rules.iter().filter(|rule| rule["inverted"] == json!(true)).cloned());
            }
            Case { writer, writer_rules, receiver, lists: Lists { old, new }, objects }
        },
    )
}

/// A change of a list.
#[derive(Debug, Clone)]
enum Edit {
    /// Adds a rule of the grantor, changed to allow less or more.
    Add {
        from: Index,
        at: Index,
        action: Option<&'static str>,
        condition: Option<Value>,
        inverted: bool,
    },
    Remove(Index),
    Move(Index, Index),
}

impl Edit {
    fn apply(self, writer_rules: &[Value], list: &mut Vec<Value>) {
        match self {
            Edit::Add { from, at, action, condition, inverted } => {
                let mut rule = from.get(writer_rules).clone();
                rule["inverted"] = json!(inverted);
                if let Some(action) = action {
                    rule["action"] = json!(action);
                }
                if let Some(condition) = condition.filter(|other| other["subject"] == rule["subject"]) {
                    let mut conditions = rule["conditions"].as_object().cloned().unwrap_or_default();
                    conditions.extend(condition["conditions"].as_object().cloned().unwrap_or_default());
                    if !conditions.is_empty() {
                        rule["conditions"] = json!(conditions);
                    }
                }
                list.insert(at.index(list.len() + 1), rule);
            }
            Edit::Remove(at) if !list.is_empty() => {
                list.remove(at.index(list.len()));
            }
            Edit::Move(from, to) if !list.is_empty() => {
                let rule = list.remove(from.index(list.len()));
                list.insert(to.index(list.len() + 1), rule);
            }
            Edit::Remove(_) | Edit::Move(..) => {}
        }
    }
}

fn edits(adds: u32) -> impl Strategy<Value = Vec<Edit>> {
    let action = prop::option::weighted(0.3, select(vec!["read", "update", "use", "manage"]));
    let condition = prop::option::weighted(0.5, any_rule());
    let add = (any::<Index>(), any::<Index>(), action, condition, prop::bool::weighted(0.2)).prop_map(
        |(from, at, action, condition, inverted)| Edit::Add { from, at, action, condition, inverted },
    );
    let remove = any::<Index>().prop_map(Edit::Remove);
    let shift = (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Edit::Move(from, to));
    prop::collection::vec(prop_oneof![adds => add, 1 => remove, 2 => shift], 1..4)
}

/// Generates rules on few subjects, so that they often meet. Some have few actions, some apply to all subjects.
fn any_rule() -> impl Strategy<Value = Value> {
    let registry = Registry::builtin();
    let on = |subject: &str| rule(registry.subject(subject).unwrap()).boxed();
    let everything = (select(vec!["manage", "read"]), any::<bool>(), any::<bool>()).prop_map(
        |(action, inverted, has_condition)| {
            let mut rule = json!({"action": action, "subject": "all", "inverted": inverted});
            if has_condition {
                rule["conditions"] = json!({"id": {"$ne": "00000000-0000-0000-0000-000000000001"}});
            }
            rule
        },
    );
    let simplified = |strategy: BoxedStrategy<Value>| {
        let has_field = prop::bool::weighted(0.2);
        (strategy, any::<bool>(), prop::bool::weighted(0.3), has_field).prop_map(
            |(mut rule, reads, inverted, has_field)| {
                if has_field {
                    rule["fields"] = json!(["id"]);
                }
                if reads {
                    rule["action"] = json!(["read", "use"]);
                }
                rule["inverted"] = json!(inverted);
                rule
            },
        )
    };
    prop_oneof![
        3 => simplified(on("Tool")),
        3 => simplified(on("User")),
        3 => simplified(on("Message")),
        1 => everything,
    ]
}

fn rules(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Value>> {
    prop::collection::vec(any_rule(), count)
}

fn objects() -> impl Strategy<Value = Vec<Subject>> {
    let registry = Registry::builtin();
    let mut all: Vec<BoxedStrategy<Subject>> = Vec::new();
    for name in ["Tool", "User", "Message"] {
        let object = object(registry.subject(name).unwrap()).prop_map(|object| object.subject);
        all.extend((0..8).map(|_| object.clone().boxed()));
    }
    let ids = (1..5u128).prop_map(|id| uuid::Uuid::from_u128(id).to_string());
    all.push(ids.prop_map(|id| Subject::new(LATER_SUBJECT).with("id", id)).boxed());
    all
}
