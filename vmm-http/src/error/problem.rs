//! Problem details (RFC 9457).

use poem_openapi::Object;
use vmm_core::Problem;

/// An error, as a problem detail (RFC 9457).
#[derive(Clone, Debug, Object)]
#[oai(rename = "ProblemDetails", skip_serializing_if_is_none)]
pub(crate) struct ProblemDetails {
    /// The kind of error, for programs: `urn:vmm:problem:` and a word.
    #[oai(rename = "type")]
    pub(super) kind: String,
    /// The kind of error, for people.
    pub(super) title: String,
    /// The HTTP status.
    pub(super) status: u16,
    /// The error in this case, and what to do about it.
    pub(super) detail: String,
    /// The problems of the input, the first 100 at most.
    pub(super) problems: Vec<FieldProblem>,
    /// The number of all problems, the unlisted ones included.
    pub(super) problems_total: u32,
    /// The number of the item that failed, counted from 0. The items before it are done.
    pub(super) item: Option<u32>,
    /// The budget that is used up, by the caller alone (429) or by all accounts together (503). `GET /limits` shows
    /// one's own budgets.
    pub(super) budget: Option<String>,
}

/// A problem with one field of the input.
#[derive(Clone, Debug, Object, PartialEq, Eq)]
#[oai(rename = "FieldProblem", skip_serializing_if_is_none)]
pub(crate) struct FieldProblem {
    /// Row of a table as a spreadsheet numbers it: the first row is 1, and blank rows count.
    row: Option<u32>,
    /// Column of a table.
    column: Option<String>,
    /// Path of the field in the request.
    field: Option<String>,
    /// The problem, and what would be right.
    reason: String,
}

impl From<Problem> for FieldProblem {
    fn from(problem: Problem) -> Self {
        let Problem { row, field, reason } = problem;
        let (column, field) = if row.is_some() { (Some(field), None) } else { (None, Some(field)) };
        Self { row, column, field, reason }
    }
}
