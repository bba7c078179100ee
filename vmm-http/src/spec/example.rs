//! Examples of every parameter, request and answer, put together from examples of their fields.
//!
//! `examples.json` names a field's example by `Schema.field`, a parameter's by `operationId.parameter`, either by the
//! bare name, and that of a body or an answer which is no JSON by `body.operationId` or `answer.operationId`. `null`
//! leaves an optional field out.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::{Object, each_operation, reference};

static EXAMPLES: LazyLock<Object> =
    LazyLock::new(|| serde_json::from_str(include_str!("examples.json")).expect("examples.json is an object"));

/// Adds an example wherever one can be put together; a test finds where none could.
pub(super) fn add(spec: &mut Value) {
    let schemas = spec.pointer("/components/schemas").and_then(Value::as_object).cloned().unwrap_or_default();
    each_operation(spec, |id, _, operation| {
        for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap_or_default().to_owned();
            if let Some(example) = of_field(&schemas, id, &name, &parameter["schema"]) {
                parameter["example"] = example;
            }
        }
        let bodies = operation.get_mut("requestBody").into_iter();
        add_to_content(&schemas, &format!("body.{id}"), bodies);
        let answers = operation.get_mut("responses").and_then(Value::as_object_mut).into_iter().flatten();
        add_to_content(&schemas, &format!("answer.{id}"), answers.map(|(_, answer)| answer));
    });
}

/// Returns an example of a problem of this sort.
pub(super) fn of_problem(name: &str) -> Value {
    EXAMPLES.get(&format!("problem.{name}")).cloned().unwrap_or_default()
}

fn add_to_content<'a>(schemas: &Object, own: &str, holders: impl Iterator<Item = &'a mut Value>) {
    for media in
        holders.filter_map(|holder| holder.get_mut("content")?.as_object_mut()).flatten().map(|(_, media)| media)
    {
        let example = EXAMPLES.get(own).cloned().or_else(|| of_schema(schemas, "", &media["schema"]));
        if let Some(example) = example {
            media["example"] = example;
        }
    }
}

fn of_field(schemas: &Object, owner: &str, field: &str, schema: &Value) -> Option<Value> {
    let own = EXAMPLES.get(&format!("{owner}.{field}"));
    let bare = || EXAMPLES.get(field).filter(|example| fits(schema, example));
    match own.or_else(bare) {
        Some(Value::Null) => None,
        Some(example) => Some(example.clone()),
        None => of_schema(schemas, owner, schema),
    }
}

/// Returns whether an example that was found by a bare name may be meant.
fn fits(schema: &Value, example: &Value) -> bool {
    match schema["type"].as_str() {
        Some("string") => example.is_string(),
        Some("integer") => example.is_i64() || example.is_u64(),
        Some("number") => example.is_number(),
        Some("array") => example.is_array(),
        _ => false,
    }
}

fn of_schema(schemas: &Object, owner: &str, schema: &Value) -> Option<Value> {
    if let Some(name) = reference(schema) {
        return EXAMPLES.get(name).cloned().or_else(|| of_schema(schemas, name, schemas.get(name)?));
    }
    if let Some(own) = schema.get("example") {
        return Some(own.clone());
    }
    if let Some(inner) = schema.pointer("/allOf/0") {
        return of_schema(schemas, owner, inner);
    }
    if let Some(first) = schema.pointer("/enum/0") {
        return Some(schema.get("default").unwrap_or(first).clone());
    }
    match schema["type"].as_str()? {
        "object" => {
            let properties = schema.get("properties")?.as_object()?;
            let of = |(name, property)| Some((String::clone(name), of_field(schemas, owner, name, property)?));
            Some(Value::Object(properties.iter().filter_map(of).collect()))
        }
        "array" => Some(json!([of_schema(schemas, owner, &schema["items"])?])),
        "boolean" => Some(json!(false)),
        "string" if schema["format"] == "date-time" => Some(json!("2026-03-02T08:15:00Z")),
        _ => schema.get("default").cloned(),
    }
}
