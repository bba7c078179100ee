//! The errors of this backend, and their one conversion into the public error.

use virt::sys;

use crate::error::{Error, Part};

/// A failed operation of this backend.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// libvirt said so.
    #[error(transparent)]
    Libvirt(#[from] virt::error::Error),
    /// An error that is public already.
    #[error(transparent)]
    Public(#[from] Error),
    /// libvirt's answer is not what its documentation says.
    #[error("libvirt's answer cannot be read: {0}")]
    Answer(String),
}

pub(super) type Result<T, E = Failure> = std::result::Result<T, E>;

impl From<roxmltree::Error> for Failure {
    fn from(error: roxmltree::Error) -> Self {
        Self::Answer(error.to_string())
    }
}

impl Failure {
    /// Returns whether libvirt failed with this code.
    pub(super) fn is(&self, code: sys::virErrorNumber) -> bool {
        matches!(self, Self::Libvirt(error) if error.code().to_raw() == code)
    }
}

/// Turns "there is none" into `None`.
pub(super) fn optional<T>(
    result: std::result::Result<T, virt::error::Error>,
    missing: sys::virErrorNumber,
) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.code().to_raw() == missing => Ok(None),
        Err(error) => Err(error.into()),
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Public(error) => error,
            Failure::Answer(_) => Self::internal("reading an answer of libvirt", failure),
            Failure::Libvirt(error) => from_libvirt(error),
        }
    }
}

fn from_libvirt(error: virt::error::Error) -> Error {
    match error.code().to_raw() {
        sys::VIR_ERR_NO_SUPPORT => Error::Unsupported("this call of libvirt"),
        // These are faults of what vmm wrote, not of the host.
        sys::VIR_ERR_INVALID_ARG
        | sys::VIR_ERR_XML_ERROR
        | sys::VIR_ERR_XML_DETAIL
        | sys::VIR_ERR_XML_INVALID_SCHEMA
        | sys::VIR_ERR_ARGUMENT_UNSUPPORTED => Error::internal("calling libvirt", error),
        _ => Error::unavailable(Part::Hypervisor, error.message()),
    }
}
