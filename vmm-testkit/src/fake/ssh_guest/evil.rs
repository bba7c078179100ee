//! The ways of an evil server.

/// The way in which a server harms its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Evil {
    /// Takes the connection and says nothing.
    Silent,
    /// Sends its banner byte by byte, without end.
    SlowBanner,
    /// Begins the key exchange and does not go on with it.
    StalledKeyExchange,
    /// Announces a packet of 4 GiB, and sends it.
    HugePacket,
    /// Has another host key than [`SshGuest::endpoint`](super::SshGuest::endpoint) says.
    ChangedHostKey,
    /// Takes the login, and then no command.
    RefusesChannels,
    /// Every command writes to its standard output as fast as it goes, without end.
    EndlessStdout,
    /// Every command writes to its standard error as fast as it goes, without end.
    StderrFlood,
    /// Every command writes a byte now and then, without end.
    Drip,
    /// Every command ends without an exit code or a signal.
    NoExitStatus,
    /// Ends its side of the connection in the middle of every command, and keeps the other one open.
    HalfClose,
    /// Breaks the connection after 256 KiB: commands write without end, and files are given as by a good server.
    DisconnectInTransfer,
    /// Says nothing more after 256 KiB, and keeps the connection: commands write without end, and files are given as by
    /// a good server.
    SilentInTransfer,
}

impl Evil {
    /// Each of them.
    pub const ALL: [Self; 13] = [
        Self::Silent,
        Self::SlowBanner,
        Self::StalledKeyExchange,
        Self::HugePacket,
        Self::ChangedHostKey,
        Self::RefusesChannels,
        Self::EndlessStdout,
        Self::StderrFlood,
        Self::Drip,
        Self::NoExitStatus,
        Self::HalfClose,
        Self::DisconnectInTransfer,
        Self::SilentInTransfer,
    ];

    /// Returns whether it needs no more of SSH than a socket.
    pub(super) fn is_below_the_protocol(self) -> bool {
        matches!(self, Self::Silent | Self::SlowBanner | Self::StalledKeyExchange | Self::HugePacket)
    }
}
