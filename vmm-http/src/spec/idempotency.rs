//! The header of calls that are safe to repeat, which one middleware takes for all operations.

use serde_json::{Value, json};

use super::each_operation;
use crate::operations::row;

/// Documents the header with every operation that takes it, and its mark with the answers.
pub(super) fn add(spec: &mut Value) {
    each_operation(spec, |id, method, operation| {
        if method != "post" || row(id).without_key {
            return;
        }
        let parameter = json!({
            "name": "Idempotency-Key",
            "in": "header",
            "description": "A text that makes the call safe to repeat. For 24 hours a repeat with this key gets the \
                            first answer again, marked by `Idempotency-Replayed`. Another call with this key gets a \
                            409, and so does a repeat while the first call is in progress, or of a call whose answer \
                            had a secret.",
            "required": false,
            "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
            "example": "2f5e7c1e-6a57-4b3e-9f5c-3a8a7c9e2b11",
        });
        if let Value::Array(parameters) = operation.entry("parameters").or_insert_with(|| json!([])) {
            parameters.push(parameter);
        }
        let responses = operation.get_mut("responses").and_then(Value::as_object_mut).into_iter().flatten();
        for (_, response) in responses.filter(|(status, _)| status.starts_with('2')) {
            response["headers"]["Idempotency-Replayed"] = json!({
                "description": "True if this is the first answer to the `Idempotency-Key`, given again.",
                "schema": {"type": "boolean"},
            });
        }
    });
}
