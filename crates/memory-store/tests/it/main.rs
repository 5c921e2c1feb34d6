//! Integration tests of the in-memory store.

mod contract;
