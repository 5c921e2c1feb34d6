//! Which crate may depend on which, as tables. `docs/architecture.md` describes the layers.

use cargo_metadata::DependencyKind;

/// The layer of a workspace crate and the workspace crates that it may link.
#[derive(Debug)]
pub(super) struct CratePolicy {
    name: &'static str,
    /// None for crates outside the layers: tools, and support for tests.
    layer: Option<u8>,
    links: &'static [&'static str],
}

const DOMAIN: &str = "causerie-domain";
const PERSISTENCE: &str = "causerie-persistence";
const OPENROUTER: &str = "causerie-openrouter";
const IDENTITY: &str = "causerie-identity";
const FAIR_SHARE: &str = "causerie-fair-share";
const USAGE: &str = "causerie-usage";
const PERMISSIONS: &str = "causerie-permissions";
const TOOL_DEFINITIONS: &str = "causerie-tool-definitions";
const MEMORY_STORE: &str = "causerie-memory-store";
const RUNTIME: &str = "causerie-runtime";
const HTTP: &str = "causerie-http";
const SERVER: &str = "causerie-server";
const SIMULATOR: &str = "causerie-simulator";
const TESTKIT: &str = "causerie-testkit";
const BENCH: &str = "causerie-bench";
const XTASK: &str = "xtask";

const CRATES: [CratePolicy; 16] = [
    CratePolicy { name: DOMAIN, layer: Some(0), links: &[] },
    CratePolicy { name: PERSISTENCE, layer: Some(2), links: &[FAIR_SHARE, DOMAIN] },
    CratePolicy { name: FAIR_SHARE, layer: Some(1), links: &[DOMAIN] },
    CratePolicy { name: OPENROUTER, layer: Some(2), links: &[FAIR_SHARE, DOMAIN] },
    CratePolicy { name: IDENTITY, layer: Some(2), links: &[DOMAIN] },
    CratePolicy { name: USAGE, layer: Some(2), links: &[DOMAIN] },
    CratePolicy { name: PERMISSIONS, layer: Some(2), links: &[DOMAIN] },
    CratePolicy { name: TOOL_DEFINITIONS, layer: Some(2), links: &[DOMAIN] },
    CratePolicy { name: MEMORY_STORE, layer: Some(2), links: &[DOMAIN] },
    CratePolicy {
        name: RUNTIME,
        layer: Some(3),
        links: &[TOOL_DEFINITIONS, USAGE, PERMISSIONS, FAIR_SHARE, DOMAIN],
    },
    CratePolicy {
        name: HTTP,
        layer: Some(4),
        links: &[RUNTIME, TOOL_DEFINITIONS, USAGE, PERMISSIONS, FAIR_SHARE, DOMAIN],
    },
    CratePolicy {
        name: SERVER,
        layer: Some(5),
        links: &[
            HTTP,
            RUNTIME,
            TOOL_DEFINITIONS,
            PERSISTENCE,
            OPENROUTER,
            IDENTITY,
            USAGE,
            PERMISSIONS,
            DOMAIN,
            SIMULATOR,
        ],
    },
    CratePolicy { name: SIMULATOR, layer: None, links: &[] },
    CratePolicy {
        name: TESTKIT,
        layer: None,
        links: &[
            SERVER,
            HTTP,
            RUNTIME,
            PERSISTENCE,
            OPENROUTER,
            IDENTITY,
            USAGE,
            PERMISSIONS,
            DOMAIN,
            SIMULATOR,
        ],
    },
    CratePolicy { name: BENCH, layer: None, links: &[] },
    CratePolicy { name: XTASK, layer: None, links: &[] },
];

/// A family of foreign crates and the workspace crates that may link it.
#[derive(Debug)]
struct ForeignCratePolicy {
    family: &'static str,
    users: &'static [&'static str],
}

const FOREIGN_CRATES: [ForeignCratePolicy; 15] = [
    ForeignCratePolicy { family: "actix", users: &[HTTP, SERVER, SIMULATOR, TESTKIT] },
    ForeignCratePolicy { family: "utoipa", users: &[HTTP, SERVER, SIMULATOR, TESTKIT] },
    ForeignCratePolicy { family: "diesel", users: &[PERSISTENCE, TESTKIT] },
    ForeignCratePolicy { family: "tokio-postgres", users: &[PERSISTENCE, TESTKIT, BENCH] },
    ForeignCratePolicy { family: "libsqlite3-sys", users: &[PERSISTENCE] },
    ForeignCratePolicy { family: "rusqlite", users: &[BENCH] },
    ForeignCratePolicy { family: "hyper", users: &[BENCH] },
    ForeignCratePolicy { family: "mimalloc", users: &[SERVER, BENCH] },
    ForeignCratePolicy { family: "reqwest", users: &[OPENROUTER, IDENTITY, TESTKIT] },
    ForeignCratePolicy { family: "jsonwebtoken", users: &[IDENTITY] },
    ForeignCratePolicy { family: "ring", users: &[IDENTITY, TESTKIT] },
    ForeignCratePolicy { family: "eventsource-stream", users: &[OPENROUTER] },
    ForeignCratePolicy { family: "serde_yaml", users: &[TOOL_DEFINITIONS, SERVER] },
    ForeignCratePolicy { family: "yaml_serde", users: &[TOOL_DEFINITIONS, SERVER] },
    ForeignCratePolicy { family: "anyhow", users: &[SERVER, TESTKIT, BENCH, XTASK] },
];

