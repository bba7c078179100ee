//! The secrets that are sealed with the master key.

use super::{ScriptId, Sealed};

/// Everything that is sealed with the master key, sealed anew with another one.
#[derive(Clone, Debug)]
pub struct Resealed {
    /// The machines' secret as it was sealed before.
    pub was: Sealed,
    /// The machines' secret.
    pub machines_secret: Sealed,
    /// The password of each login that is stored with a script.
    pub passwords: Vec<(ScriptId, Sealed)>,
}
