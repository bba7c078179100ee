//! The pages for people with a browser.

#[cfg(feature = "console")]
pub(crate) mod console;
pub(crate) mod docs;
pub(crate) mod front;
pub(crate) mod token;
