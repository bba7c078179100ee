//! Resources of bots.

pub(super) mod bot_group;
