//! Where something may be said and done.

/// What kind of chat somebody speaks in.
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
    /// Whether what changes something, or shows what not everybody may see, may be done here.
    pub(crate) fn trusted(self) -> bool {
        match self {
            Self::Private | Self::AllowedGroup => true,
            Self::Group => false,
        }
    }
}

/// Where a command may be said.
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
    /// Whether it may be said in such a chat.
    pub(crate) fn holds(self, chat: ChatKind) -> bool {
        match self {
            Self::Everywhere => true,
            Self::Trusted => chat.trusted(),
            Self::Private => chat == ChatKind::Private,
            Self::Groups => chat != ChatKind::Private,
        }
    }
}
