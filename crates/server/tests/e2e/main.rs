//! Conversations from end to end: through HTTP, the runtime and both databases to a simulated upstream and back.
//!
//! Each test has a server, a database and an upstream of its own. Nothing waits by the clock: answers are held at
//! gates, and what is waited for is a frame, a request or an end.
#![cfg(test)]

mod access;
mod accounting;
mod administration;
mod answers;
mod at_once;
mod attachments;
mod audit;
mod bad_input;
mod budgets;
mod context;
mod credentials;
mod cuts;
mod failures;
mod forks;
mod group_tools;
mod hung;
mod idempotency;
mod keys;
mod ledger;
mod lifecycle;
mod listing;
mod matrix;
mod ownership;
mod proxies;
mod races;
#[path = "../../../persistence/tests/raw/mod.rs"]
mod raw;
mod readers;
mod reading;
mod reconciliation;
mod reports;
mod resume;
mod rules;
mod sessions;
mod storm;
mod streaming;
mod tickets;
mod tool_posts;
mod tools;
mod turns;
mod upstream;
