//! Tests that need both front ends over one desk.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod parity;
