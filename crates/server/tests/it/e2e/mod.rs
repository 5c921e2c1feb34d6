//! End-to-end tests: HTTP, runtime, both databases and a simulated upstream.
//!
//! Each test has a server, a database and an upstream of its own. Tests do not wait for a fixed time: responses of the
//! upstream are held at gates, and tests wait for a frame, a request or an end.

mod access;
mod access_matrix;
mod accounting;
mod ai_sdk;
mod api_keys;
mod attachments;
mod audit_events;
mod broken_connections;
mod budgets;
mod concurrency;
mod context;
mod deletions;
mod display_texts;
mod document;
mod error_responses;
mod explanations;
mod failures;
mod forks;
mod grants;
mod group_tools;
mod hung_database;
mod idempotency;
mod images;
mod invalid_credentials;
mod invalid_requests;
mod list_filters;
mod openai;
mod outages;
mod ownership;
mod posted_tools;
mod prompt_caches;
mod proxies;
mod quotes;
mod races;
mod reader_rights;
mod reading;
mod reconciliation;
mod regeneration;
mod response_modes;
mod restarts;
mod rule_fields;
mod rules;
mod sessions;
mod slow_readers;
mod stream_resumption;
mod stream_tickets;
mod streaming;
mod tools;
mod turns;
mod upstream;
mod usage_ledger;
mod usage_reports;
mod users_and_groups;
