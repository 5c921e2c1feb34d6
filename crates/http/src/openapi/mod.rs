//! The OpenAPI document: the documentation of the handlers, with security, errors and headers of all operations.

mod examples;
mod nulls;
mod references;

use actix_web::http::Method;
use serde_json::{Value, json};
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{self, PathItem};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::security::{
    ApiKey as SecuritySchemeApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement,
    SecurityScheme,
};
use utoipa::openapi::server::ServerBuilder;
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{Components, Info, InfoBuilder, LicenseBuilder, OpenApi, Ref, RefOr};
use utoipa::{OpenApi as _, PartialSchema as _, ToSchema};

use crate::auth::{TICKET, TICKET_ROUTES};
use crate::dto::text;
use crate::error::{PROBLEM_JSON, ProblemBody};
use crate::openai::{self, ErrorEnvelope};
use crate::routes::{Access, Handlers, Operation, operations};

/// Name of the security scheme of keys and tokens.
const SCHEME: &str = "bearer";
/// Name of the security scheme of stream tickets, which two routes accept.
const TICKET_SCHEME: &str = "stream_ticket";

const DESCRIPTION: &str = "\
A chat runtime: conversations with tools, answers as streams that can be resumed, and an exact ledger of their \
cost.

JSON members are in snake_case, ids are UUIDs, times are RFC 3339 in UTC, money is decimal text in US dollars. Errors \
are problem details (RFC 9457) with a stable `code`.";

const TAGS: &[(&str, &str)] = &[
    ("sessions", "Conversations with one tool"),
    ("forks", "Sessions continued from an earlier message"),
    ("messages", "Messages and attachments of sessions"),
    ("streams", "Following and resuming the stream of a turn"),
    ("ai-sdk", "Routes in the form in which `useChat` of the AI SDK calls them"),
    ("turns", "One message and its answer"),
    ("tools", "Assistants that authors describe"),
    ("models", "The catalogue with its prices"),
    (
        "openai",
        "Chat completions for programs that speak to OpenAI or OpenRouter; errors have OpenAI's format",
    ),
    ("usage", "Tokens and cost"),
    ("identity", "The current user and its abilities"),
    ("users", "Users of the installation"),
    ("groups", "Groups, members and invitations"),
    ("api-keys", "Credentials of programs"),
    ("rules", "Permissions beyond the built-in rules"),
    ("budgets", "Limits of cost"),
    ("audit", "Changes by administrators, and reads of other users' conversations"),
    ("operation", "Health and documentation of the server"),
];

/// Returns the OpenAPI document of the API.
pub fn openapi() -> OpenApi {
    let mut document = Handlers::openapi();
    document.info = info();
    document.servers = Some(vec![
        ServerBuilder::new().url("/").description(Some("The server that has this document")).build(),
    ]);
    document.tags = Some(
        TAGS.iter()
            .map(|(name, about)| TagBuilder::new().name(*name).description(Some(*about)).build())
            .collect(),
    );
    let components = document.components.get_or_insert_with(Components::new);
    components.security_schemes.insert(SCHEME.to_owned(), RefOr::T(scheme()));
    components.security_schemes.insert(TICKET_SCHEME.to_owned(), RefOr::T(ticket_scheme()));
    components.schemas.insert(ProblemBody::name().into_owned(), ProblemBody::schema());
    let mut inner = Vec::new();
    ProblemBody::schemas(&mut inner);
    components.schemas.insert(ErrorEnvelope::name().into_owned(), ErrorEnvelope::schema());
    ErrorEnvelope::schemas(&mut inner);
    components.schemas.extend(inner);
    components.schemas.extend(text::of_parameters());
    let of_requests = references::of_requests(&document.paths, &components.schemas);
    for (name, schema) in &mut components.schemas {
        if !of_requests.contains(name) {
            nulls::require_nullable(schema);
        }
    }
    // Components consist of maps and text, which can always be serialized.
    let schemas = serde_json::to_value(&components.schemas).unwrap_or_default();
    for declared in operations() {
        let item = document.paths.paths.get_mut(declared.path);
        if let Some(operation) = item.and_then(|item| operation_mut(item, &declared.method)) {
            complete(operation, &declared);
            add_examples(operation, declared.path, &schemas);
        }
    }
    references::remove_unused(&mut document);
    document
}

/// Returns the document as JSON.
pub(crate) fn as_json() -> String {
    // A document consists of maps and text, which can always be serialized.
    openapi().to_json().unwrap_or_default()
}

fn info() -> Info {
    InfoBuilder::new()
        .title("Causerie")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .license(Some(
            LicenseBuilder::new().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0")).build(),
        ))
        .build()
}

