//! Files of spreadsheets, on their way to a request.

use crate::desk::{Vmm, in_turn};
use crate::error::Result;
use crate::planning::Spreadsheet;
use crate::policy::{Action, Actor, Target};

impl Vmm {
    /// Reads a file that a spreadsheet wrote (CSV, TSV, XLSX or ODS): the CSV for a
    /// [`RequestDraft`](crate::RequestDraft). Nothing is recorded.
    ///
    /// # Errors
    /// `Invalid` with the field `file` if it is no table, or larger than that of a request can be.
    pub async fn read_spreadsheet(&self, actor: &Actor, file: Vec<u8>) -> Result<Spreadsheet> {
        self.read(actor, Action::RequestSubmit, &Target { label: String::new(), owner: actor.user_id() })?;
        in_turn("reading a spreadsheet", move || Spreadsheet::read(&file)).await
    }
}
