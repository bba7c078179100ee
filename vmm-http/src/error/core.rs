//! Which sort each error of the core is.

use std::error::Error as StdError;

use vmm_core::{Error, Over, Problem};

use super::failure::Failure;
use super::sort::{
    CONFLICT, END_UNKNOWN, FORBIDDEN, HOST_KEY, LOGIN_REFUSED, NOT_FOUND, SECOND_FACTOR, STALE, TIMEOUT, TOO_LARGE,
    TOO_MANY, UNAUTHENTICATED, UNAVAILABLE, UNSUPPORTED,
};

impl Failure {
    /// An error in one item of the list `outer`; the items before it are done.
    pub(crate) fn in_item(outer: &str, index: usize, error: Error) -> Self {
        Self { item: u32::try_from(index).ok(), ..Self::from_core(error, &format!("{outer}[{index}].")) }
    }

    fn from_core(error: Error, prefix: &str) -> Self {
        let detail = error.to_string();
        match error {
            Error::Invalid(problems) => Self::invalid(problems.map(|problem| match problem.row {
                Some(_) => problem,
                None => Problem { field: format!("{prefix}{}", problem.field), ..problem },
            })),
            Error::Unauthenticated => Self::new(UNAUTHENTICATED, detail),
            Error::TooMany { retry_after } => {
                let seconds = u32::try_from(retry_after.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
                Self { retry_after: Some(seconds), ..Self::new(TOO_MANY, detail) }
            }
            Error::OverBudget { budget, over, retry_after, .. } => {
                let sort = if over == Over::Share { TOO_MANY } else { UNAVAILABLE };
                let retry_after = u32::try_from(retry_after.as_secs()).ok();
                Self { budget: Some(budget), retry_after, ..Self::new(sort, detail) }
            }
            Error::Forbidden { .. } => Self::new(FORBIDDEN, detail),
            Error::SecondFactorNeeded { .. } => Self::new(SECOND_FACTOR, detail),
            Error::NotFound { .. } => Self::new(NOT_FOUND, detail),
            Error::Conflict { .. } => Self::new(CONFLICT, detail),
            Error::Stale { .. } => Self::new(STALE, detail),
            Error::Unavailable { .. } => Self::new(UNAVAILABLE, detail),
            Error::Timeout { .. } => Self::new(TIMEOUT, detail),
            Error::Unfinished(unfinished) => {
                Self::new(if unfinished.after.is_some() { TIMEOUT } else { END_UNKNOWN }, detail)
            }
            Error::LoginRefused { .. } => Self::new(LOGIN_REFUSED, detail),
            Error::HostKeyChanged { .. } => Self::new(
                HOST_KEY,
                format!(
                    "{detail}. Somebody may stand between. If the machine was installed anew, compare the fingerprint \
                     with what its console says, and have an admin accept it with PUT /vm/host-key"
                ),
            ),
            Error::TooLarge { .. } => Self::new(TOO_LARGE, detail),
            Error::Unsupported(_) => Self::new(UNSUPPORTED, detail),
            error => {
                tracing::error!(error = chain(&error), "a request failed for a fault of the server");
                Self::internal()
            }
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::from_core(error, "")
    }
}

/// An error and its causes in one line, for the log.
fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
