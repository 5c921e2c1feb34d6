//! Conformance: the crate answers as `@casl/ability` 7 does. See `tests/data/README.md`.

mod corpus;
mod decisions;
mod lists;
