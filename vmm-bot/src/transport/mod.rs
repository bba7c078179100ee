//! The way from and to Telegram: updates come in and are stored, and what was stored to be sent goes out.

pub(crate) mod client;
pub(crate) mod file;
pub(crate) mod inbox;
pub(crate) mod outbox;
pub(crate) mod post;
pub(crate) mod update;
pub(crate) mod webhook;
