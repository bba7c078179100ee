//! The sorts of errors: the only place that knows which status each has.

use poem::http::StatusCode;

/// A sort of error: its status, its name and its title.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sort(StatusCode, &'static str, &'static str);

impl Sort {
    pub(super) fn code(self) -> StatusCode {
        self.0
    }

    pub(crate) fn status(self) -> u16 {
        self.0.as_u16()
    }

    pub(crate) fn name(self) -> &'static str {
        self.1
    }

    pub(crate) fn title(self) -> &'static str {
        self.2
    }

    /// The name for programs.
    pub(crate) fn kind(self) -> String {
        format!("urn:vmm:problem:{}", self.1)
    }

    /// Returns whether its answer says when to try again.
    pub(crate) fn waits(self) -> bool {
        [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE].contains(&self.0)
    }
}

pub(super) const MALFORMED: Sort = Sort(StatusCode::BAD_REQUEST, "malformed", "The request cannot be read");
pub(super) const UNAUTHENTICATED: Sort = Sort(StatusCode::UNAUTHORIZED, "unauthenticated", "Sign in first");
pub(super) const FORBIDDEN: Sort = Sort(StatusCode::FORBIDDEN, "forbidden", "You may not do this");
pub(super) const SECOND_FACTOR: Sort = Sort(StatusCode::FORBIDDEN, "second-factor", "Give your second factor");
pub(super) const NOT_FOUND: Sort = Sort(StatusCode::NOT_FOUND, "not-found", "It does not exist");
pub(super) const METHOD: Sort =
    Sort(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "The path does not have this method");
pub(super) const SLOW: Sort = Sort(StatusCode::REQUEST_TIMEOUT, "slow-request", "The request came too slowly");
pub(super) const CONFLICT: Sort = Sort(StatusCode::CONFLICT, "conflict", "The state does not allow it");
pub(super) const STALE: Sort = Sort(StatusCode::PRECONDITION_FAILED, "stale", "It has changed since it was read");
pub(super) const TOO_LARGE: Sort = Sort(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large");
pub(super) const MEDIA: Sort =
    Sort(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "The body has the wrong type");
pub(super) const RANGE: Sort =
    Sort(StatusCode::RANGE_NOT_SATISFIABLE, "range-not-satisfiable", "The file ends before this range");
pub(super) const LARGE_HEAD: Sort =
    Sort(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "head-too-large", "The head of the request is too large");
pub(super) const INVALID: Sort = Sort(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "The input is wrong");
pub(super) const LOGIN_REFUSED: Sort =
    Sort(StatusCode::UNPROCESSABLE_ENTITY, "login-refused", "The machine refused the login");
pub(super) const TOO_MANY: Sort = Sort(StatusCode::TOO_MANY_REQUESTS, "too-many", "Too many calls or attempts");
pub(super) const INTERNAL: Sort = Sort(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The server failed");
pub(super) const UNSUPPORTED: Sort = Sort(StatusCode::NOT_IMPLEMENTED, "unsupported", "This desk cannot do it");
pub(super) const HOST_KEY: Sort = Sort(StatusCode::BAD_GATEWAY, "host-key-changed", "The machine has another host key");
pub(super) const END_UNKNOWN: Sort = Sort(StatusCode::BAD_GATEWAY, "end-unknown", "The command may have run");
pub(super) const UNAVAILABLE: Sort =
    Sort(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "It is not available at this moment");
pub(super) const TIMEOUT: Sort = Sort(StatusCode::GATEWAY_TIMEOUT, "timeout", "It did not finish in time");

/// The sorts that operations document; `LOGIN_REFUSED` shares its status with `INVALID`, and `END_UNKNOWN` with
/// `HOST_KEY`.
const DOCUMENTED: [Sort; 17] = [
    MALFORMED,
    UNAUTHENTICATED,
    FORBIDDEN,
    NOT_FOUND,
    SLOW,
    CONFLICT,
    STALE,
    TOO_LARGE,
    MEDIA,
    RANGE,
    INVALID,
    TOO_MANY,
    INTERNAL,
    UNSUPPORTED,
    HOST_KEY,
    UNAVAILABLE,
    TIMEOUT,
];

/// Every sort that an operation may document; `spec` knows which.
pub(crate) fn documented() -> impl Iterator<Item = Sort> {
    DOCUMENTED.into_iter()
}
