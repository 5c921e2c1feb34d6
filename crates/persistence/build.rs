//! Builds the crate again when a migration file appears or goes.

fn main() {
    println!("cargo::rerun-if-changed=../../migrations");
}
