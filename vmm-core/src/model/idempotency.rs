//! Calls that a client may safely repeat, by a key of its choice.

use std::fmt;

use sha2::{Digest, Sha256};

use super::{Timestamp, UserId, row_id};
use crate::error::{Error, Result};

row_id!(
    /// Names the first call with a key.
    ClaimId
);

/// The longest key.
const LONGEST: usize = 255;

/// A client's name for one call, its own for each account: 1 to 255 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Checks a key.
    ///
    /// # Errors
    /// `Invalid`, field `idempotency-key`.
    pub fn new(key: &str) -> Result<Self> {
        if (1..=LONGEST).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(key.to_owned()))
        } else {
            Err(Error::invalid("idempotency-key", format!("must be 1 to {LONGEST} visible ASCII characters")))
        }
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The fingerprint of a call, which tells it from others: a hash over all that a call says. The desk stores it keyed,
/// so that nobody can find a password in a call by guessing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// The fingerprint of a call of these parts, such as its operation and its body.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(…)")
    }
}

/// An answer to give again. `Debug` does not show its body.
#[derive(Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The front end's number for how it went.
    pub status: u16,
    /// The media type of the body.
    pub media_type: Option<String>,
    /// The body.
    pub body: Vec<u8>,
    /// The rights that the call made use of. The desk records them, and asks for each again before a repeat gets the
    /// answer.
    pub rights: Vec<UsedRight>,
}

/// A right that the policy gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsedRight {
    /// The operation, by its name in the audit log.
    pub action: String,
    /// The label of the target.
    pub label: String,
    /// Whose that was.
    pub owner: Option<UserId>,
}

impl fmt::Debug for KeptAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptAnswer").field("status", &self.status).finish_non_exhaustive()
    }
}

/// A call with a key that begins.
#[derive(Clone, Debug)]
pub struct NewClaim {
    /// Whose.
    pub user: UserId,
    /// The client's key.
    pub key: IdempotencyKey,
    /// The fingerprint of the call.
    pub call: Fingerprint,
    /// Now.
    pub now: Timestamp,
    /// When a call that ended without a word, for instance in a crash, no longer holds the key.
    pub held_until: Timestamp,
    /// When the key is forgotten.
    pub kept_until: Timestamp,
}

/// The decision on a call with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// It is the first: make it, then say how it went.
    First(ClaimId),
    /// It was made before, and this was the answer.
    Answered(KeptAnswer),
    /// It was made before, and its answer was not kept.
    Withheld,
    /// It is being made at this moment.
    Running,
    /// The key was used for another call.
    Other,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_short_visible_ascii() {
        for good in ["a", "2f5e7c1e-6a57-4b3e-9f5c-3a8a7c9e2b11", &"x".repeat(255)] {
            assert_eq!(IdempotencyKey::new(good).expect("a key").as_str(), good);
        }
        for bad in ["", "a b", "ä", "a\n", &"x".repeat(256)] {
            assert!(IdempotencyKey::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn parts_do_not_run_into_one_another() {
        assert_ne!(Fingerprint::of(&[b"ab", b"c"]), Fingerprint::of(&[b"a", b"bc"]));
        assert_eq!(Fingerprint::of(&[b"ab"]), Fingerprint::of(&[b"ab"]));
    }
}
