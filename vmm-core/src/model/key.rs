//! The secrets that are sealed with the master key.

use super::{ScriptId, Sealed, UserId};

/// Everything that is sealed with the master key, sealed anew with another one.
#[derive(Clone, Debug)]
pub struct Resealed {
    /// The machines' secret as it was sealed before.
    pub was: Sealed,
    /// The machines' secret.
    pub machines_secret: Sealed,
    /// The password of each login that is stored with a script.
    pub passwords: Vec<(ScriptId, Sealed)>,
    /// The secret of each account's second factor.
    pub second_factors: Vec<(UserId, Sealed)>,
}
