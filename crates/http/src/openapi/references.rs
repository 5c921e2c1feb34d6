//! References between the schemas of the document.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;
use utoipa::openapi::path::{PathItem, Paths};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{OpenApi, RefOr};

/// Returns the names of the schemas that request bodies consist of.
pub(super) fn of_requests(paths: &Paths, schemas: &BTreeMap<String, RefOr<Schema>>) -> HashSet<String> {
    let operations = paths.paths.values().flat_map(|item: &PathItem| {
        [&item.get, &item.post, &item.put, &item.patch, &item.delete].into_iter().flatten()
    });
    let bodies: Vec<_> = operations.filter_map(|operation| operation.request_body.as_ref()).collect();
    let mut used = HashSet::new();
    // A document consists of maps and text, which can always be serialized.
    collect(&serde_json::to_value(bodies).unwrap_or_default(), &mut used);
    loop {
        let before = used.len();
        let parts: Vec<_> = used.iter().filter_map(|name| schemas.get(name)).collect();
        collect(&serde_json::to_value(parts).unwrap_or_default(), &mut used);
        if used.len() == before {
            return used;
        }
    }
}

/// Removes the schemas that no part of the document refers to: pages contain the schemas of their entries.
pub(super) fn remove_unused(document: &mut OpenApi) {
    loop {
        let mut used = HashSet::new();
        collect(&serde_json::to_value(&*document).unwrap_or_default(), &mut used);
        let Some(components) = &mut document.components else { return };
        let before = components.schemas.len();
        components.schemas.retain(|name, _| used.contains(name));
        if components.schemas.len() == before {
            return;
        }
    }
}

/// Collects the names of the schemas that a part of the document refers to.
fn collect(part: &Value, used: &mut HashSet<String>) {
    match part {
        Value::Object(members) => {
            if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                used.insert(reference.rsplit('/').next().unwrap_or_default().to_owned());
            }
            members.values().for_each(|member| collect(member, used));
        }
        Value::Array(elements) => elements.iter().for_each(|element| collect(element, used)),
        _ => {}
    }
}
