//! Lists: selected rows, queries, condition trees and filters.

use std::cell::Cell as Counter;
use std::collections::BTreeSet;

use super::corpus::{self, QueryCase, report};
use causerie_domain::filter::{FieldValue, Scalar};
use causerie_permissions::{
    Ability, Bound, Branch, Condition, FieldSchema, FieldSource, FieldType, Object, Operator, Registry, Rule,
    ScalarType, Selection, Subject, SubjectSchema, Value,
};
use serde_json::json;

#[test]
fn rows_are_selected_as_in_casl() {
    report(
        "query",
        |corpus| &corpus.query,
        |case| {
            let ability = ability(case);
            let condition = ability.select(&case.action, &case.subject_type).condition();
            let chosen = |test: &dyn Fn(&Object) -> bool| -> Vec<usize> {
                (0..case.rows.len()).filter(|index| test(&case.rows[*index])).collect()
            };
            let checked = chosen(&|row| {
                ability.can(&case.action, &Subject::from_members(&case.subject_type, row.clone()))
            });
            let listed = chosen(&|row| {
                condition
                    .as_ref()
                    .is_some_and(|condition| condition.matches(&Value::Object(row.clone())).unwrap())
            });
            if checked == case.rows_allowed && listed == case.rows_allowed {
                Ok(())
            } else {
                Err(json!({"checked": checked, "listed": listed}))
            }
        },
    );
}

#[test]
fn queries_are_built_as_in_casl() {
    report(
        "query",
        |corpus| &corpus.query,
        |case| {
            let ability = ability(case);
            let selection = ability.select(&case.action, &case.subject_type);
            let (query, tree) =
                (mongo(&selection), selection.condition().map_or(json!(null), |tree| syntax(&tree)));
            if query == case.query && tree == without_empty_parts(case.ast.clone()) {
                Ok(())
            } else {
                Err(json!({"query": query, "ast": tree}))
            }
        },
    );
}

#[test]
fn filters_admit_the_rows_that_the_single_check_allows() {
    let (translated, all) = (Counter::new(0), Counter::new(0));
    report(
        "query",
        |corpus| &corpus.query,
        |case| {
            all.set(all.get() + 1);
            let ability = ability(case);
            let schema = schema_of(case);
            let registry = Registry::new([&case.action], vec![schema.clone()]);
            let Ok(filter) = ability.filter(&case.action, &case.subject_type, &registry) else {
                return Ok(());
            };
            translated.set(translated.get() + 1);
            for row in &case.rows {
                let row = with_nulls(row, &schema);
                let read = |name: &str| row.get(name).map(cell);
                let allowed =
                    ability.can(&case.action, &Subject::from_members(&case.subject_type, row.clone()));
                if filter.matches(&read).unwrap() != allowed {
                    return Err(json!({"filter": format!("{filter:?}"), "row": row}));
                }
            }
            Ok(())
        },
    );
    assert!(
        translated.get() * 2 > all.get(),
        "only {} of {} cases have a filter",
        translated.get(),
        all.get()
    );
}

fn ability(case: &QueryCase) -> Ability {
    Ability::new(corpus::rules(&case.rules).unwrap()).unwrap()
}

/// Returns the MongoDB query that `@casl/mongoose` builds for a selection.
fn mongo(selection: &Selection<'_>) -> serde_json::Value {
    let conditions = |rule: &&Rule| json!(rule.raw().conditions);
    let branch = |branch: &Branch<'_>| {
        let mut parts: Vec<_> = branch.permission.iter().map(conditions).collect();
        parts.extend(branch.prohibitions.iter().map(|rule| json!({"$nor": [conditions(rule)]})));
        match (branch.permission, parts.len()) {
            (Some(_), 1) => parts.remove(0),
            _ => json!({"$and": parts}),
        }
    };
    match selection.branches() {
        [] => json!(null),
        [Branch { permission: None, prohibitions }] if prohibitions.is_empty() => json!({}),
        [only @ Branch { permission: None, .. }] => branch(only),
        branches => json!({"$or": branches.iter().map(branch).collect::<Vec<_>>()}),
    }
}

