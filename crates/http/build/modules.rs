//! The modules that the page imports statically. The first page names all of them, so that a browser requests them at
//! once and not one level of imports after the other.

use std::collections::BTreeMap;

/// Returns the path of each module that `entry` imports, also through others, in the order in which they are found.
/// `sources` has the source of each file by its path, with `/` between its parts.
pub(crate) fn imported(entry: &str, sources: &BTreeMap<&str, &str>) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    let mut next = vec![entry.to_owned()];
    while !next.is_empty() {
        let mut level = Vec::new();
        for name in &next {
            let source = sources.get(name.as_str()).ok_or_else(|| format!("{name} does not exist"))?;
            for path in paths(source) {
                let path = resolved(name, path);
                if path != entry && !found.contains(&path) {
                    found.push(path.clone());
                    level.push(path);
                }
            }
        }
        next = level;
    }
    Ok(found)
}

/// Returns the relative paths in the static imports and exports of a module. A dynamic import has a parenthesis.
fn paths(source: &str) -> impl Iterator<Item = &str> {
    ["from", "import"].into_iter().flat_map(|keyword| {
        source.split(keyword).skip(1).filter_map(|rest| {
            let rest = rest.trim_start();
            let quote = rest.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
            let path = rest[1..].split(quote).next()?;
            path.starts_with('.').then_some(path)
        })
    })
}

/// Returns the path of what the module `name` imports as `path`.
fn resolved(name: &str, path: &str) -> String {
    let mut parts: Vec<&str> = name.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}
