//! SSH host keys.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// An SSH host's public key, as its algorithm and the base64 of what goes over the wire.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostKey(String);

impl HostKey {
    /// The key as it goes over the wire (RFC 4253 §6.6).
    ///
    /// # Errors
    /// [`Error::Internal`] if the key cannot be encoded.
    pub fn to_wire(&self) -> Result<Vec<u8>> {
        let (_, wire) = self.parts();
        STANDARD.decode(wire).map_err(|error| Error::internal("encoding a host key", error))
    }

    /// Reads a key as it goes over the wire.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it is not one.
    pub fn from_wire(bytes: &[u8]) -> Result<Self> {
        ssh_key::PublicKey::from_bytes(bytes)
            .map_err(|error| error.to_string())
            .and_then(Self::checked)
            .map_err(|error| Error::invalid("host_key", format!("not an SSH public key: {error}")))
    }

    /// Reads a key from the records with a quick check only: lists have many.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it cannot have been one.
    pub(crate) fn recorded(text: &str) -> Result<Self> {
        let key = Self(text.to_owned());
        let (algorithm, _) = key.parts();
        let wire = key.to_wire().unwrap_or_default();
        let length = u32::try_from(algorithm.len()).unwrap_or_default().to_be_bytes();
        if wire.strip_prefix(&length).is_some_and(|rest| rest.starts_with(algorithm.as_bytes())) {
            Ok(key)
        } else {
            Err(Error::invalid("host_key", "not a recorded SSH public key"))
        }
    }

    /// `SHA256:` and the base64 of the key's hash, as OpenSSH shows it.
    pub fn fingerprint(&self) -> String {
        let (_, wire) = self.parts();
        format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(STANDARD.decode(wire).unwrap_or_default())))
    }

    /// The algorithm's name, like `ssh-ed25519`.
    pub fn algorithm(&self) -> &str {
        self.parts().0
    }

    fn parts(&self) -> (&str, &str) {
        self.0.split_once(' ').unwrap_or((&self.0, ""))
    }

    /// A key without its comment.
    fn checked(mut key: ssh_key::PublicKey) -> Result<Self, String> {
        key.set_comment("");
        key.to_openssh().map(|text| Self(text.trim_end().to_owned())).map_err(|error| error.to_string())
    }
}

impl fmt::Display for HostKey {
    /// Algorithm and base64, as in an `authorized_keys` file, without a comment.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for HostKey {
    type Err = Error;

    /// Reads a key as a file of public keys has it, or as `ssh-keyscan` and a file of known hosts have it, behind the
    /// name of its host.
    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        let bare = match text.split_once(char::is_whitespace) {
            Some((_, rest)) if rest.split_whitespace().count() > 1 && !is_algorithm(text) => rest.trim_start(),
            _ => text,
        };
        ssh_key::PublicKey::from_openssh(bare).map_err(|error| error.to_string()).and_then(Self::checked).map_err(
            |error| {
                let reason =
                    format!("is not a public key like \"ssh-ed25519 AAAA…\", as ssh-keyscan prints it: {error}");
                Error::invalid("host_key", reason)
            },
        )
    }
}

/// Returns whether a text begins with the name of a key's algorithm.
fn is_algorithm(text: &str) -> bool {
    ["ssh-", "ecdsa-", "sk-"].iter().any(|prefix| text.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";

    #[test]
    fn a_key_is_the_same_however_it_came() {
        let key: HostKey = format!("{KEY} root@web-1").parse().expect("a key");
        assert_eq!((key.to_string().as_str(), key.algorithm()), (KEY, "ssh-ed25519"));
        for known in [format!("192.0.2.7 {KEY}"), format!("[web-1]:2222 {KEY} root@web-1\n"), format!("|1|a=|b= {KEY}")]
        {
            assert_eq!(known.parse::<HostKey>().expect("a key"), key, "{known}");
        }
        assert_eq!(HostKey::from_wire(&key.to_wire().expect("bytes")).expect("a key"), key);
        assert_eq!(HostKey::recorded(KEY).expect("a key"), key);
        let shown = ssh_key::PublicKey::from_openssh(KEY).expect("a key").fingerprint(ssh_key::HashAlg::Sha256);
        assert_eq!(key.fingerprint(), shown.to_string());
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for bad in [
            "",
            "ssh-ed25519",
            "ssh-ed25519 AAAA",
            "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN",
            KEY.split_at(60).0,
        ] {
            assert!(bad.parse::<HostKey>().is_err(), "{bad:?}");
        }
        for bad in ["", "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN"] {
            assert!(HostKey::recorded(bad).is_err(), "{bad:?}");
        }
    }
}
