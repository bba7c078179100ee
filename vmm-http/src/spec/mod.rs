//! The specification as it is served and committed: what poem-openapi makes, completed for readers, linters and
//! generators of clients. A handler's author gives each operation its id, tag and summary; the rest is made here.

mod example;
mod idempotency;
mod problem;

use poem_openapi::OpenApiService;
use serde_json::{Map, Value, json};

use crate::api;

/// An object of JSON.
type Object = Map<String, Value>;

/// The OpenAPI specification of every operation, as JSON with a line break at its end.
pub fn openapi() -> String {
    let spec = service().spec();
    let mut spec: Value = serde_json::from_str(&spec).expect("poem-openapi writes JSON");
    spec["servers"] = json!([{"url": "/", "description": "The server that gave this specification."}]);
    without_charset(&mut spec);
    describe_outside(&mut spec);
    without_explode(&mut spec);
    without_schema_of_streams(&mut spec);
    close_requests(&mut spec);
    problem::add(&mut spec);
    describe_answers(&mut spec);
    idempotency::add(&mut spec);
    say_what_is_open(&mut spec);
    example::add(&mut spec);
    format!("{spec:#}\n")
}

pub(crate) fn service() -> OpenApiService<api::Apis, ()> {
    OpenApiService::new(api::apis(), "vmm", env!("CARGO_PKG_VERSION"))
        .description(
            "A VM desk for teams on libvirt: request machines by CSV, approve exactly the plan that was shown, and \
             work on them by name. A list in a body is a batch: its items are done in order, and the answers come in \
             the same order.",
        )
        .license(poem_openapi::LicenseObject::new("MIT OR Apache-2.0").url(env!("CARGO_PKG_REPOSITORY")))
}

/// Calls `visit` with the id, the method and each operation.
fn each_operation(spec: &mut Value, mut visit: impl FnMut(&str, &str, &mut Object)) {
    for (_, methods) in spec.get_mut("paths").and_then(Value::as_object_mut).into_iter().flatten() {
        for (method, operation) in methods.as_object_mut().into_iter().flatten() {
            if let Some(operation) = operation.as_object_mut() {
                let id = operation.get("operationId").and_then(Value::as_str).unwrap_or_default().to_owned();
                visit(&id, method, operation);
            }
        }
    }
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

/// Leaves a description to the field that it is of, where it stands already: as one more schema that the field has to
/// fit, generators of clients take it for another type.
fn describe_outside(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::Array(all)) = fields.get_mut("allOf") {
                all.retain(|part| part.as_object().is_none_or(|part| !part.keys().eq(["description"])));
            }
            fields.values_mut().for_each(describe_outside);
        }
        Value::Array(items) => items.iter_mut().for_each(describe_outside),
        _ => {}
    }
}

/// Leaves out of parameters what is so by default.
fn without_explode(spec: &mut Value) {
    each_operation(spec, |_, _, operation| {
        for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(parameter) = parameter.as_object_mut() {
                parameter.remove("explode");
                if parameter.get("deprecated") == Some(&Value::Bool(false)) {
                    parameter.remove("deprecated");
                }
            }
        }
    });
}

/// A stream of events has no schema: readers that know what it is take one for that of each event.
fn without_schema_of_streams(spec: &mut Value) {
    each_operation(spec, |_, _, operation| {
        for (_, response) in operation.get_mut("responses").and_then(Value::as_object_mut).into_iter().flatten() {
            if let Some(stream) = response.pointer_mut("/content/text~1event-stream").and_then(Value::as_object_mut) {
                stream.remove("schema");
            }
        }
    });
}

/// Says of every object in a request that it takes no other fields than its own, and `null` for one that may be
/// absent. The server does so.
fn close_requests(spec: &mut Value) {
    let mut names = Vec::new();
    each_operation(spec, |_, _, operation| {
        if let Some(body) = operation.get("requestBody") {
            references(body, &mut names);
        }
    });
    let Some(schemas) = spec.pointer_mut("/components/schemas").and_then(Value::as_object_mut) else { return };
    let mut next = 0;
    let kinds: Object = schemas.iter().map(|(name, schema)| (name.clone(), schema["type"].clone())).collect();
    while let Some(name) = names.get(next).cloned() {
        next += 1;
        if let Some(Value::Object(schema)) = schemas.get_mut(&name) {
            if schema.get("type").is_some_and(|kind| kind == "object") {
                schema.insert("additionalProperties".to_owned(), Value::Bool(false));
                accept_null(schema, &kinds);
            }
            references(&Value::Object(schema.clone()), &mut names);
        }
    }
}

fn accept_null(schema: &mut Object, kinds: &Object) {
    let required: Vec<_> = schema.get("required").and_then(Value::as_array).into_iter().flatten().cloned().collect();
    for (name, property) in schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        if !required.iter().any(|required| required == name) {
            // Beside a `$ref` stands nothing in OpenAPI 3.0, and beside `nullable` a type.
            if let Some(kind) = reference(property).and_then(|name| kinds.get(name)) {
                *property = json!({"type": kind, "allOf": [property]});
            } else if let Some(kind) = property.pointer("/allOf/0").and_then(reference).and_then(|name| kinds.get(name))
            {
                property["type"] = kind.clone();
            }
            property["nullable"] = true.into();
        }
    }
}

/// Gives a description, which the standard wants, to the answers that have none.
fn describe_answers(spec: &mut Value) {
    each_operation(spec, |_, _, operation| {
        for response in
            operation.get_mut("responses").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut)
        {
            if response.get("description").is_some_and(|text| text == "") {
                response["description"] = "The answer.".into();
            }
        }
    });
}

/// Says of an operation without a caller that it needs none.
fn say_what_is_open(spec: &mut Value) {
    each_operation(spec, |_, _, operation| {
        operation.entry("security").or_insert_with(|| json!([]));
    });
}

/// Adds the names of the schemas that `value` refers to.
fn references(value: &Value, names: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(name) = reference(value)
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

/// The name of the schema that `value` is a reference to.
fn reference(value: &Value) -> Option<&str> {
    value.get("$ref")?.as_str()?.rsplit('/').next()
}
