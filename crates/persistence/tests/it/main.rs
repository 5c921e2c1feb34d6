//! Tests of the store through its ports, on SQLite and PostgreSQL.
#![cfg(test)]

mod api_keys;
mod availability;
mod constraints;
mod contracts;
mod entities;
mod fail_points;
mod integrity;
mod migrations;
mod models;
mod reconciliation;
mod session_lists;
mod stream_tickets;
mod tools;
mod tls;
mod usage_reports;
mod users;
