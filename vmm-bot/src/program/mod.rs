//! The program around the bot: its settings and its commands.

pub(crate) mod check;
pub(crate) mod config;
mod output;
pub(crate) mod run;
