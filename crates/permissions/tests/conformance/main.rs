//! The crate answers as `@casl/ability` 7 does: see `data/README.md`.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod corpus;
mod decisions;
mod lists;