fn scheme() -> SecurityScheme {
    let about = "An API key, `Authorization: Bearer csr_<id>_<secret>`, or a token (JWT) of the identity \
        provider, if one is configured";
    SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(about)).build())
}

fn ticket_scheme() -> SecurityScheme {
    let about = "A ticket for the stream of one session, for clients that cannot send a header";
    SecurityScheme::ApiKey(SecuritySchemeApiKey::Query(ApiKeyValue::with_description(TICKET, about)))
}

fn operation_mut<'a>(item: &'a mut PathItem, method: &Method) -> Option<&'a mut path::Operation> {
    match *method {
        Method::GET => item.get.as_mut(),
        Method::POST => item.post.as_mut(),
        Method::PUT => item.put.as_mut(),
        Method::PATCH => item.patch.as_mut(),
        Method::DELETE => item.delete.as_mut(),
        _ => None,
    }
}

/// Adds security, error responses and common headers to an operation.
fn complete(operation: &mut path::Operation, declared: &Operation) {
    operation.security = Some(Vec::new());
    let mut errors =
        vec![("500", "The server failed"), ("503", "The server or its store is temporarily unavailable")];
    if !matches!(declared.access, Access::Public | Access::OneTimeCode) {
        let schemes: &[&str] =
            if TICKET_ROUTES.contains(&declared.path) { &[SCHEME, TICKET_SCHEME] } else { &[SCHEME] };
        let require = |scheme: &&str| SecurityRequirement::new::<_, [&str; 0], &str>(*scheme, []);
        operation.security = Some(schemes.iter().map(require).collect());
        errors.push(("429", "Too many of these requests, or too many failed authentications"));
        errors.push(("401", "The credential is missing or not valid"));
        errors.push(("403", "The rules do not allow this"));
    }
    if declared.access == Access::OneTimeCode {
        errors.push(("401", "The code is wrong, used or expired"));
        errors.push(("403", "The request does not come from this machine"));
        errors.push(("429", "Too many wrong codes"));
    }
    if declared.access == Access::Public {
        errors.push(("408", "The request did not arrive in time"));
    }
    if let Access::Requires(action, subject) = declared.access {
        let requires = ExtensionsBuilder::new()
            .add("x-asks", json!({"action": action.as_str(), "subject": subject.as_str()}))
            .build();
        operation.extensions.get_or_insert_default().merge(requires);
    }
    if declared.path.contains('{') {
        errors.push(("404", "The resource does not exist, or is not visible to you"));
    }
    if operation.request_body.is_some() {
        errors.push(("400", "The body is not valid; `errors` lists the errors"));
        errors.push(("408", "The body did not arrive in time"));
        errors.push(("413", "The body is too large"));
        errors.push(("415", "The body is not JSON"));
    } else if operation.parameters.as_ref().is_some_and(|parameters| parameters.iter().any(is_read)) {
        errors.push(("400", "A parameter is not valid"));
    }
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(path::Parameter { schema: Some(schema), .. }) = parameter {
            nulls::without_null(schema);
        }
    }
    for (status, description) in errors {
        let response = ResponseBuilder::new().description(description).build();
        operation.responses.responses.entry(status.to_owned()).or_insert(RefOr::T(response));
    }
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response {
            shape(status, response, openai::is_below(declared.path));
        }
    }
}

/// Adds an example to each response with a body.
fn add_examples(operation: &mut path::Operation, path: &str, schemas: &Value) {
    let has_body = operation.request_body.is_some();
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        for content in response.content.values_mut() {
            let RefOr::T(content) = content else { continue };
            content.example = if status.as_str() >= "400" {
                examples::of_error(status, &response.description, has_body, openai::is_below(path))
            } else {
                let schema = serde_json::to_value(&content.schema).unwrap_or_default();
                Some(examples::of_schema(&schema, schemas))
            };
        }
    }
}

/// Returns whether a parameter can be invalid. An invalid id in a path is a missing resource.
fn is_read(parameter: &RefOr<path::Parameter>) -> bool {
    matches!(parameter, RefOr::T(parameter) if parameter.parameter_in != path::ParameterIn::Path)
}