/// Returns the policy of a workspace crate.
pub(super) fn find(name: &str) -> Option<&'static CratePolicy> {
    CRATES.iter().find(|policy| policy.name == name)
}

/// Returns why a crate may not have a dependency; `None` if it may.
///
/// Dev-dependencies are less restricted: any foreign crate, the test kit, the simulator and every lower layer.
pub(super) fn refusal(name: &str, dependency: &str, kind: DependencyKind) -> Option<String> {
    let from = find(name)?;
    let is_for_tests = kind == DependencyKind::Development;
    let Some(to) = find(dependency) else {
        let foreign = FOREIGN_CRATES.iter().find(|foreign| is_in_family(dependency, foreign.family))?;
        let is_refused = !is_for_tests && !foreign.users.contains(&name);
        return is_refused.then(|| {
            format!("links {dependency}, which only these crates may link: {}", foreign.users.join(", "))
        });
    };
    let is_allowed = from.links.contains(&dependency) || (is_for_tests && is_test_support(from, to));
    (!is_allowed).then(|| format!("depends on {dependency}, which its layer may not use"))
}

fn is_test_support(from: &CratePolicy, to: &CratePolicy) -> bool {
    let is_lower = matches!((from.layer, to.layer), (Some(from), Some(to)) if to < from);
    from.name != XTASK && (is_lower || [TESTKIT, SIMULATOR].contains(&to.name))
}

/// Returns whether a crate is `family` itself or named after it, such as `diesel-async` after `diesel`.
pub(super) fn is_in_family(name: &str, family: &str) -> bool {
    name.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, dependency: &str, kind: DependencyKind, allowed: bool) {
        let refusal = refusal(name, dependency, kind);
        assert_eq!(refusal.is_none(), allowed, "{name} -> {dependency} ({kind}): {refusal:?}");
    }

    #[test]
    fn a_crate_depends_on_lower_layers_only() {
        use DependencyKind::{Build, Development, Normal};

        check(HTTP, RUNTIME, Normal, true);
        check(RUNTIME, HTTP, Normal, false);
        check(RUNTIME, HTTP, Development, false);
        check(HTTP, PERSISTENCE, Normal, false);
        check(HTTP, PERSISTENCE, Build, false);
        check(HTTP, PERSISTENCE, Development, true);
        check(PERSISTENCE, PERMISSIONS, Normal, false);
        check(PERSISTENCE, PERMISSIONS, Development, false);
        check(RUNTIME, PERSISTENCE, Normal, false);
        check(SERVER, SIMULATOR, Normal, true);
        check(SIMULATOR, DOMAIN, Normal, false);
        check(XTASK, DOMAIN, Normal, false);
        check(XTASK, TESTKIT, Development, false);
    }

    #[test]
    fn the_testkit_is_a_dev_dependency_only() {
        for policy in CRATES.iter().filter(|policy| policy.name != XTASK) {
            check(policy.name, TESTKIT, DependencyKind::Normal, false);
            check(policy.name, TESTKIT, DependencyKind::Development, true);
        }
    }

    #[test]
    fn foreign_crates_are_restricted_by_family() {
        use DependencyKind::{Development, Normal};

        check(PERSISTENCE, "diesel-async", Normal, true);
        check(RUNTIME, "diesel_migrations", Normal, false);
        check(DOMAIN, "utoipa", Normal, false);
        check(HTTP, "utoipa-swagger-ui-vendored", Normal, true);
        check(SERVER, "reqwest", Normal, false);
        check(SERVER, "reqwest", Development, true);
        check(HTTP, "yaml_serde", Normal, false);
        check(HTTP, "serde_json", Normal, true);
        check(RUNTIME, "dieselish", Normal, true);
    }

    #[test]
    fn every_link_of_the_table_leads_to_a_lower_layer_or_out_of_the_layers() {
        for policy in &CRATES {
            for link in policy.links {
                let to = find(link).unwrap();
                assert!(
                    policy.layer.is_none() || to.layer.is_none() || to.layer < policy.layer,
                    "{policy:?} {link}"
                );
            }
        }
    }
}
