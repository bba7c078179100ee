//! The chats in which commands work.

/// A kind of chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChatKind {
    /// One with the bot alone.
    Private,
    /// A group that an admin has allowed.
    AllowedGroup,
    /// Any other group.
    Group,
}

impl ChatKind {
    /// Returns whether the chat may have actions that change something or show what not everybody may see.
    pub(crate) fn trusted(self) -> bool {
        match self {
            Self::Private | Self::AllowedGroup => true,
            Self::Group => false,
        }
    }
}

/// The kinds of chats in which a command may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Wherever the bot is.
    Everywhere,
    /// In private and in groups that an admin has allowed: it changes something, or shows what not everybody may see.
    Trusted,
    /// In private alone: it is, or leads to, something secret.
    Private,
    /// In groups alone, which it is about.
    Groups,
}

impl Scope {
    /// Returns whether the command may be sent in this kind of chat.
    pub(crate) fn holds(self, chat: ChatKind) -> bool {
        match self {
            Self::Everywhere => true,
            Self::Trusted => chat.trusted(),
            Self::Private => chat == ChatKind::Private,
            Self::Groups => chat != ChatKind::Private,
        }
    }
}
