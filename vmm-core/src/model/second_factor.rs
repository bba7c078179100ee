//! The second factor of an account.

use super::{Sealed, SessionId, Timestamp, TokenHash};

/// A secret that an account shares with its owner's authenticator app, which makes a code of it for each 30 seconds
/// ([RFC 6238](https://www.rfc-editor.org/rfc/rfc6238)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecondFactor {
    /// The secret.
    pub secret: Sealed,
    /// When its owner showed that the app has it. Until then it counts for nothing.
    pub confirmed_at: Option<Timestamp>,
    /// How many recovery codes are left.
    pub recovery_codes: u32,
}

/// A second factor that its owner has shown to have, to record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfirmedFactor {
    /// The step of the code that showed it.
    pub step: u64,
    /// The hashes of its recovery codes.
    pub recovery_codes: Vec<TokenHash>,
    /// The login in which it was shown, which counts as one with the second factor from now on.
    pub session: Option<SessionId>,
}

/// What somebody has shown of a second factor. It counts once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecondFactorProof {
    /// The code of this step of 30 seconds since 1970. No code of it or of a step before it counts again.
    Step(u64),
    /// A recovery code, which is used up.
    RecoveryCode(TokenHash),
}
