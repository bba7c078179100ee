//! What texts are made of that no type of the core stands for. Texts of types say it themselves:
//! [`TextOf`](crate::wire::text::TextOf).

use serde_json::Value;

/// A kind of text, and the fields that are of it: `name`, or `Schema.name` for one alone.
struct Pattern {
    pattern: Option<&'static str>,
    length: Option<[usize; 2]>,
    of: &'static [&'static str],
}

const NO_NUL: &str = r"^[^\u0000]*$";
/// Lines of text, with tabs.
const TEXT: &str = r"^[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*$";

const PATTERNS: [Pattern; 5] = [
    Pattern {
        pattern: Some(NO_NUL),
        length: Some([1, 1024]),
        of: &["NewScript.password", "ScriptChange.password", "NewRun.password", "Rerun.password"],
    },
    Pattern { pattern: Some(TEXT), length: None, of: &["description", "Rejection.reason"] },
    Pattern {
        pattern: None,
        length: Some([10, 1024]),
        of: &["NewUser.password", "UserChange.password", "PasswordChange.new-password"],
    },
    Pattern {
        pattern: Some(NO_NUL),
        length: None,
        of: &["SshCommand.command", "SshCommand.password", "FileTransfer.directory", "FileTransfer.password"],
    },
    Pattern {
        pattern: Some(r"^[^\u0000-\u001f\u007f-\u009f]*$"),
        length: None,
        of: &[
            "SshCommand.user",
            "FileTransfer.user",
            "NewScript.user",
            "ScriptChange.user",
            "NewRun.user",
            "Rerun.user",
        ],
    },
];

/// Adds the patterns to the fields of requests.
pub(super) fn add(spec: &mut Value) {
    for (name, schema) in spec.pointer_mut("/components/schemas").and_then(Value::as_object_mut).into_iter().flatten() {
        if schema.get("additionalProperties").is_some() {
            for (field, property) in schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
                put(name, field, property);
            }
        }
    }
}

fn put(owner: &str, field: &str, schema: &mut Value) {
    if schema["type"] == "array" {
        return put(owner, field, &mut schema["items"]);
    }
    let named = |of: &str| of == field || of.split_once('.') == Some((owner, field));
    if schema["type"] == "string"
        && schema.get("format").is_none_or(|format| format == "password")
        && let Some(found) = PATTERNS.iter().find(|pattern| pattern.of.iter().any(|of| named(of)))
    {
        if let Some(pattern) = found.pattern {
            schema["pattern"] = pattern.into();
        }
        if let Some([shortest, longest]) = found.length {
            schema["minLength"] = shortest.into();
            schema["maxLength"] = longest.into();
        }
    }
}
