//! The errors that each operation can have.

use serde_json::{Map, Value, json};

use super::{Object, each_operation};
use crate::error::{self, Sort};
use crate::operations::{Asks, Lane, Row, row};

/// Documents the errors of every operation, each once among the components.
pub(super) fn add(spec: &mut Value) {
    each_operation(spec, |id, method, operation| {
        let row = row(id);
        let sorts: Vec<_> = error::documented().filter(|sort| can(operation, &row, method, sort.status())).collect();
        let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else { return };
        for sort in sorts {
            responses
                .entry(sort.status().to_string())
                .or_insert_with(|| json!({"$ref": format!("#/components/responses/{}", component(sort))}));
        }
    });
    let responses: Map<_, _> = error::documented().map(|sort| (component(sort), response(sort))).collect();
    spec["components"]["responses"] = responses.into();
}

fn can(operation: &Object, row: &Row, method: &str, status: u16) -> bool {
    let with_caller = operation.contains_key("security");
    let with_body = operation.contains_key("requestBody");
    let with_parameters = operation.contains_key("parameters");
    let has_parameter = |name: &str| {
        let mut parameters = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
        parameters.any(|parameter| parameter["name"] == name)
    };
    match status {
        400 | 408 | 413 | 415 => with_body,
        401 => with_caller || row.signs_in(),
        403 => with_caller || row.signs_in(),
        404 => with_caller && (with_body || with_parameters),
        409 => with_caller && (method != "get" || row.conflicts),
        412 => has_parameter("If-Match"),
        416 => has_parameter("Range"),
        429 => row.lane != Lane::Free,
        501 => row.asks >= Asks::Host,
        502 | 504 => row.asks == Asks::Machine,
        503 => row.asks > Asks::Nothing,
        _ => true,
    }
}

/// The name of a sort of error among the components: `not-found` is `NotFound`.
fn component(sort: Sort) -> String {
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    sort.name().split('-').map(capital).collect()
}

/// A problem is sent as `application/json` too, to whom accepts nothing else.
fn response(sort: Sort) -> Value {
    let content = json!({
        "schema": {"$ref": "#/components/schemas/ProblemDetails"},
        "example": {
            "type": sort.kind(),
            "title": sort.title(),
            "status": sort.status(),
            "detail": super::example::of_problem(sort.name()),
            "problems": [],
            "problems_total": 0,
        },
    });
    let mut response = json!({
        "description": format!("{}.", sort.title()),
        "content": {error::MEDIA_TYPE: content, "application/json": content},
    });
    if sort.waits() {
        response["headers"] = json!({"Retry-After": {
            "description": "Seconds to wait before the next try.",
            "schema": {"type": "integer", "minimum": 0},
        }});
    }
    response
}
