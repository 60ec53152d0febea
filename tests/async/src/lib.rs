//! Only tests; see `tests/statements.rs`.
