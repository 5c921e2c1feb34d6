//! The crate answers as `@casl/ability` 7 does: see `data/README.md`.

mod corpus;
mod decisions;
mod lists;
