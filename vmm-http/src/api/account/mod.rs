//! Accounts: signing in, tokens, links, limits and the file area.

pub(super) mod file;
pub(super) mod limits;
pub(super) mod link;
pub(super) mod second_factor;
pub(super) mod session;
pub(super) mod session_web;
pub(super) mod token;
pub(super) mod user;
