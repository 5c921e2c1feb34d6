//! The tree of modules of one crate, from its root file down, and the resolution of paths in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::names::{self, Import, Names, Segments};

/// Imports that lead to imports are followed this far; a chain in real code has a handful of links.
const MAX_DEPTH: usize = 16;

/// All modules of a crate; a module is named by its index.
#[derive(Debug, Default)]
pub(super) struct Modules {
    modules: Vec<Module>,
}

#[derive(Debug)]
struct Module {
    file: PathBuf,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    items: BTreeSet<String>,
    imports: Vec<Import>,
    references: BTreeSet<Segments>,
}

/// Where a `mod name;` of a module is looked for.
#[derive(Debug, Clone)]
struct Location {
    /// The file with the declaration.
    file: PathBuf,
    /// The folder of its children without a `#[path]` attribute.
    folder: PathBuf,
}

/// What a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Module(usize),
    /// An item that this module declares, or re-exports from another crate.
    Item(usize),
}

/// Where a name is looked for first: a module and a function may have the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Namespace {
    Modules,
    Items,
}

impl Modules {
    /// Reads the files of the crate with this root file.
    ///
    /// # Errors
    /// A file cannot be read or parsed.
    pub(super) fn load(root: &Path) -> Result<Self> {
        let mut modules = Modules::default();
        let folder = root.parent().context("a root file is in a folder")?.to_owned();
        modules.add_file(None, root.to_owned(), folder)?;
        Ok(modules)
    }

    /// Returns the files that each file refers to, without itself. `mod` declarations refer to nothing.
    pub(super) fn edges(&self) -> BTreeMap<&Path, BTreeSet<&Path>> {
        let mut edges: BTreeMap<&Path, BTreeSet<&Path>> = BTreeMap::new();
        for (index, module) in self.modules.iter().enumerate() {
            let targets = edges.entry(&module.file).or_default();
            for import in &module.imports {
                targets.extend(self.imported(index, import).into_iter().map(|index| self.file(index)));
            }
            for path in &module.references {
                if let Some(Target::Item(owner)) = self.resolve(index, path, Namespace::Items, 0) {
                    targets.insert(self.file(owner));
                }
            }
            targets.remove(module.file.as_path());
        }
        edges
    }

    fn file(&self, index: usize) -> &Path {
        &self.modules[index].file
    }

    fn add_file(&mut self, parent: Option<usize>, file: PathBuf, folder: PathBuf) -> Result<usize> {
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let syntax = syn::parse_file(&text).with_context(|| format!("cannot parse {}", file.display()))?;
        self.add(parent, &Location { file, folder }, names::read(&syntax.items))
    }

    fn add(&mut self, parent: Option<usize>, location: &Location, names: Names) -> Result<usize> {
        let index = self.modules.len();
        self.modules.push(Module {
            file: location.file.clone(),
            parent,
            children: BTreeMap::new(),
            items: names.items,
            imports: names.imports,
            references: names.references,
        });
        for child in names.children {
            let added = if let Some(body) = child.body {
                let folder = location.folder.join(&child.name);
                self.add(Some(index), &Location { file: location.file.clone(), folder }, body)?
            } else {
                let (file, folder) = location.child(&child.name, child.path.as_deref());
                self.add_file(Some(index), file, folder)?
            };
            self.modules[index].children.insert(child.name, added);
        }
        Ok(index)
    }

    /// Returns the modules that an import depends on.
    ///
    /// A module that is imported by name counts where a path leads through it to an item.
    fn imported(&self, from: usize, import: &Import) -> Vec<usize> {
        let resolve = |from, path| self.resolve(from, path, Namespace::Items, 0);
        match (resolve(from, &import.path), &import.name) {
            (Some(Target::Item(owner)), _) => vec![owner],
            (Some(Target::Module(module)), None) => {
                let reexports = self.modules[module].imports.iter().filter(|import| import.is_reexport);
                let owners = reexports.filter_map(|import| resolve(module, &import.path));
                let owners = owners.filter_map(|target| match target {
                    Target::Item(owner) => Some(owner),
                    Target::Module(_) => None,
                });
                std::iter::once(module).chain(owners).collect()
            }
            (Some(Target::Module(_)), Some(_)) | (None, _) => Vec::new(),
        }
    }

    /// Returns the target of a path in a module; `None` if it leads to another crate.
    fn resolve(&self, from: usize, path: &[String], wanted: Namespace, depth: usize) -> Option<Target> {
        let (first, mut rest) = path.split_first()?;
        let namespace = |rest: &[String]| if rest.is_empty() { wanted } else { Namespace::Modules };
        let mut current = match first.as_str() {
            "crate" => 0,
            "self" => from,
            "super" => self.modules[from].parent?,
            name => match self.member(from, name, namespace(rest), depth)? {
                Target::Module(module) => module,
                item @ Target::Item(_) => return Some(item),
            },
        };
        while let Some((segment, after)) = rest.split_first() {
            current = if segment == "super" {
                self.modules[current].parent?
            } else {
                match self.member(current, segment, namespace(after), depth) {
                    Some(Target::Module(module)) => module,
                    Some(item @ Target::Item(_)) => return Some(item),
                    // A macro may have declared it.
                    None => return Some(Target::Item(current)),
                }
            };
            rest = after;
        }
        Some(Target::Module(current))
    }

    /// Returns the target of a name in a module: a child, an item, or the target of an import.
    fn member(&self, index: usize, name: &str, wanted: Namespace, depth: usize) -> Option<Target> {
        let module = &self.modules[index];
        let child = module.children.get(name).map(|child| Target::Module(*child));
        let item = || module.items.contains(name).then_some(Target::Item(index));
        let imported = || self.imported_member(index, name, wanted, depth);
        match wanted {
            Namespace::Modules => child.or_else(imported).or_else(item),
            Namespace::Items => item().or_else(imported).or(child),
        }
    }

    fn imported_member(&self, index: usize, name: &str, wanted: Namespace, depth: usize) -> Option<Target> {
        if depth == MAX_DEPTH {
            return None;
        }
        let imports = || self.modules[index].imports.iter();
        let leads_to_itself = |import: &Import| import.path.len() == 1 && import.path[0] == name;
        let mut named = imports().filter(|import| import.name.as_deref() == Some(name));
        if let Some(import) = named.find(|import| !leads_to_itself(import)) {
            let target = self.resolve(index, &import.path, wanted, depth + 1);
            return Some(target.unwrap_or(Target::Item(index)));
        }
        imports().filter(|import| import.name.is_none()).find_map(|import| {
            match self.resolve(index, &import.path, Namespace::Modules, depth + 1)? {
                Target::Module(other) if other != index => self.member(other, name, wanted, depth + 1),
                _ => None,
            }
        })
    }
}

impl Location {
    /// Returns the file of a child, and the folder of the child's own children.
    fn child(&self, name: &str, path: Option<&str>) -> (PathBuf, PathBuf) {
        if let Some(path) = path {
            let file = normalize(&self.file.with_file_name(path));
            let folder = file.parent().map(Path::to_owned).unwrap_or_default();
            return (file, folder);
        }
        let folder = self.folder.join(name);
        let nested = folder.join("mod.rs");
        let file = if nested.is_file() { nested } else { self.folder.join(format!("{name}.rs")) };
        (file, folder)
    }
}

/// Removes `..` so that a file that two modules include has one name.
fn normalize(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir if normal.pop() => {}
            part => normal.push(part),
        }
    }
    normal
}