/// Adds the request id to a response, and to an error the schema of a problem or of OpenAI.
fn shape(status: &str, response: &mut Response, is_openai: bool) {
    let id = HeaderBuilder::new()
        .schema(Some(String::schema()))
        .description(Some("The id of the request"))
        .build();
    response.headers.insert("x-request-id".to_owned(), RefOr::T(id));
    if status >= "400" {
        let (schema, media_type) = match is_openai {
            true => (ErrorEnvelope::name(), "application/json"),
            false => (ProblemBody::name(), PROBLEM_JSON),
        };
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).build();
        response.content.insert(media_type.to_owned(), RefOr::T(content));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use causerie_permissions::{Registry, SubjectType};

    use super::*;
    use crate::auth::{has_ticket_format, is_reusable_credential};

    const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

    fn document() -> Value {
        serde_json::from_str(&as_json()).unwrap()
    }

    /// Returns every operation of a document, with its method and path.
    fn documented(document: &Value) -> Vec<(String, &Value)> {
        let paths = document["paths"].as_object().unwrap();
        let of_path = |(path, item): (&String, &'_ Value)| (path.clone(), item.as_object().unwrap().clone());
        let mut found = Vec::new();
        for (path, item) in paths.iter().map(of_path) {
            for method in METHODS.iter().filter(|method| item.contains_key(**method)) {
                found.push((format!("{} {path}", method.to_uppercase()), &paths[&path][*method]));
            }
        }
        found
    }

    #[test]
    fn no_example_is_a_credential() {
        let document = as_json();
        let is_credential_char = |char: char| char.is_ascii_alphanumeric() || "_-.".contains(char);
        let texts = document.split(|char| !is_credential_char(char));
        let credentials: Vec<_> =
            texts.filter(|text| is_reusable_credential(text) || has_ticket_format(text)).collect();
        assert_eq!(credentials, [""; 0]);
        assert!(!document.contains("secret_hash"));
    }

    #[test]
    fn the_document_and_the_table_name_the_same_operations() {
        let document = document();
        let in_document: BTreeSet<String> = documented(&document).into_iter().map(|(name, _)| name).collect();
        let in_table =
            operations().iter().map(|operation| format!("{} {}", operation.method, operation.path)).collect();
        assert_eq!(in_document, in_table);
    }

    #[test]
    fn every_operation_is_described() {
        let document = document();
        let tags: BTreeSet<&str> = TAGS.iter().map(|(name, _)| *name).collect();
        let mut ids = BTreeSet::new();
        for (name, operation) in documented(&document) {
            let is_text = |member: &str| operation[member].as_str().is_some_and(|text| !text.is_empty());
            assert!(is_text("summary") && is_text("description"), "{name} is not described");
            assert!(ids.insert(operation["operationId"].as_str().unwrap()), "the id of {name} is not unique");
            assert!(tags.contains(operation["tags"][0].as_str().unwrap()), "{name} has an unknown tag");
            let responses = operation["responses"].as_object().unwrap();
            assert!(
                responses.keys().any(|status| status.starts_with('2')),
                "{name} has no successful response"
            );
            for (status, response) in responses {
                for (media_type, content) in response["content"].as_object().into_iter().flatten() {
                    assert!(!content["example"].is_null(), "{name} {status} {media_type} has no example");
                }
            }
            for (status, response) in responses.iter().filter(|(status, _)| status.as_str() >= "400") {
                let media_type = if name.contains(" /v1/") { "application/json" } else { PROBLEM_JSON };
                assert!(response["content"][media_type].is_object(), "{name} {status} is no problem");
            }
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                assert!(parameter["description"].is_string(), "{name}: {parameter} is not described");
            }
        }
    }

    #[test]
    fn every_operation_declares_its_access_rule() {
        let document = document();
        for (name, operation) in documented(&document) {
            let is_public = ["GET /healthz", "GET /readyz", "GET /openapi.json"].contains(&name.as_str());
            let is_for_all_users = ["GET /me", "GET /me/abilities"].contains(&name.as_str());
            let has_own_credential = name == "POST /sign-in";
            assert_eq!(operation["security"] == json!([]), is_public || has_own_credential, "{name}");
            assert_eq!(operation["responses"]["401"].is_null(), is_public, "{name}");
            let asks_nothing = is_public || is_for_all_users || has_own_credential;
            assert_eq!(operation["x-asks"]["action"].is_null(), asks_nothing, "{name}");
        }
    }

    #[test]
    fn null_occurs_in_responses_and_not_in_parameters() {
        let document = document();
        for (name, operation) in documented(&document) {
            let parameters = operation["parameters"].to_string();
            assert!(!parameters.contains("\"null\""), "{name}: {parameters}");
        }
        let required = |schema: &str| document["components"]["schemas"][schema]["required"].to_string();
        assert!(required("Session").contains("\"title\""));
        assert!(required("Turn").contains("\"failure\""));
        let in_page =
            &document["components"]["schemas"]["Page_Session"]["properties"]["data"]["items"]["required"];
        assert!(in_page.to_string().contains("\"title\""));
        assert!(!required("TurnFailure").contains("\"retry_after\""));
        assert!(!required("NewSession").contains("\"title\""));
    }

    #[test]
    fn a_member_of_a_request_that_may_be_null_may_be_absent() {
        let openapi = openapi();
        let schemas = &openapi.components.as_ref().unwrap().schemas;
        let names = references::of_requests(&openapi.paths, schemas);
        assert!(names.contains("ChatBody") && names.contains("UiPart") && !names.contains("Session"));
        let document = document();
        for name in names {
            let schema = &document["components"]["schemas"][&name];
            for required in schema["required"].as_array().into_iter().flatten() {
                let member = &schema["properties"][required.as_str().unwrap()];
                assert!(!member.to_string().contains("\"null\""), "{name}.{required} may be null");
            }
        }
    }

    /// Returns the members of a schema, and of the schemas that it is composed of.
    fn members(document: &Value, schema: &Value) -> BTreeSet<String> {
        if let Some(reference) = schema["$ref"].as_str() {
            return members(document, document.pointer(reference.trim_start_matches('#')).unwrap());
        }
        let own = schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone());
        let parts = schema["allOf"].as_array().into_iter().flatten();
        own.chain(parts.flat_map(|part| members(document, part))).collect()
    }

    #[test]
    fn objects_have_every_field_that_rules_may_name() {
        let document = document();
        let registry = Registry::builtin();
        for subject in SubjectType::ALL {
            let schemas: &[&str] = match subject {
                SubjectType::Session => &["Session", "SessionDetail", "SessionAudit"],
                SubjectType::Message => &["Message"],
                SubjectType::Tool => &["Tool", "ToolDetail"],
                SubjectType::Model => &["Model"],
                SubjectType::Usage => &["UsageRecord"],
                SubjectType::User => &["User", "SeenUser"],
                SubjectType::Group => &["Group"],
                SubjectType::ApiKey => &["ApiKey", "CreatedApiKey"],
            };
            for schema in schemas {
                let schemas = &document["components"]["schemas"];
                let of_page = &schemas[&format!("Page_{schema}")]["properties"]["data"]["items"];
                let schema_object = schemas.get(*schema).unwrap_or(of_page);
                let members = members(&document, schema_object);
                for field in &registry.subject(subject.as_str()).unwrap().fields {
                    assert!(members.contains(&field.name), "{schema} has no {}", field.name);
                }
            }
        }
    }

    /// Answers with a list that is not paged, and what bounds the list.
    const COMPLETE_LISTS: [(&str, &str); 11] = [
        ("GET /api-keys/{id}", "scopes: at most 100, or the size of a stored key"),
        ("GET /groups/{id}/rules", "rules: at most 200 and 256 KiB"),
        ("GET /me", "the memberships, invitations and budgets of one user"),
        ("GET /me/abilities", "the rules of one user and its groups"),
        ("GET /sessions/{id}", "messages: as many as fit into a page"),
        ("GET /turns/{id}/context", "the messages of one request, and at most 1000 between them"),
        ("GET /users/{id}", "group_ids: the memberships of one user"),
        ("GET /users/{id}/abilities", "the rules of one user and its groups"),
        ("GET /users/{id}/rules", "rules: at most 200 and 256 KiB"),
        ("GET /usage", "data: paged by up to 1000 groups"),
        ("GET /v1/models", "data: the models of the catalog and the tools; OpenAI's format has no pages"),
    ];

    /// Returns the schema that a reference names, or the schema itself.
    fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str() {
            Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
            None => schema,
        }
    }

    #[test]
    fn every_answer_with_a_list_is_paged_or_known_to_be_bounded() {
        let document = document();
        let mut complete = BTreeSet::new();
        for (name, operation) in
            documented(&document).into_iter().filter(|(name, _)| name.starts_with("GET "))
        {
            let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
            let schema = resolved(&document, schema);
            let of_parts = schema["allOf"].as_array().into_iter().flatten();
            let schemas = std::iter::once(schema).chain(of_parts.map(|part| resolved(&document, part)));
            let members: Vec<_> =
                schemas.flat_map(|schema| schema["properties"].as_object()).flatten().collect();
            if !members.iter().any(|(_, member)| resolved(&document, member)["type"] == "array") {
                continue;
            }
            let parameters = operation["parameters"].as_array();
            let parameter =
                |name: &str| parameters.into_iter().flatten().find(|parameter| parameter["name"] == name);
            let maximum = parameter("limit").and_then(|limit| limit["schema"]["maximum"].as_u64());
            let is_paged = members.iter().any(|(name, _)| *name == "next_cursor")
                && parameter("cursor").is_some()
                && maximum.is_some_and(|maximum| maximum <= 100);
            if !is_paged {
                complete.insert(name);
            }
        }
        let known: BTreeSet<String> = COMPLETE_LISTS.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(complete, known);
    }

    #[test]
    fn every_reference_can_be_resolved() {
        let document = document();
        let text = document.to_string();
        for reference in text.split("\"$ref\":\"#").skip(1) {
            let pointer = reference.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
        assert_eq!(document["openapi"], "3.1.0");
    }
}
