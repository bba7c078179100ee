//! The lines of the servers' logs.

/// The wording of a server's log.
#[derive(Clone, Copy, Debug)]
pub(super) enum Dialect {
    OpenSsh,
    Dropbear,
}

impl Dialect {
    pub(super) fn listens(self, log: &str) -> bool {
        match self {
            Self::OpenSsh => log.contains("Server listening on"),
            Self::Dropbear => log.contains("Not backgrounding"),
        }
    }

    /// Returns whether a line tells of a connection that was made.
    pub(super) fn is_connection(self, line: &str) -> bool {
        match self {
            Self::OpenSsh => line.starts_with("Connection from "),
            Self::Dropbear => line.contains(" Child connection from "),
        }
    }

    /// Returns whether a line tells of a connection that was made from this port.
    pub(super) fn is_connection_from(self, line: &str, port: u16) -> bool {
        let from = match self {
            Self::OpenSsh => line.contains(&format!(" port {port} ")),
            Self::Dropbear => line.ends_with(&format!(":{port}")),
        };
        from && self.is_connection(line)
    }

    /// Returns whether a line tells of a connection that has ended.
    pub(super) fn is_end(self, line: &str) -> bool {
        match self {
            Self::OpenSsh => ["Connection closed by", "Connection reset by", "Disconnected from"]
                .iter()
                .any(|words| line.starts_with(words)),
            Self::Dropbear => [" Exit (", " Exit before auth"].iter().any(|words| line.contains(words)),
        }
    }

    /// Returns whether a line tells of a proof of identity that was sent.
    pub(super) fn is_attempt(self, line: &str) -> bool {
        match self {
            Self::OpenSsh => line.starts_with("userauth-request for") && !line.contains(" method none"),
            Self::Dropbear => [" auth succeeded for ", " Bad password attempt for ", " Login attempt "]
                .iter()
                .any(|words| line.contains(words)),
        }
    }
}
