//! Support of the tests of `expand_contract::build`.
#![forbid(unsafe_code)]
