//! Settings of the process in which vmm runs.

use rustix::process::{Resource, Rlimit, setrlimit};

/// Lets the system write no core file of this process, whose memory holds keys and passwords. For programs, at their
/// start.
///
/// # Errors
/// What the system says.
pub fn forbid_core_files() -> std::io::Result<()> {
    Ok(setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?)
}
