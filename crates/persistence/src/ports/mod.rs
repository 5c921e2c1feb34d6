//! The ports, each method one step of the queries.

mod administration;
mod audit;
mod budgets;
mod conversations;
mod directory;
mod health;
mod identity;
mod models;
mod reconciliation;
mod reports;
mod tickets;
mod tools;
mod turns;
