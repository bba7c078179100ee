//! The specification as it is served and committed: what poem-openapi makes, cleaned for generators of clients.

use poem_openapi::OpenApiService;
use serde_json::{Map, Value};

use crate::api;

/// The OpenAPI specification of every operation, as JSON with a line break at its end.
pub fn openapi() -> String {
    let spec = service().spec();
    let mut spec: Value = serde_json::from_str(&spec).expect("poem-openapi writes JSON");
    without_charset(&mut spec);
    close_requests(&mut spec);
    describe_answers(&mut spec);
    format!("{spec:#}\n")
}

pub(crate) fn service() -> OpenApiService<api::Apis, ()> {
    OpenApiService::new(api::apis(), "vmm", env!("CARGO_PKG_VERSION"))
        .summary("A VM desk for teams on libvirt")
        .description(
            "Request machines by CSV, approve exactly the plan that was shown, and work on them by name. \
             A list in a body is a batch: its items are done in order, and the answers come in the same order.",
        )
        .license(poem_openapi::LicenseObject::new("MIT OR Apache-2.0").identifier("MIT OR Apache-2.0"))
}

/// Media types without a parameter: `application/json` is UTF-8 by itself.
fn without_charset(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::Object(content)) = fields.get_mut("content") {
                *content = std::mem::take(content)
                    .into_iter()
                    .map(|(kind, schema)| (kind.trim_end_matches("; charset=utf-8").to_owned(), schema))
                    .collect();
            }
            fields.values_mut().for_each(without_charset);
        }
        Value::Array(items) => items.iter_mut().for_each(without_charset),
        _ => {}
    }
}

/// Says of every object in a request that it takes no other fields than its own; the server refuses them.
fn close_requests(spec: &mut Value) {
    let mut names = Vec::new();
    if let Some(paths) = spec.get("paths").and_then(Value::as_object) {
        for body in
            paths.values().filter_map(Value::as_object).flat_map(Map::values).filter_map(|op| op.get("requestBody"))
        {
            references(body, &mut names);
        }
    }
    let Some(schemas) = spec.pointer_mut("/components/schemas").and_then(Value::as_object_mut) else { return };
    let mut next = 0;
    while let Some(name) = names.get(next).cloned() {
        next += 1;
        if let Some(Value::Object(schema)) = schemas.get_mut(&name) {
            if schema.get("type").is_some_and(|kind| kind == "object") {
                schema.insert("additionalProperties".to_owned(), Value::Bool(false));
            }
            references(&Value::Object(schema.clone()), &mut names);
        }
    }
}

/// Gives a description, which the standard wants, to the answers that have none.
fn describe_answers(spec: &mut Value) {
    let operations = spec.get_mut("paths").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut);
    let operations = operations.filter_map(Value::as_object_mut).flat_map(Map::values_mut);
    for response in operations
        .filter_map(|operation| operation.get_mut("responses").and_then(Value::as_object_mut))
        .flat_map(Map::values_mut)
    {
        if response.get("description").is_some_and(|text| text == "") {
            response["description"] = "The answer.".into();
        }
    }
}

/// Adds the names of the schemas that `value` refers to.
fn references(value: &Value, names: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(name) = fields.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next())
                && !names.iter().any(|known| known == name)
            {
                names.push(name.to_owned());
            }
            fields.values().for_each(|value| references(value, names));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, names)),
        _ => {}
    }
}
