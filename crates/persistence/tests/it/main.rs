//! Tests of the store through its ports, on SQLite and PostgreSQL.
#![cfg(test)]

mod api_keys;
mod audit_events;
mod availability;
mod constraints;
mod contracts;
mod deleted_references;
mod entities;
mod fail_points;
mod files;
mod integrity;
mod leases;
mod migrations;
mod models;
mod opening;
mod page_sizes;
mod plans;
mod reconciliation;
mod session_lists;
mod stream_tickets;
mod tls;
mod tools;
mod usage_reports;
mod users;
mod waits;
