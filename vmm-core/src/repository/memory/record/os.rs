//! Records of operating systems.

use super::super::state::State;
use crate::error::{Error, Kind, Result};
use crate::model::{Os, OsId};

/// Returns the catalog entry of this id, which must be there.
pub(in super::super) fn required(state: &State, id: OsId) -> Result<&Os> {
    state.oses.get(&id).ok_or_else(|| Error::not_found(Kind::Os, id))
}