/// Returns a condition in the corpus's form of CASL's tree.
fn syntax(condition: &Condition) -> serde_json::Value {
    let all = |parts: &[Condition]| parts.iter().map(syntax).collect::<Vec<_>>();
    let (path, operator) = match condition {
        Condition::All(parts) => return json!({"op": "and", "value": all(parts)}),
        Condition::Any(parts) => return json!({"op": "or", "value": all(parts)}),
        Condition::Not(part) => return json!({"op": "not", "value": [syntax(part)]}),
        Condition::Field(path, operator) => (path.to_string(), operator),
    };
    let value = match operator {
        Operator::Equals(value) | Operator::NotEquals(value) => json!(value),
        Operator::Compare(_, Bound::Number(number)) => json!(Value::Number(*number)),
        Operator::Compare(_, Bound::Text(text)) => json!(text),
        Operator::In(values) | Operator::NotIn(values) | Operator::All(values) => json!(values),
        Operator::Size(size) => json!(Value::Number(*size)),
        Operator::Regex(expression) => json!({"regex": expression.source(), "flags": expression.flags()}),
        Operator::ElemMatch(condition) => syntax(condition),
        Operator::Exists(expected) => json!(expected),
    };
    let name = operator.name().trim_start_matches('$');
    json!({"op": name, "field": path, "value": value})
}

/// Returns CASL's tree without empty conjunctions inside conjunctions, which this crate omits.
fn without_empty_parts(mut tree: serde_json::Value) -> serde_json::Value {
    let is_and = tree["op"] == "and";
    let has_parts = tree["value"].get(0).is_some_and(|part| part["op"].is_string());
    let Some(parts) = tree.get_mut("value").and_then(|value| value.as_array_mut()).filter(|_| has_parts)
    else {
        return tree;
    };
    parts.iter_mut().for_each(|part| *part = without_empty_parts(part.take()));
    parts.retain(|part| !(is_and && *part == json!({"op": "and", "value": []})));
    if parts.len() == 1 && is_and { parts.remove(0) } else { tree }
}

/// Returns a schema for the rows of a case: a field whose values are of one type has that type.
fn schema_of(case: &QueryCase) -> SubjectSchema {
    let names: BTreeSet<&str> = case.rows.iter().flat_map(Object::iter).map(|(name, _)| name).collect();
    let fields = names.into_iter().filter_map(|name| {
        let values = case.rows.iter().filter_map(|row| row.get(name)).filter(|value| **value != Value::Null);
        let mut types = values.map(field_type);
        let first = types.next()??;
        let field_type = types.all(|other| other == Some(first)).then_some(first)?;
        Some(FieldSchema { name: name.to_owned(), field_type, source: FieldSource::Column })
    });
    SubjectSchema { name: case.subject_type.clone(), fields: fields.collect() }
}

fn field_type(value: &Value) -> Option<FieldType> {
    match value {
        Value::Bool(_) => Some(FieldType::Nullable(ScalarType::Bool)),
        Value::Number(number) => (number.fract() == 0.0).then_some(FieldType::Nullable(ScalarType::Integer)),
        Value::Text(_) => Some(FieldType::Nullable(ScalarType::Text)),
        Value::List(items) => items
            .iter()
            .all(|item| matches!(item, Value::Text(_)))
            .then_some(FieldType::List(ScalarType::Text)),
        Value::Null | Value::Object(_) => None,
    }
}

/// Returns a row of a table, in which missing members are null.
fn with_nulls(row: &Object, schema: &SubjectSchema) -> Object {
    let mut row = row.clone();
    for field in &schema.fields {
        if row.get(&field.name).is_none() {
            row.insert(field.name.clone(), Value::Null);
        }
    }
    row
}

fn cell(value: &Value) -> FieldValue {
    let scalar = |value: &Value| match value {
        Value::Bool(value) => Scalar::Bool(*value),
        Value::Number(number) => Scalar::Integer(*number as i64),
        Value::Text(text) => Scalar::Text(text.clone()),
        Value::Null | Value::List(_) | Value::Object(_) => panic!("{value:?} is no scalar"),
    };
    match value {
        Value::Null => FieldValue::Null,
        Value::List(items) => FieldValue::List(items.iter().map(scalar).collect()),
        value => FieldValue::One(scalar(value)),
    }
}
