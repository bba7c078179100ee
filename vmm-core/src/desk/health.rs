//! The health of the desk's backends.

/// The health of a desk's backends. It names no machine and no person, so anybody may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// The database.
    pub database: PartHealth,
    /// The hypervisor.
    pub hypervisor: PartHealth,
}

impl Health {
    /// Returns whether every part answers.
    pub fn is_ready(&self) -> bool {
        [&self.database, &self.hypervisor].into_iter().all(|part| *part == PartHealth::Up)
    }
}

/// The health of one part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartHealth {
    /// It answers.
    Up,
    /// It does not; the log says why.
    Down,
}
