//! Problem details (RFC 9457).

use poem_openapi::Object;
use vmm_core::Problem;

/// What went wrong (RFC 9457).
#[derive(Clone, Debug, Object)]
#[oai(rename = "ProblemDetails", skip_serializing_if_is_none)]
pub(crate) struct ProblemDetails {
    /// Names the sort of error for programs: `urn:vmm:problem:` and a word.
    #[oai(rename = "type")]
    pub(super) kind: String,
    /// The sort of error, for people.
    pub(super) title: String,
    /// The HTTP status.
    pub(super) status: u16,
    /// What went wrong this time, and what to do.
    pub(super) detail: String,
    /// What is wrong with the input: the first 100 problems at most.
    pub(super) problems: Vec<FieldProblem>,
    /// How many problems there are, with those that are not listed.
    pub(super) problems_total: u32,
    /// The item of the batch that failed, counted from 0. Those before it are done.
    pub(super) item: Option<u32>,
    /// The budget that is used up, by the caller alone (429) or by all together (503). `GET /limits` shows one's own.
    pub(super) budget: Option<String>,
}

/// One thing wrong with one field of the input.
#[derive(Clone, Debug, Object, PartialEq, Eq)]
#[oai(rename = "FieldProblem", skip_serializing_if_is_none)]
pub(crate) struct FieldProblem {
    /// Row of a table as a spreadsheet numbers it: the first row is 1, and blank rows count.
    row: Option<u32>,
    /// Column of a table.
    column: Option<String>,
    /// Path of the field in the request.
    field: Option<String>,
    /// What is wrong, and what would be right.
    reason: String,
}

impl From<Problem> for FieldProblem {
    fn from(problem: Problem) -> Self {
        let Problem { row, field, reason } = problem;
        let (column, field) = if row.is_some() { (Some(field), None) } else { (None, Some(field)) };
        Self { row, column, field, reason }
    }
}
