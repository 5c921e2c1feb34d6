//! The ports, each method one step of the queries.

mod administration;
mod attachments;
mod audit;
mod budgets;
mod directory;
mod forks;
mod health;
mod identity;
mod messages;
mod models;
mod reconciliation;
mod reports;
mod sessions;
mod tickets;
mod tools;
mod turns;
