//! Accounts: signing in, tokens, links, limits and the file area.

pub(super) mod file;
pub(super) mod limits;
pub(super) mod link;
pub(super) mod second_factor;
mod secret;
pub(super) mod session;
pub(super) mod token;
pub(super) mod user;
