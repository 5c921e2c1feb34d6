//! Decisions, rejected rules, field patterns, packing.

use std::collections::BTreeMap;

use super::corpus::{self, Question, report};
use causerie_permissions::{
    Ability, Aliases, Decision, EvaluationError, FieldPatterns, Names, PackedRule, RawRule, Subject, Target,
    pack, unpack,
};
use serde_json::{Value, json};

#[test]
fn decisions_agree() {
    report(
        "can",
        |corpus| &corpus.can,
        |case| {
            let answer = answer(case);
            let expected = match (&case.expected, case.is_tagged("regex-lookaround")) {
                (Value::String(_), _) => return if answer["can"] == true { Err(answer) } else { Ok(()) },
                (_, true) if answer["rejected"] == true => return Ok(()),
                (expected, _) => json!({"can": expected, "rule": case.rule, "reason": case.reason}),
            };
            if answer == expected { Ok(()) } else { Err(answer) }
        },
    );
}

#[test]
fn rules_that_casl_misinterprets_are_rejected() {
    report(
        "strict",
        |corpus| &corpus.strict,
        |case| match ability(case) {
            Ok(_) => Err(json!("accepted")),
            Err(_) => Ok(()),
        },
    );
}

#[test]
fn optional_operators_of_casl_are_rejected() {
    report(
        "extended",
        |corpus| &corpus.extended,
        |case| match ability(case) {
            Ok(_) => Err(json!("accepted")),
            Err(_) => Ok(()),
        },
    );
}

#[test]
fn field_patterns_agree() {
    report(
        "field_patterns",
        |corpus| &corpus.field_patterns,
        |case| {
            let matched = FieldPatterns::new(&case.patterns).unwrap().matches(&case.field);
            if matched == case.expected { Ok(()) } else { Err(json!(matched)) }
        },
    );
}

#[test]
fn permitted_fields_agree() {
    report(
        "permitted_fields",
        |corpus| &corpus.permitted_fields,
        |case| {
            let ability = Ability::new(corpus::rules(&case.rules).unwrap()).unwrap();
            let subject =
                case.instance.clone().map(|members| Subject::from_members(&case.subject_type, members));
            let target = subject.as_ref().map_or(Target::Type(&case.subject_type), Target::Object);
            let all_fields: Vec<&str> = case.all_fields.iter().map(String::as_str).collect();
            let fields = ability.permitted_fields(&case.action, target, &all_fields).unwrap();
            if fields == case.expected { Ok(()) } else { Err(json!(fields)) }
        },
    );
}

#[test]
fn packing_agrees_in_both_directions() {
    report(
        "pack",
        |corpus| &corpus.pack,
        |case| {
            let rules = corpus::rules(&case.rules).unwrap();
            let packed = serde_json::to_value(pack(&rules)).unwrap();
            if packed != case.packed {
                return Err(packed);
            }
            let packed: Vec<PackedRule> = serde_json::from_value(packed).unwrap();
            let unpacked = unpack(&packed).unwrap();
            let expected: Vec<RawRule> = serde_json::from_value(case.unpacked.clone()).unwrap();
            if unpacked == expected { Ok(()) } else { Err(serde_json::to_value(unpacked).unwrap()) }
        },
    );
}

/// Returns the ability of a case, or the error that rejects its rules.
fn ability(case: &Question) -> Result<Ability, String> {
    let rules = corpus::rules(&case.rules)?;
    let aliases: BTreeMap<String, Names> = case.aliases.clone().unwrap_or_default();
    let aliases = Aliases::new(aliases).map_err(|error| error.to_string())?;
    Ability::with_aliases(rules, &aliases).map_err(|error| error.to_string())
}

fn answer(case: &Question) -> Value {
    let ability = match ability(case) {
        Ok(ability) => ability,
        Err(problem) => return json!({"can": false, "rejected": true, "problem": problem}),
    };
    let subject = case.instance.clone().map(|members| {
        Subject::from_members(case.subject_type.as_deref().expect("an instance has a type"), members)
    });
    let target = match (&subject, &case.subject_type) {
        (Some(subject), _) => Target::Object(subject),
        (None, Some(name)) => Target::Type(name),
        (None, None) => Target::Anything,
    };
    describe(ability.decide(&case.action, target, case.field.as_deref()))
}

fn describe(decision: Result<Decision<'_>, EvaluationError>) -> Value {
    match decision {
        Ok(decision) => {
            json!({"can": decision.is_allowed(), "rule": decision.rule_index(), "reason": decision.reason()})
        }
        Err(problem) => json!({"can": false, "problem": problem.to_string()}),
    }
}
