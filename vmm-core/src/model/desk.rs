//! The desk: one database and what belongs to it.

use uuid::Uuid;

/// Names one desk, so that two desks on one host do not take each other's machines. Made once with the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeskId(pub Uuid);

impl std::fmt::Display for DeskId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
