//! Conversations: who speaks, what they ask, what the desk is asked for it, and what they read.
//!
//! `handler` goes from an update to what is sent for it, by way of `sender`, `command`, `answer` and `render`.

pub(crate) mod answer;
pub(crate) mod command;
pub(crate) mod context;
pub(crate) mod dialogue;
pub(crate) mod exchange;
pub(crate) mod handler;
pub(crate) mod menus;
pub(crate) mod notices;
pub(crate) mod render;
pub(crate) mod reply;
pub(crate) mod running;
pub(crate) mod scope;
pub(crate) mod secrets;
pub(crate) mod sender;
