//! The operations of bots: mail, menus, groups and notices.

pub(super) mod bot_group;
pub(super) mod mail;
pub(super) mod menu;
pub(super) mod notice;
