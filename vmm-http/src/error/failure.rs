//! An error on its way to the client, and what each sort says.

use poem::http::{HeaderName, header};
use vmm_core::{Budget, Problem, Problems};

use super::problem::{FieldProblem, ProblemDetails};
use super::sort::{
    CONFLICT, INTERNAL, INVALID, LARGE_HEAD, MALFORMED, MEDIA, METHOD, NOT_FOUND, RANGE, SLOW, Sort, TOO_LARGE,
    UNAVAILABLE,
};

/// Seconds after which a client may try again what was not available.
const RETRY_AFTER: u32 = 2;

/// An error on its way to the client.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(super) sort: Sort,
    pub(super) detail: String,
    pub(super) problems: Box<Problems>,
    pub(super) item: Option<u32>,
    /// A further header of the answer.
    pub(super) header: Option<Box<(HeaderName, String)>>,
    pub(super) budget: Option<Budget>,
    /// Seconds.
    pub(super) retry_after: Option<u32>,
}

impl Failure {
    pub(super) fn new(sort: Sort, detail: impl Into<String>) -> Self {
        let retry_after = (sort == UNAVAILABLE).then_some(RETRY_AFTER);
        let (detail, problems) = (detail.into(), Box::new(Problems::new()));
        Self { sort, detail, problems, item: None, header: None, budget: None, retry_after }
    }

    /// Fields that are wrong.
    pub(crate) fn invalid(problems: impl Into<Problems>) -> Self {
        let problems = Box::new(problems.into());
        let detail = problems.to_string();
        Self { problems, ..Self::new(INVALID, detail) }
    }

    /// A body or address that cannot be read at all.
    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(MALFORMED, detail)
    }

    /// A body that cannot be read because of one of its fields.
    pub(crate) fn malformed_in(problem: Problem) -> Self {
        let detail = problem.to_string();
        Self { problems: Box::new(problem.into()), ..Self::new(MALFORMED, detail) }
    }

    /// A body over the limit.
    pub(crate) fn too_large(limit: impl std::fmt::Display) -> Self {
        Self::new(TOO_LARGE, format!("the body is too large; it can have at most {limit} bytes"))
    }

    /// A body that is something else than JSON.
    pub(crate) fn not_json() -> Self {
        Self::new(MEDIA, "send the body as application/json")
    }

    /// Returns the failure of a call that does not fit the present state.
    pub(crate) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(CONFLICT, detail)
    }

    /// Returns the failure of a call whose first attempt is still running.
    pub(crate) fn still_running(detail: impl Into<String>) -> Self {
        Self { retry_after: Some(RETRY_AFTER), ..Self::conflict(detail) }
    }

    /// A body that is something else than plain content.
    pub(crate) fn not_octets() -> Self {
        Self::new(MEDIA, "send the content as application/octet-stream")
    }

    /// A body that did not come in time.
    pub(crate) fn slow() -> Self {
        Self::new(SLOW, "the body did not arrive in time; send it faster")
    }

    /// Parts of the desk that do not answer.
    pub(crate) fn down(parts: &[&str]) -> Self {
        let problems = Box::new(parts.iter().map(|part| Problem::new(*part, "does not answer")).collect());
        Self { problems, ..Self::new(UNAVAILABLE, format!("{} does not answer", parts.join(" and "))) }
    }

    /// A command that was not tried, because one before it could not be run.
    pub(crate) fn not_tried() -> Self {
        Self::new(UNAVAILABLE, "the command was not tried, because a command before it could not be run")
    }

    /// A path without this method; `allow` lists those that it has.
    pub(crate) fn method(allow: &str) -> Self {
        let header = Some(Box::new((header::ALLOW, allow.to_owned())));
        Self { header, ..Self::new(METHOD, format!("this path does not have this method; it has {allow}")) }
    }

    /// A path that is an operation's but for a slash at its end.
    pub(crate) fn path_ends_with_slash(path: &str) -> Self {
        Self::new(NOT_FOUND, format!("there is no such path; leave out the last slash: {path}"))
    }

    /// A request whose head is larger than this.
    pub(crate) fn large_head(limit: usize) -> Self {
        Self::new(LARGE_HEAD, format!("the head of the request is larger than {} KiB", limit >> 10))
    }

    /// A part of a file that begins behind the file's end.
    pub(crate) fn range(bytes: u64) -> Self {
        let detail = format!("the file has {bytes} bytes, so the range begins after its end");
        let header = Some(Box::new((header::CONTENT_RANGE, format!("bytes */{bytes}"))));
        Self { header, ..Self::new(RANGE, detail) }
    }

    /// A fault whose cause stands in the log already.
    pub(crate) fn internal() -> Self {
        Self::new(INTERNAL, "the server failed; tell an admin, who finds the cause in its log")
    }

    /// The item of the list that it is about.
    pub(crate) fn item(&self) -> Option<usize> {
        self.item.and_then(|item| item.try_into().ok())
    }

    /// The error as an answer's body.
    pub(crate) fn details(&self) -> ProblemDetails {
        ProblemDetails {
            kind: self.sort.kind(),
            title: self.sort.title().to_owned(),
            status: self.sort.status(),
            detail: self.detail.clone(),
            problems: self.problems.iter().cloned().map(FieldProblem::from).collect(),
            problems_total: u32::try_from(self.problems.total()).unwrap_or(u32::MAX),
            item: self.item,
            budget: self.budget.map(|budget| budget.to_string()),
        }
    }
}

/// The error as JSON, where it stands inside another answer.
impl From<Failure> for ProblemDetails {
    fn from(failure: Failure) -> Self {
        failure.details()
    }
}
