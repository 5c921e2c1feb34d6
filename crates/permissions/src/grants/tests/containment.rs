//! Containment of rules, by table: what the grantor has, what it grants, and the answer.

use super::*;

/// Returns a rule for reading messages with these conditions, as JSON; a `-` in front makes it a prohibition.
fn rule(text: &str) -> String {
    match text.strip_prefix('-') {
        Some(conditions) => {
            format!(r#"{{"action":"read","subject":"Message","conditions":{conditions},"inverted":true}}"#)
        }
        None => format!(r#"{{"action":"read","subject":"Message","conditions":{text}}}"#),
    }
}

/// Checks whether a principal with only the rules `own` may grant a rule.
fn check_whole(own: &[&str], granted: &str, expected: bool) {
    let registry = Registry::builtin();
    let builtin = BuiltinRules::from_json(BARE, &registry).unwrap();
    let (own, scopes) = (stored(own), Scopes::default());
    let grantor = builtin.grantor(&registry, &facts(Role::User, &[], &[]), &own, &scopes).unwrap();
    assert_eq!(grantor.covers(&stored(&[granted])[0]), expected, "{own:?} grants {granted}");
}

/// Checks whether a principal with only the rules `own` may grant a rule. All rules are for reading messages, and are
/// given by their conditions.
fn check(own: &[&str], granted: &str, expected: bool) {
    let own: Vec<String> = own.iter().map(|text| rule(text)).collect();
    let own: Vec<&str> = own.iter().map(String::as_str).collect();
    check_whole(&own, &rule(granted), expected);
}

#[test]
fn equality_and_sets_are_contained_in_larger_sets() {
    check(&[r#"{"role":"user"}"#], r#"{"role":"user"}"#, true);
    check(&[r#"{"role":"user"}"#], r#"{"role":"assistant"}"#, false);
    check(&[r#"{"role":"user"}"#], r#"{"role":"user","seq":1}"#, true);
    check(&[r#"{"role":"user","seq":1}"#], r#"{"role":"user"}"#, false);
    check(&[r#"{"role":{"$in":["user","assistant"]}}"#], r#"{"role":"user"}"#, true);
    check(&[r#"{"role":{"$in":["user","assistant"]}}"#], r#"{"role":{"$in":["user"]}}"#, true);
    check(&[r#"{"role":{"$in":["user"]}}"#], r#"{"role":{"$in":["user","assistant"]}}"#, false);
    check(&[r#"{"role":{"$ne":"system"}}"#], r#"{"role":"user"}"#, true);
    check(&[r#"{"role":{"$ne":"system"}}"#], r#"{"role":{"$nin":["system","user"]}}"#, true);
    check(&[r#"{"role":{"$nin":["system","user"]}}"#], r#"{"role":{"$ne":"system"}}"#, false);
    check(&[r#"{"role":{"$in":["user","x"]}}"#], r#"{"role":{"$in":["user","y"],"$ne":"y"}}"#, true);
    check(&[r#"{"role":"user"}"#], r#"{"role":{"$in":[]}}"#, true);
    check(&[r#"{"role":{"$in":[]}}"#], r#"{"role":"user"}"#, false);
}

#[test]
fn null_is_a_value_of_its_own() {
    check(&[r#"{"group_id":null}"#], r#"{"group_id":null}"#, true);
    check(&[r#"{"group_id":null}"#], r#"{"group_id":{"$in":[null]}}"#, true);
    check(&[r#"{"group_id":{"$ne":null}}"#], r#"{"group_id":null}"#, false);
    check(&[r#"{"group_id":{"$ne":null}}"#], r#"{"group_id":"$GROUP"}"#, true);
    check(&[r#"{"group_id":{"$nin":["$GROUP"]}}"#], r#"{"group_id":null}"#, true);
    check(&[r#"{"group_id":null}"#, r#"{"group_id":{"$ne":null}}"#], r#"{"seq":1}"#, true);
    // Null is less than six for CASL, and a message has no number before it is created.
    check(&[r#"{"seq":{"$lt":6}}"#], r#"{"seq":{"$lt":5}}"#, true);
    check(&[r#"{"seq":{"$gte":-1000}}"#, r#"{"seq":{"$lt":-1000}}"#], "{\"role\":\"user\"}", true);
}

#[test]
fn ranges_are_contained_in_wider_ranges() {
    check(&[r#"{"seq":{"$gt":3}}"#], r#"{"seq":{"$gt":3}}"#, true);
    check(&[r#"{"seq":{"$gt":3}}"#], r#"{"seq":{"$gte":4}}"#, true);
    check(&[r#"{"seq":{"$gt":3}}"#], r#"{"seq":{"$gte":3}}"#, false);
    check(&[r#"{"seq":{"$gte":3}}"#], r#"{"seq":{"$gt":3}}"#, true);
    check(&[r#"{"seq":{"$lte":9}}"#], r#"{"seq":{"$lt":9}}"#, true);
    check(&[r#"{"seq":{"$lt":9}}"#], r#"{"seq":{"$lte":9}}"#, false);
    check(&[r#"{"seq":{"$gte":1,"$lt":10}}"#], r#"{"seq":{"$gte":2,"$lt":9}}"#, true);
    check(&[r#"{"seq":{"$gte":1,"$lt":10}}"#], r#"{"seq":{"$gte":2}}"#, false);
    check(&[r#"{"seq":{"$gte":1,"$lt":10}}"#], r#"{"seq":{"$in":[1,9]}}"#, true);
    check(&[r#"{"seq":{"$gte":1,"$lt":10}}"#], r#"{"seq":{"$in":[1,10]}}"#, false);
    check(&[r#"{"seq":{"$lt":5}}"#, r#"{"seq":{"$gte":5}}"#], r#"{"seq":{"$gt":2}}"#, true);
    check(&[r#"{"seq":{"$lt":5}}"#, r#"{"seq":{"$gt":5}}"#], r#"{"seq":{"$gt":2}}"#, false);
    let usage = |bound: &str| {
        format!(
            r#"{{"action":"read","subject":"Usage","conditions":{{"created_at":{{"$gte":"{bound}-01-01T00:00:00.000000Z"}}}}}}"#
        )
    };
    check_whole(&[&usage("2025")], &usage("2026"), true);
    check_whole(&[&usage("2026")], &usage("2025"), false);
}

#[test]
fn several_rules_cover_a_set_together() {
    check(&[r#"{"role":"a"}"#, r#"{"role":"b"}"#], r#"{"role":{"$in":["a","b"]}}"#, true);
    check(&[r#"{"role":"a"}"#, r#"{"role":"b"}"#], r#"{"role":{"$in":["a","b","c"]}}"#, false);
    check(&[r#"{"role":"a"}"#, r#"{"role":{"$in":["b","c"]}}"#], r#"{"role":{"$in":["a","b","c"]}}"#, true);
    check(&[r#"{"role":"a"}"#, r#"{"role":{"$ne":"a"}}"#], r#"{"seq":1}"#, true);
    let tool = |conditions: &str| format!(r#"{{"action":"use","subject":"Tool","conditions":{conditions}}}"#);
    let own = [tool(r#"{"enabled":true,"slug":"x"}"#), tool(r#"{"enabled":false}"#)];
    check_whole(&[&own[0], &own[1]], &tool(r#"{"slug":"x"}"#), true);
    check_whole(&[&own[0]], &tool(r#"{"slug":"x"}"#), false);
    check_whole(&[&own[0]], &tool(r#"{"slug":"x","enabled":{"$ne":false}}"#), true);
}

#[test]
fn lists_are_compared_by_their_elements() {
    let user = |conditions: &str| {
        format!(r#"{{"action":"read","subject":"User","conditions":{{"group_ids":{conditions}}}}}"#)
    };
    let inverted =
        |conditions: &str| user(conditions).replace(r#"{"action""#, r#"{"inverted":true,"action""#);
    let (a, b) = (uuid(7), uuid(8));
    let any = |ids: &[&String]| serde_json::json!({"$in": ids}).to_string();
    let all = |ids: &[&String]| serde_json::json!({"$all": ids}).to_string();
    let none = |ids: &[&String]| serde_json::json!({"$nin": ids}).to_string();
    check_whole(&[&user(&any(&[&a, &b]))], &user(&any(&[&a])), true);
    check_whole(&[&user(&any(&[&a]))], &user(&any(&[&a, &b])), false);
    check_whole(&[&user(&any(&[&a]))], &user(&all(&[&a, &b])), true);
    check_whole(&[&user(&all(&[&a, &b]))], &user(&any(&[&a])), false);
    check_whole(&[&user(&all(&[&a]))], &user(&all(&[&a, &b])), true);
    check_whole(&[&user(&none(&[&a]))], &user(&none(&[&a, &b])), true);
    check_whole(&[&user(&none(&[&a]))], &user(&any(&[&b])), false);
    check_whole(&[&user(r#"{"$size":2}"#)], &user(r#"{"$size":2}"#), true);
    check_whole(&[&user(r#"{"$size":2}"#)], &user(r#"{"$size":1}"#), false);
    check_whole(&[&user(&any(&[&a, &b])), &inverted(r#"{"$size":2}"#)], &user(&any(&[&a])), false);
    // A list can contain both groups.
    check_whole(&[&user(&any(&[&a, &b])), &inverted(&any(&[&b]))], &user(&any(&[&a])), false);
    let only_a = format!(r#"{{"$in":["{a}"],"$nin":["{b}"]}}"#);
    check_whole(&[&user(&any(&[&a, &b])), &inverted(&any(&[&b]))], &user(&only_a), true);
}

#[test]
fn prohibitions_of_the_grantor_count() {
    let broad = r#"{"role":{"$ne":"none"}}"#;
    check(&[broad, r#"-{"role":"system"}"#], r#"{"role":"user"}"#, true);
    check(&[broad, r#"-{"role":"system"}"#], r#"{"role":{"$in":["user","system"]}}"#, false);
    check(&[broad, r#"-{"seq":5}"#], r#"{"role":"user"}"#, false);
    check(&[broad, r#"-{"seq":5}"#], r#"{"role":"user","seq":{"$gt":5}}"#, true);
    check(&[broad, r#"-{"seq":5}"#], r#"{"role":"user","seq":{"$ne":5}}"#, true);
    check(&[broad, r#"-{"seq":{"$lt":5}}"#], r#"{"role":"user","seq":7}"#, true);
    check(&[r#"-{"seq":5}"#, broad], r#"{"role":"user"}"#, true);
    check(&[broad, r#"-{"seq":5,"role":"system"}"#], r#"{"role":"user"}"#, true);
    check(&[broad, r#"-{"seq":5,"role":"user"}"#], r#"{"role":"user"}"#, false);
}

#[test]
fn placeholders_stand_for_every_value() {
    let message = r#"{"user_id":"${user.id}"}"#;
    check(&[message], message, false);
    check(&[r#"{"user_id":"$WRITER"}"#], message, false);
    check(&[r#"{"role":"user"}"#], r#"{"role":"user","user_id":"${user.id}"}"#, true);
    check(&[r#"{"role":{"$ne":"x"}}"#], r#"{"role":"x","group_id":{"$in":"${user.group_ids}"}}"#, false);
    check(&[r#"{"user_id":{"$ne":"$WRITER"}}"#], r#"{"user_id":{"$ne":"${user.id}"}}"#, false);
    check(&[message], r#"{"user_id":"$WRITER"}"#, true);
}

#[test]
fn actions_and_subjects_include_later_ones() {
    let manage_all = r#"{"action":"manage","subject":"all"}"#;
    check_whole(&[manage_all], manage_all, true);
    check_whole(&[r#"{"action":"manage"}"#], manage_all, true);
    check_whole(&[r#"{"action":"manage","subject":"Group"}"#], manage_all, false);
    check_whole(
        &[r#"{"action":"read","subject":"all"}"#],
        r#"{"action":"read","subject":["User","Group"]}"#,
        true,
    );
    let every_action =
        r#"{"action":["create","read","update","delete","use","fork","audit"],"subject":"Group"}"#;
    check_whole(&[every_action], r#"{"action":["read","use"],"subject":"Group"}"#, true);
    check_whole(&[every_action], r#"{"action":"manage","subject":"Group"}"#, false);
    check_whole(&[r#"{"action":"manage","subject":"Group"}"#], every_action, true);
    let every_subject =
        r#"{"action":"read","subject":["Session","Message","Tool","Model","Usage","User","Group","ApiKey"]}"#;
    check_whole(&[every_subject], r#"{"action":"read","subject":"all"}"#, false);
    check_whole(
        &[r#"{"action":"read","subject":"Tool"}"#],
        r#"{"action":"read","subject":["Tool","Model"]}"#,
        false,
    );
    let no_keys = r#"{"action":"create","subject":"ApiKey","inverted":true}"#;
    check_whole(&[manage_all, no_keys], manage_all, false);
    check_whole(&[manage_all, no_keys], r#"{"action":["read","delete"],"subject":["ApiKey","User"]}"#, true);
    let id = r#"{"action":"read","conditions":{"id":"$GROUP"}}"#;
    check_whole(&[manage_all], id, true);
    check_whole(&[r#"{"action":"read","subject":"all"}"#], id, true);
    check_whole(&[id], id, true);
    check_whole(&[id], r#"{"action":"read","subject":"Group","conditions":{"id":"$GROUP"}}"#, true);
}

#[test]
fn fields_are_compared() {
    let user = |fields: &str, inverted: bool| {
        format!(r#"{{"action":"update","subject":"User","fields":{fields},"inverted":{inverted}}}"#)
    };
    let can = |fields: &str| user(fields, false);
    let cannot = |fields: &str| user(fields, true);
    let every = r#"{"action":"update","subject":"User"}"#;
    check_whole(&[&can(r#"["name","locale"]"#)], &can(r#"["name"]"#), true);
    check_whole(&[&can(r#"["name"]"#)], &can(r#"["name","role"]"#), false);
    check_whole(&[&can(r#"["name"]"#), &can(r#"["role"]"#)], &can(r#"["name","role"]"#), true);
    check_whole(&[&can(r#"["name"]"#)], every, false);
    check_whole(&[every], &can(r#"["name","*_ids"]"#), true);
    check_whole(&[&can(r#"["n*"]"#)], &can(r#"["name"]"#), true);
    check_whole(&[&can(r#"["n*"]"#)], &can(r#"["n*"]"#), true);
    check_whole(&[&can(r#"["name"]"#)], &can(r#"["n*"]"#), false);
    check_whole(&[every, &cannot(r#"["role"]"#)], &can(r#"["name"]"#), true);
    check_whole(&[every, &cannot(r#"["role"]"#)], &can(r#"["role"]"#), false);
    check_whole(&[every, &cannot(r#"["role"]"#)], &can(r#"["r*"]"#), false);
    check_whole(&[every, &cannot(r#"["role"]"#)], every, false);
}
