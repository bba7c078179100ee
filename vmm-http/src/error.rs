//! Errors as problem details (RFC 9457). The only place that knows which status an error has.

use std::error::Error as StdError;
use std::sync::Arc;

use poem::error::{MethodNotAllowedError, NotFoundError};
use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use poem::{Endpoint, IntoResponse, Request, Response, Result};
use poem_openapi::error::{AuthorizationError, ContentTypeError, ParseParamError, ParsePathError};
use poem_openapi::payload::Json;
use poem_openapi::registry::{MetaResponses, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiResponse, Object};
use vmm_core::{Budget, Error, Over, Problem, Problems};

/// The media type of every error.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// A sort of error: its status, its name and its title.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sort(StatusCode, &'static str, &'static str);

impl Sort {
    pub(crate) fn status(self) -> u16 {
        self.0.as_u16()
    }

    pub(crate) fn name(self) -> &'static str {
        self.1
    }

    pub(crate) fn title(self) -> &'static str {
        self.2
    }

    /// The name for programs.
    pub(crate) fn kind(self) -> String {
        format!("urn:vmm:problem:{}", self.1)
    }

    /// Whether its answer says when to try again.
    pub(crate) fn waits(self) -> bool {
        [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE].contains(&self.0)
    }
}

const MALFORMED: Sort = Sort(StatusCode::BAD_REQUEST, "malformed", "The request cannot be read");
const UNAUTHENTICATED: Sort = Sort(StatusCode::UNAUTHORIZED, "unauthenticated", "Log in first");
const FORBIDDEN: Sort = Sort(StatusCode::FORBIDDEN, "forbidden", "You may not do this");
const NOT_FOUND: Sort = Sort(StatusCode::NOT_FOUND, "not-found", "There is no such thing");
const METHOD: Sort = Sort(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "The path has no such method");
const SLOW: Sort = Sort(StatusCode::REQUEST_TIMEOUT, "slow-request", "The request came too slowly");
const CONFLICT: Sort = Sort(StatusCode::CONFLICT, "conflict", "It does not fit the present state");
const STALE: Sort = Sort(StatusCode::PRECONDITION_FAILED, "stale", "It was changed since it was read");
const TOO_LARGE: Sort = Sort(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large");
const MEDIA: Sort = Sort(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "The body has the wrong type");
const RANGE: Sort = Sort(StatusCode::RANGE_NOT_SATISFIABLE, "range-not-satisfiable", "The file has no such part");
const LARGE_HEAD: Sort =
    Sort(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "head-too-large", "The head of the request is too large");
const INVALID: Sort = Sort(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "The input is wrong");
const LOGIN_REFUSED: Sort = Sort(StatusCode::UNPROCESSABLE_ENTITY, "login-refused", "The machine refused the login");
const TOO_MANY: Sort = Sort(StatusCode::TOO_MANY_REQUESTS, "too-many", "Too many at once, or tried too often");
const INTERNAL: Sort = Sort(StatusCode::INTERNAL_SERVER_ERROR, "internal", "A fault of the server");
const UNSUPPORTED: Sort = Sort(StatusCode::NOT_IMPLEMENTED, "unsupported", "This desk cannot do it");
const HOST_KEY: Sort = Sort(StatusCode::BAD_GATEWAY, "host-key-changed", "The machine is not the one that is known");
const END_UNKNOWN: Sort = Sort(StatusCode::BAD_GATEWAY, "end-unknown", "It may have run; look before you repeat it");
const UNAVAILABLE: Sort = Sort(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Try again later");
const TIMEOUT: Sort = Sort(StatusCode::GATEWAY_TIMEOUT, "timeout", "It did not finish in time");

/// The sorts that operations document; `LOGIN_REFUSED` shares its status with `INVALID`, and `END_UNKNOWN` with
/// `HOST_KEY`.
const DOCUMENTED: [Sort; 17] = [
    MALFORMED,
    UNAUTHENTICATED,
    FORBIDDEN,
    NOT_FOUND,
    SLOW,
    CONFLICT,
    STALE,
    TOO_LARGE,
    MEDIA,
    RANGE,
    INVALID,
    TOO_MANY,
    INTERNAL,
    UNSUPPORTED,
    HOST_KEY,
    UNAVAILABLE,
    TIMEOUT,
];

/// Every sort that an operation may document; `spec` knows which.
pub(crate) fn documented() -> impl Iterator<Item = Sort> {
    DOCUMENTED.into_iter()
}

/// Seconds after which a client may try again what was not available.
const RETRY_AFTER: u32 = 2;

/// What went wrong (RFC 9457).
#[derive(Clone, Debug, Object)]
#[oai(rename = "ProblemDetails", skip_serializing_if_is_none)]
pub(crate) struct ProblemDetails {
    /// Names the sort of error for programs: `urn:vmm:problem:` and a word.
    #[oai(rename = "type")]
    kind: String,
    /// The sort of error, for people.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What went wrong this time, and what to do.
    detail: String,
    /// What is wrong with the input: the first 100 problems at most.
    problems: Vec<FieldProblem>,
    /// How many problems there are, with those that are not listed.
    problems_total: u32,
    /// The item of the batch that failed, counted from 0. Those before it are done.
    item: Option<u32>,
    /// The budget that is used up, by the caller alone (429) or by all together (503). `GET /limits` shows one's own.
    budget: Option<String>,
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

/// An error on its way to the client.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    sort: Sort,
    detail: String,
    problems: Box<Problems>,
    item: Option<u32>,
    /// What the answer says besides, in a header.
    header: Option<Box<(HeaderName, String)>>,
    budget: Option<Budget>,
    /// Seconds.
    retry_after: Option<u32>,
}

impl Failure {
    fn new(sort: Sort, detail: impl Into<String>) -> Self {
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
        Self::new(TOO_LARGE, format!("a body may have at most {limit} bytes"))
    }

    /// A body that is something else than JSON.
    pub(crate) fn not_json() -> Self {
        Self::new(MEDIA, "send the body as application/json")
    }

    /// What does not fit the present state.
    pub(crate) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(CONFLICT, detail)
    }

    /// What is being done at this moment.
    pub(crate) fn still_running(detail: impl Into<String>) -> Self {
        Self { retry_after: Some(RETRY_AFTER), ..Self::conflict(detail) }
    }

    /// A body that is something else than plain content.
    pub(crate) fn not_octets() -> Self {
        Self::new(MEDIA, "send the content as application/octet-stream")
    }

    /// A body that did not come in time.
    pub(crate) fn slow() -> Self {
        Self::new(SLOW, "the body did not arrive in time")
    }

    /// Parts of the desk that do not answer.
    pub(crate) fn down(parts: &[&str]) -> Self {
        let problems = Box::new(parts.iter().map(|part| Problem::new(*part, "does not answer")).collect());
        Self { problems, ..Self::new(UNAVAILABLE, format!("{} does not answer", parts.join(" and "))) }
    }

    /// A command that was not tried, because one before it could not be run.
    pub(crate) fn not_tried() -> Self {
        Self::new(UNAVAILABLE, "was not tried, because a command before it could not be run")
    }

    /// A path without this method; `allow` lists those that it has.
    pub(crate) fn method(allow: &str) -> Self {
        let header = Some(Box::new((header::ALLOW, allow.to_owned())));
        Self { header, ..Self::new(METHOD, format!("this path has {allow}")) }
    }

    /// A path that is an operation's but for a slash at its end.
    pub(crate) fn path_ends_with_slash(path: &str) -> Self {
        Self::new(NOT_FOUND, format!("there is no such path; leave the last slash out: {path}"))
    }

    /// A request whose head is larger than this.
    pub(crate) fn large_head(limit: usize) -> Self {
        Self::new(LARGE_HEAD, format!("the head of the request is larger than {} KiB", limit >> 10))
    }

    /// A part of a file that begins behind the file's end.
    pub(crate) fn range(bytes: u64) -> Self {
        let detail = format!("the file has {bytes} bytes, so the range begins behind its end");
        let header = Some(Box::new((header::CONTENT_RANGE, format!("bytes */{bytes}"))));
        Self { header, ..Self::new(RANGE, detail) }
    }

    /// A fault whose cause stands in the log already.
    pub(crate) fn internal() -> Self {
        Self::new(INTERNAL, "the log of the server has the cause")
    }

    /// An error in one item of the list `outer`; the items before it are done.
    pub(crate) fn in_item(outer: &str, index: usize, error: Error) -> Self {
        Self { item: u32::try_from(index).ok(), ..Self::from_core(error, &format!("{outer}[{index}].")) }
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

    fn from_core(error: Error, prefix: &str) -> Self {
        let detail = error.to_string();
        match error {
            Error::Invalid(problems) => Self::invalid(problems.map(|problem| match problem.row {
                Some(_) => problem,
                None => Problem { field: format!("{prefix}{}", problem.field), ..problem },
            })),
            Error::Unauthenticated => Self::new(UNAUTHENTICATED, detail),
            Error::TooMany { retry_after } => {
                let seconds = u32::try_from(retry_after.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
                Self { retry_after: Some(seconds), ..Self::new(TOO_MANY, detail) }
            }
            Error::OverBudget { budget, over, retry_after, .. } => {
                let sort = if over == Over::Share { TOO_MANY } else { UNAVAILABLE };
                let retry_after = u32::try_from(retry_after.as_secs()).ok();
                Self { budget: Some(budget), retry_after, ..Self::new(sort, detail) }
            }
            Error::Forbidden { .. } => Self::new(FORBIDDEN, detail),
            Error::NotFound { .. } => Self::new(NOT_FOUND, detail),
            Error::Conflict { .. } => Self::new(CONFLICT, detail),
            Error::Stale { .. } => Self::new(STALE, detail),
            Error::Unavailable { .. } => Self::new(UNAVAILABLE, detail),
            Error::Timeout { .. } => Self::new(TIMEOUT, detail),
            Error::Unfinished(unfinished) => {
                Self::new(if unfinished.after.is_some() { TIMEOUT } else { END_UNKNOWN }, detail)
            }
            Error::LoginRefused { .. } => Self::new(LOGIN_REFUSED, detail),
            Error::HostKeyChanged { .. } => Self::new(
                HOST_KEY,
                format!(
                    "{detail}. Somebody may stand between. If the machine was installed anew, compare the fingerprint \
                     with what its console says, and have an admin accept it with PUT /vm/host-key"
                ),
            ),
            Error::TooLarge { .. } => Self::new(TOO_LARGE, detail),
            Error::Unsupported(_) => Self::new(UNSUPPORTED, detail),
            error => {
                tracing::error!(error = chain(&error), "a request failed for a fault of the server");
                Self::internal()
            }
        }
    }

    /// What poem and poem-openapi answer of themselves, in the same shape.
    fn from_poem(error: &poem::Error) -> Self {
        if let Some(ParseParamError { name, reason }) = error.downcast_ref() {
            return Self::invalid(Problem::new(*name, reason.as_str()));
        }
        if let Some(ParsePathError { name, reason }) = error.downcast_ref() {
            return Self::invalid(Problem::new(*name, reason.as_str()));
        }
        if error.is::<AuthorizationError>() {
            return Self::from(Error::Unauthenticated);
        }
        if error.is::<ContentTypeError>() {
            return Self::not_json();
        }
        if error.is::<NotFoundError>() {
            return Self::new(NOT_FOUND, "there is no such path");
        }
        if error.is::<MethodNotAllowedError>() {
            return Self::new(METHOD, "the path has no such method");
        }
        if error.status().is_client_error() {
            return Self::malformed(error.to_string());
        }
        tracing::error!(%error, "a request failed for a fault of the server");
        Self::internal()
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::from_core(error, "")
    }
}

impl From<Failure> for poem::Error {
    fn from(failure: Failure) -> Self {
        Self::from_response(failure.into_response())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let Sort(status, ..) = self.sort;
        let mut response = Json(self.details()).into_response();
        response.set_status(status);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some((name, value)) = self.header.map(|header| *header)
            && let Ok(value) = HeaderValue::from_str(&value)
        {
            headers.insert(name, value);
        }
        response
    }
}

/// What an operation can have is in `spec`, for all operations in one place.
impl ApiResponse for Failure {
    fn meta() -> MetaResponses {
        MetaResponses { responses: Vec::new() }
    }

    fn register(registry: &mut Registry) {
        ProblemDetails::register(registry);
    }
}

/// Makes an answer of an error that no handler made one of.
pub(crate) async fn answer(error: poem::Error) -> Response {
    if error.is_from_response() { error.into_response() } else { Failure::from_poem(&error).into_response() }
}

/// Sends problems as plain JSON to whom accepts that and nothing that a problem's own media type is.
pub(crate) async fn as_accepted<E: Endpoint>(endpoint: Arc<E>, request: Request) -> Result<Response> {
    let accepts = |kind: &str| {
        let kinds = request.headers().get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        kinds.flat_map(|kinds| kinds.split(',')).any(|own| own.split(';').next().is_some_and(|own| own.trim() == kind))
    };
    let plain = accepts("application/json") && ![MEDIA_TYPE, "application/*", "*/*"].into_iter().any(accepts);
    let mut response = endpoint.call(request).await.map(IntoResponse::into_response)?;
    if plain && response.content_type() == Some(MEDIA_TYPE) {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    Ok(response)
}

/// An error and its causes in one line, for the log.
fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// The error as JSON, where it stands inside another answer.
impl From<Failure> for ProblemDetails {
    fn from(failure: Failure) -> Self {
        failure.details()
    }
}
