//! The plan of the house as a table; `docs/architecture.md` draws it.

use cargo_metadata::DependencyKind;

/// Where a package stands and which of ours it may link.
#[derive(Debug)]
pub(crate) struct Room {
    package: &'static str,
    /// None for what stands beside the house.
    floor: Option<u8>,
    links: &'static [&'static str],
}

const DOMAIN: &str = "causerie-domain";
const PERSISTENCE: &str = "causerie-persistence";
const OPENROUTER: &str = "causerie-openrouter";
const IDENTITY: &str = "causerie-identity";
const USAGE: &str = "causerie-usage";
const PERMISSIONS: &str = "causerie-permissions";
const RUNTIME: &str = "causerie-runtime";
const HTTP: &str = "causerie-http";
const SERVER: &str = "causerie-server";
const SIMULATOR: &str = "causerie-simulator";
const TESTKIT: &str = "causerie-testkit";
const XTASK: &str = "xtask";

const ROOMS: [Room; 12] = [
    Room { package: DOMAIN, floor: Some(0), links: &[] },
    Room { package: PERSISTENCE, floor: Some(1), links: &[DOMAIN] },
    Room { package: OPENROUTER, floor: Some(1), links: &[DOMAIN] },
    Room { package: IDENTITY, floor: Some(1), links: &[DOMAIN] },
    Room { package: USAGE, floor: Some(1), links: &[DOMAIN] },
    Room { package: PERMISSIONS, floor: Some(1), links: &[DOMAIN] },
    Room { package: RUNTIME, floor: Some(2), links: &[USAGE, PERMISSIONS, DOMAIN] },
    Room { package: HTTP, floor: Some(3), links: &[RUNTIME, USAGE, PERMISSIONS, DOMAIN] },
    Room {
        package: SERVER,
        floor: Some(4),
        links: &[HTTP, RUNTIME, PERSISTENCE, OPENROUTER, IDENTITY, USAGE, PERMISSIONS, DOMAIN, SIMULATOR],
    },
    Room { package: SIMULATOR, floor: None, links: &[] },
    Room {
        package: TESTKIT,
        floor: None,
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
    Room { package: XTASK, floor: None, links: &[] },
];

/// A family of foreign crates and the only packages that may link it.
#[derive(Debug)]
struct Fence {
    family: &'static str,
    rooms: &'static [&'static str],
}

const FENCES: [Fence; 11] = [
    Fence { family: "actix", rooms: &[HTTP, SERVER, SIMULATOR, TESTKIT] },
    Fence { family: "utoipa", rooms: &[HTTP, SERVER, SIMULATOR, TESTKIT] },
    Fence { family: "diesel", rooms: &[PERSISTENCE] },
    Fence { family: "libsqlite3-sys", rooms: &[PERSISTENCE] },
    Fence { family: "reqwest", rooms: &[OPENROUTER, IDENTITY, TESTKIT] },
    Fence { family: "jsonwebtoken", rooms: &[IDENTITY] },
    Fence { family: "ring", rooms: &[IDENTITY, TESTKIT] },
    Fence { family: "eventsource-stream", rooms: &[OPENROUTER] },
    Fence { family: "serde_yaml", rooms: &[RUNTIME, SERVER] },
    Fence { family: "yaml_serde", rooms: &[RUNTIME, SERVER] },
    Fence { family: "anyhow", rooms: &[SERVER, TESTKIT, XTASK] },
];

/// The room of a package of ours.
pub(crate) fn room(package: &str) -> Option<&'static Room> {
    ROOMS.iter().find(|room| room.package == package)
}

/// Why `package` may not depend on `dependency`, if it may not.
///
/// Tests may reach further than what is linked: the testkit, the simulator and every lower floor, and foreign
/// crates as they please.
pub(crate) fn refusal(package: &str, dependency: &str, kind: DependencyKind) -> Option<String> {
    let from = room(package)?;
    let Some(to) = room(dependency) else {
        let fence = FENCES.iter().find(|fence| is_of(dependency, fence.family))?;
        let fenced = kind != DependencyKind::Development && !fence.rooms.contains(&package);
        return fenced.then(|| format!("links {dependency}, whose rooms are {}", fence.rooms.join(", ")));
    };
    let allowed =
        from.links.contains(&dependency) || (kind == DependencyKind::Development && test_only(from, to));
    (!allowed).then(|| format!("depends on {dependency}: no such arrow in the plan of the house"))
}

fn test_only(from: &Room, to: &Room) -> bool {
    let lower = matches!((from.floor, to.floor), (Some(from), Some(to)) if to < from);
    from.package != XTASK && (lower || [TESTKIT, SIMULATOR].contains(&to.package))
}

/// Whether a crate is `family` itself or named after it, such as `diesel-async` after `diesel`.
pub(crate) fn is_of(package: &str, family: &str) -> bool {
    package.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(package: &str, dependency: &str, kind: DependencyKind, allowed: bool) {
        let refusal = refusal(package, dependency, kind);
        assert_eq!(refusal.is_none(), allowed, "{package} -> {dependency} ({kind}): {refusal:?}");
    }

    #[test]
    fn arrows_point_down_and_never_sideways() {
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
    fn the_testkit_is_for_tests_only() {
        for room in ROOMS.iter().filter(|room| room.package != XTASK) {
            check(room.package, TESTKIT, DependencyKind::Normal, false);
            check(room.package, TESTKIT, DependencyKind::Development, true);
        }
    }

    #[test]
    fn foreign_crates_keep_to_their_rooms_by_family() {
        use DependencyKind::{Development, Normal};

        check(PERSISTENCE, "diesel-async", Normal, true);
        check(RUNTIME, "diesel_migrations", Normal, false);
        check(DOMAIN, "utoipa", Normal, false);
        check(HTTP, "utoipa-swagger-ui", Normal, true);
        check(SERVER, "reqwest", Normal, false);
        check(SERVER, "reqwest", Development, true);
        check(HTTP, "yaml_serde", Normal, false);
        check(HTTP, "serde_json", Normal, true);
        check(RUNTIME, "dieselish", Normal, true);
    }

    #[test]
    fn every_link_of_the_table_points_down_or_stands_beside() {
        for room in &ROOMS {
            for link in room.links {
                let to = ROOMS.iter().find(|other| other.package == *link).unwrap();
                assert!(
                    room.floor.is_none() || to.floor.is_none() || to.floor < room.floor,
                    "{room:?} {link}"
                );
            }
        }
    }
}
