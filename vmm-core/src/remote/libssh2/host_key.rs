//! The server proves itself before it gets anything from us.

use ssh2::Session;

use super::error::Cause;
use crate::model::HostKey;

/// Signature algorithms by the key algorithm that they belong to. Without SHA-1.
const ALGORITHMS: [(&str, &str); 5] = [
    ("ssh-ed25519", "ssh-ed25519"),
    ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"),
    ("ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384"),
    ("ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521"),
    ("ssh-rsa", "rsa-sha2-512,rsa-sha2-256"),
];

const NO_KEY: Cause = Cause::Protocol("the server showed no host key");

/// The algorithm of the expected key first, so that a server with several keys shows that one. The others follow, so
/// that a server with another kind of key is recognised as changed.
pub(super) fn preference(expected: Option<&HostKey>) -> String {
    let wanted = expected.map(HostKey::algorithm);
    let mut algorithms = ALGORITHMS;
    algorithms.sort_by_key(|(key, _)| Some(*key) != wanted);
    algorithms.map(|(_, signatures)| signatures).join(",")
}

/// The key of the finished exchange.
pub(super) fn seen(session: &Session) -> Result<HostKey, Cause> {
    let (seen, _) = session.host_key().ok_or(NO_KEY)?;
    HostKey::from_wire(seen).map_err(|_| Cause::Protocol("the server showed an unreadable host key"))
}

/// Compares the key of the finished exchange with the expected one, byte for byte.
pub(super) fn compare(session: &Session, expected: &HostKey) -> Result<(), Cause> {
    let (seen, _) = session.host_key().ok_or(NO_KEY)?;
    let wire = expected.to_wire().map_err(|_| Cause::Protocol("the recorded host key cannot be encoded"))?;
    if seen == wire {
        return Ok(());
    }
    let seen = HostKey::from_wire(seen).map_or_else(|_| "an unreadable key".to_owned(), |key| key.fingerprint());
    Err(Cause::OtherHostKey { expected: expected.fingerprint(), seen })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";

    #[test]
    fn the_pinned_algorithm_is_asked_for_first_and_the_others_too() {
        let preference = preference(Some(&ED25519.parse().expect("a key")));
        assert!(preference.starts_with("ssh-ed25519,"), "{preference}");
        assert!(preference.ends_with("rsa-sha2-512,rsa-sha2-256"), "{preference}");
    }
}
