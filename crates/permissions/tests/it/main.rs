//! Integration tests of the rules: conformance with CASL, agreement of lists and single checks, the built-in rules,
//! grants.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod agreement;
mod builtin_rules;
mod conformance;
mod grants;
