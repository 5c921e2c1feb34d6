//! Integration tests of token verification.
#![cfg(test)]

mod attacks;
