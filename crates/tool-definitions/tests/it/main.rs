//! Integration tests of the YAML format of tool definitions.
#![cfg(test)]

mod documents;
mod files;
mod hostile_input;
mod support;
mod values;
