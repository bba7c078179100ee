//! What bots are told and asked, and the notices they send.

pub(super) mod bot_group;
pub(super) mod mail;
pub(super) mod menu;
pub(super) mod notice;
