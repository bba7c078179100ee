//! Secrets that vmm makes up: bearer tokens and the codes that link a chat.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::model::TokenHash;

/// The prefix of every API token, by which people and secret scanners recognise one.
const PREFIX: &str = "vmm_";
/// The length of 256 bits as text.
const LENGTH: usize = 43;

/// The letters and digits of a recovery code, of which none looks like another.
const RECOVERY_LETTERS: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
const RECOVERY_LENGTH: usize = 10;

/// Returns 256 random bits as text.
pub(super) fn new_secret() -> Result<SecretString> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| Error::internal("reading random bytes", error))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes).into())
}

/// Returns a new API token: a secret behind the prefix that marks it.
pub(super) fn new_api_token() -> Result<SecretString> {
    Ok(format!("{PREFIX}{}", new_secret()?.expose_secret()).into())
}

/// Returns a new recovery code: 50 random bits as ten letters and digits that nobody mistakes for others, with a dash.
pub(super) fn new_recovery_code() -> Result<SecretString> {
    let mut bytes = [0; RECOVERY_LENGTH];
    getrandom::fill(&mut bytes).map_err(|error| Error::internal("reading random bytes", error))?;
    let letters: String = bytes.iter().map(|byte| char::from(RECOVERY_LETTERS[usize::from(*byte) % 32])).collect();
    let (first, last) = letters.split_at(RECOVERY_LENGTH / 2);
    Ok(format!("{first}-{last}").into())
}

/// Returns whether a bearer token is an API token and not one of a login.
pub(super) fn is_api_token(token: &SecretString) -> bool {
    token.expose_secret().strip_prefix(PREFIX).is_some_and(|secret| secret.len() == LENGTH)
}

/// Returns what the records keep of a secret.
pub(super) fn hash_token(token: &SecretString) -> TokenHash {
    TokenHash(Sha256::digest(token.expose_secret().as_bytes()).into())
}
