//! Tests of the crate's public interface.

#![cfg(test)]

mod recordings;
