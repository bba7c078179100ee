//! What names are made of. `vmm_core` checks them; here it is said to clients.

use serde_json::Value;

use super::each_operation;

/// A kind of text, and the parameters and fields that are of it: `name`, or `Schema.name` for one schema's alone.
struct Pattern {
    pattern: &'static str,
    longest: Option<usize>,
    of: &'static [&'static str],
}

const LABEL: &str = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$";
const WORD: &str = "^[A-Za-z0-9][A-Za-z0-9._-]*$";
const LOGIN: &str = "^[a-z_][a-z0-9_-]*$";

const PATTERNS: [Pattern; 6] = [
    Pattern { pattern: LABEL, longest: Some(63), of: &["vm", "deleteVm.name"] },
    Pattern {
        pattern: WORD,
        longest: Some(128),
        of: &[
            "requester",
            "group_name",
            "request",
            "id",
            "NewUser.name",
            "NewOs.name",
            "NewOs.version",
            "PasswordChange.user",
            "listAudit.user",
            "listVms.user",
            "deleteUser.name",
        ],
    },
    Pattern { pattern: LOGIN, longest: Some(32), of: &["NewOs.login"] },
    Pattern { pattern: "^[0-9A-Fa-f]{64}$", longest: None, of: &["Approval.plan_hash"] },
    Pattern { pattern: r"^[^\u0000]*$", longest: None, of: &["SshCommand.command", "SshCommand.password"] },
    Pattern { pattern: r"^[^\u0000-\u001f\u007f-\u009f]*$", longest: None, of: &["SshCommand.user"] },
];

/// Adds the patterns to parameters and to the fields of requests.
pub(super) fn add(spec: &mut Value) {
    each_operation(spec, |_, _, operation| {
        let id = operation.get("operationId").and_then(Value::as_str).unwrap_or_default().to_owned();
        for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap_or_default().to_owned();
            put(&id, &name, &mut parameter["schema"]);
        }
    });
    for (name, schema) in spec.pointer_mut("/components/schemas").and_then(Value::as_object_mut).into_iter().flatten() {
        if schema.get("additionalProperties").is_some() {
            for (field, property) in schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
                put(name, field, property);
            }
        }
    }
}

fn put(owner: &str, field: &str, schema: &mut Value) {
    let named = |of: &str| of == field || of.split_once('.') == Some((owner, field));
    if schema["type"] == "string"
        && schema.get("format").is_none_or(|format| format == "password")
        && let Some(found) = PATTERNS.iter().find(|pattern| pattern.of.iter().any(|of| named(of)))
    {
        schema["pattern"] = found.pattern.into();
        if let Some(longest) = found.longest {
            schema["maxLength"] = longest.into();
            schema["minLength"] = 1.into();
        }
    }
}
