//! Steps of libssh2 that would block, and are done again when the socket is ready.

use ssh2::ErrorCode;

/// `LIBSSH2_ERROR_EAGAIN`.
pub(super) const WOULD_BLOCK: ErrorCode = ErrorCode::Session(-37);

/// Does a step on files; one that would block, twice: libssh2 stops at an answer that has begun and does not look
/// whether it has also ended there, which no poll would tell.
pub(super) fn again_at_once<T, E>(
    mut step: impl FnMut() -> Result<T, E>,
    would_block: impl Fn(&E) -> bool,
) -> Result<T, E> {
    match step() {
        Err(error) if would_block(&error) => step(),
        done => done,
    }
}

/// Returns whether a step would have blocked.
pub(super) fn would_block(error: &ssh2::Error) -> bool {
    error.code() == WOULD_BLOCK
}
