//! What bots are told.

pub(super) mod bot_group;
