//! The names that one module declares, imports and refers to, read off its syntax tree.

use std::collections::BTreeSet;

use syn::buffer::{Cursor, TokenBuffer};
use syn::visit::{self, Visit};
use syn::{
    Attribute, Expr, ExprLit, ImplItem, Item, ItemMod, ItemUse, Lit, Macro, Meta, MetaList, Path, Stmt,
    TraitItem, UseTree, Visibility,
};

use super::cfg;

/// The segments of a path, such as `["crate", "store", "Store"]`.
pub(super) type Segments = Vec<String>;

/// A name that a `use` declaration brings into a module.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Import {
    pub(super) path: Segments,
    /// None for `path::*`.
    pub(super) name: Option<String>,
    /// Whether other modules can import the name from here.
    pub(super) is_reexport: bool,
}

/// A `mod` declaration.
#[derive(Debug)]
pub(super) struct Child {
    pub(super) name: String,
    /// The value of its `#[path]` attribute.
    pub(super) path: Option<String>,
    /// The body, if it is in the same file.
    pub(super) body: Option<Names>,
}

/// What a module declares, imports and refers to. Test code is left out.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) children: Vec<Child>,
    pub(super) items: BTreeSet<String>,
    pub(super) imports: Vec<Import>,
    /// Paths of two or more segments; a single segment is an item of the module or covered by its import.
    pub(super) references: BTreeSet<Segments>,
}

/// Reads the names of a file or of a module's body.
pub(super) fn read(items: &[Item]) -> Names {
    let mut names = Names::default();
    for item in items {
        if let Some(name) = declared_name(item) {
            names.items.insert(name);
        }
        names.visit_item(item);
    }
    names
}

fn declared_name(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item(&mut self, item: &'ast Item) {
        if !cfg::is_test_only(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        if !matches!(item, ImplItem::Fn(method) if cfg::is_test_only(&method.attrs)) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_trait_item(&mut self, item: &'ast TraitItem) {
        if !matches!(item, TraitItem::Fn(method) if cfg::is_test_only(&method.attrs)) {
            visit::visit_trait_item(self, item);
        }
    }

    fn visit_stmt(&mut self, statement: &'ast Stmt) {
        if !matches!(statement, Stmt::Local(local) if cfg::is_test_only(&local.attrs)) {
            visit::visit_stmt(self, statement);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        self.children.push(Child {
            name: module.ident.to_string(),
            path: module.attrs.iter().find_map(path_attribute),
            body: module.content.as_ref().map(|(_, items)| read(items)),
        });
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let is_reexport = !matches!(item.vis, Visibility::Inherited);
        let mut prefix = Vec::new();
        self.import(&item.tree, &mut prefix, is_reexport);
    }

    fn visit_path(&mut self, path: &'ast Path) {
        if path.segments.len() > 1 && path.leading_colon.is_none() {
            self.references.insert(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        }
        visit::visit_path(self, path);
    }

    /// Ignores a visibility: `pub(in crate::store)` grants a right and refers to nothing.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.visit_path(&call.path);
        self.scan(TokenBuffer::new2(call.tokens.clone()).begin());
    }

    fn visit_meta_list(&mut self, list: &'ast MetaList) {
        self.scan(TokenBuffer::new2(list.tokens.clone()).begin());
    }
}

impl Names {
    fn import(&mut self, tree: &UseTree, prefix: &mut Segments, is_reexport: bool) {
        match tree {
            UseTree::Path(path) => {
                prefix.push(path.ident.to_string());
                self.import(&path.tree, prefix, is_reexport);
                prefix.pop();
            }
            UseTree::Name(name) => self.push_import(prefix, &name.ident.to_string(), None, is_reexport),
            UseTree::Rename(rename) => {
                let name = Some(rename.rename.to_string());
                self.push_import(prefix, &rename.ident.to_string(), name, is_reexport);
            }
            UseTree::Glob(_) => {
                self.imports.push(Import { path: prefix.clone(), name: None, is_reexport });
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, prefix, is_reexport);
                }
            }
        }
    }

    /// Adds `prefix::last`, where a `self` at the end is the prefix itself.
    fn push_import(&mut self, prefix: &Segments, last: &str, name: Option<String>, is_reexport: bool) {
        let mut path = prefix.clone();
        if last != "self" || path.is_empty() {
            path.push(last.to_owned());
        }
        let name = name.or_else(|| path.last().cloned());
        self.imports.push(Import { path, name, is_reexport });
    }

    /// Collects the paths among tokens that have no syntax tree: arguments of macros and attributes.
    fn scan(&mut self, mut cursor: Cursor<'_>) {
        while !cursor.eof() {
            if let Some((inside, _, _, rest)) = cursor.any_group() {
                self.scan(inside);
                cursor = rest;
            } else if let Some((ident, rest)) = cursor.ident() {
                let mut path = vec![ident.to_string()];
                cursor = rest;
                while let Some((ident, rest)) = after_colons(cursor).and_then(Cursor::ident) {
                    path.push(ident.to_string());
                    cursor = rest;
                }
                if path.len() > 1 {
                    self.references.insert(path);
                }
            } else if let Some((_, rest)) = cursor.token_tree() {
                cursor = rest;
            }
        }
    }
}

fn after_colons(cursor: Cursor<'_>) -> Option<Cursor<'_>> {
    let (first, rest) = cursor.punct()?;
    let (second, rest) = rest.punct()?;
    (first.as_char() == ':' && second.as_char() == ':').then_some(rest)
}

fn path_attribute(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else { return None };
    let Expr::Lit(ExprLit { lit: Lit::Str(value), .. }) = &pair.value else { return None };
    pair.path.is_ident("path").then(|| value.value())
}
