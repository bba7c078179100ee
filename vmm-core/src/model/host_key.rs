//! SSH host keys.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// An SSH host's public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostKey(ssh_key::PublicKey);

impl HostKey {
    /// The key as it goes over the wire (RFC 4253 §6.6).
    ///
    /// # Errors
    /// [`Error::Internal`] if the key cannot be encoded.
    pub fn to_wire(&self) -> Result<Vec<u8>> {
        self.0.to_bytes().map_err(|error| Error::internal("encoding a host key", error))
    }

    /// Reads a key as it goes over the wire.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it is not one.
    pub fn from_wire(bytes: &[u8]) -> Result<Self> {
        ssh_key::PublicKey::from_bytes(bytes)
            .map(Self)
            .map_err(|error| Error::invalid("host_key", format!("not an SSH public key: {error}")))
    }

    /// `SHA256:` and the base64 of the key's hash, as OpenSSH shows it.
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint(ssh_key::HashAlg::Sha256).to_string()
    }

    /// The algorithm's name, like `ssh-ed25519`.
    pub fn algorithm(&self) -> String {
        self.0.algorithm().as_str().to_owned()
    }
}

impl fmt::Display for HostKey {
    /// Algorithm and base64, as in an `authorized_keys` file, without a comment.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = self.0.clone();
        key.set_comment("");
        f.write_str(key.to_openssh().map_err(|_| fmt::Error)?.trim_end())
    }
}

impl FromStr for HostKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        ssh_key::PublicKey::from_openssh(text)
            .map(|mut key| {
                key.set_comment("");
                Self(key)
            })
            .map_err(|error| Error::invalid("host_key", format!("not an OpenSSH public key: {error}")))
    }
}
