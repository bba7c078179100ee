//! The preview of a table before it is submitted.

use std::collections::HashMap;

use poem_openapi::{Enum, Object};
use vmm_core::{RequestPreview, RowVerdict, Spreadsheet};

use super::request_plan::Totals;
use crate::error::FieldProblem;

/// The table of a spreadsheet's file.
#[derive(Debug, Object)]
#[oai(rename = "Spreadsheet", skip_serializing_if_is_none)]
pub(super) struct SpreadsheetBody {
    /// The table as CSV, for the field `spec` of a request.
    spec: String,
    /// The sheet from which the table was read; absent for a file without sheets.
    sheet: Option<String>,
}

impl From<Spreadsheet> for SpreadsheetBody {
    fn from(Spreadsheet { spec, sheet }: Spreadsheet) -> Self {
        Self { spec, sheet }
    }
}

/// The verdict on a row.
#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename = "RowVerdict", rename_all = "lowercase")]
enum RowVerdictWord {
    /// Nothing to say.
    Ok,
    /// It can be made, and the approver should read the warnings.
    Warning,
    /// It has a problem.
    Wrong,
}

/// The verdict on one row.
#[derive(Debug, Object)]
#[oai(rename = "PreviewRow")]
struct PreviewRowBody {
    /// Row of the table as a spreadsheet numbers it: the header and blank rows count.
    row: u32,
    /// The content of its column `name`, at most 64 characters.
    name: String,
    verdict: RowVerdictWord,
    /// The number of machines that the row asks for; 0 if it is wrong.
    machines: u32,
    /// Warnings for the approver, three at most.
    warnings: Vec<String>,
}

/// The plan of a table, or its problems.
#[derive(Debug, Object)]
#[oai(rename = "RequestPreview", skip_serializing_if_is_none)]
pub(super) struct RequestPreviewBody {
    /// True if the table could be submitted at this moment.
    good: bool,
    /// The resources that all machines need together; absent if there are problems.
    totals: Option<Totals>,
    /// The rows in order, up to the row of the last listed problem.
    rows: Vec<PreviewRowBody>,
    /// The number of rows that are not blank, without the header.
    rows_total: u32,
    /// The problems, the first 100 at most.
    problems: Vec<FieldProblem>,
    /// The number of all problems, the unlisted ones included.
    problems_total: u32,
    /// Notes about cells that were read as something else than their letters say.
    understood: Vec<String>,
}

/// The number of warnings of a row that are told.
const WARNINGS: usize = 3;

impl From<RequestPreview> for RequestPreviewBody {
    fn from(preview: RequestPreview) -> Self {
        let RequestPreview { plan, problems, rows, rows_total, understood, .. } = preview;
        let mut warnings = HashMap::<u32, Vec<String>>::new();
        for vm in plan.iter().flat_map(|plan| &plan.vms).filter(|vm| !vm.warnings.is_empty()) {
            warnings.entry(vm.row).or_default().extend(vm.warnings.iter().cloned());
        }
        let row = |row: RowVerdict| {
            let mut warnings = warnings.remove(&row.row).unwrap_or_default();
            warnings.truncate(WARNINGS);
            let verdict = match (row.wrong, warnings.is_empty()) {
                (true, _) => RowVerdictWord::Wrong,
                (false, true) => RowVerdictWord::Ok,
                (false, false) => RowVerdictWord::Warning,
            };
            let machines = if row.wrong { 0 } else { row.machines };
            PreviewRowBody { row: row.row, name: row.name, verdict, machines, warnings }
        };
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Self {
            good: plan.is_some(),
            totals: plan.as_ref().map(Totals::from),
            rows: rows.into_iter().map(row).collect(),
            rows_total: count(rows_total),
            problems_total: count(problems.total()),
            problems: problems.into_iter().map(FieldProblem::from).collect(),
            understood,
        }
    }
}
