//! What names and texts are made of. `vmm_core` checks it; here it is said to clients.

use serde_json::Value;

use super::each_operation;

/// A kind of text, and the parameters and fields that are of it: `name`, or `Schema.name` or `operationId.name` for one
/// alone.
struct Pattern {
    pattern: Option<&'static str>,
    length: Option<[usize; 2]>,
    of: &'static [&'static str],
}

const LABEL: &str = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$";
const LABELS: &str = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$";
const WORD: &str = "^[A-Za-z0-9][A-Za-z0-9._-]*$";
const LOGIN: &str = "^[a-z_][a-z0-9_-]*$";

const NO_NUL: &str = r"^[^\u0000]*$";
/// Lines of text, with tabs.
const TEXT: &str = r"^[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*$";

/// A file's name: no slash, no control character, and neither `.` nor `..`.
const FILE: &str = concat!(
    r"^([^./\u0000-\u001f\u007f-\u009f]|\.[^./\u0000-\u001f\u007f-\u009f]|\.\.[^/\u0000-\u001f\u007f-\u009f])",
    r"[^/\u0000-\u001f\u007f-\u009f]*$"
);

const SCRIPT: &str = "^[A-Za-z0-9][A-Za-z0-9._-]*( [A-Za-z0-9._-]+)*$";
/// A machine's name, or `@group`.
const TARGET: &str = "^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?|@[A-Za-z0-9][A-Za-z0-9._-]{0,127})$";
const INTERPRETER: &str = "^[A-Za-z0-9/][A-Za-z0-9._/+=:,@%-]*( [A-Za-z0-9._/+=:,@%-]+){0,15}$";

const PATTERNS: [Pattern; 16] = [
    Pattern {
        pattern: Some(TARGET),
        length: None,
        of: &[
            "NewScript.vm",
            "ScriptChange.vm",
            "NewRun.vm",
            "NewSchedule.vm",
            "SshCommandsOnMany.vms",
            "FileTransfer.vms",
        ],
    },
    Pattern {
        pattern: Some(SCRIPT),
        length: Some([1, 128]),
        of: &[
            "NewScript.name",
            "ScriptChange.name",
            "NewRun.script",
            "listRuns.script",
            "NewSchedule.script",
            "listSchedules.script",
            "getScript.name",
            "listScriptVersions.script",
            "deleteScript.name",
        ],
    },
    Pattern { pattern: Some(INTERPRETER), length: None, of: &["NewScript.command", "ScriptChange.command"] },
    Pattern {
        pattern: Some(NO_NUL),
        length: Some([1, 1024]),
        of: &["NewScript.password", "ScriptChange.password", "NewRun.password", "Rerun.password"],
    },
    Pattern { pattern: Some(NO_NUL), length: Some([1, 262_144]), of: &["NewScript.content", "ScriptChange.content"] },
    Pattern { pattern: Some(NO_NUL), length: Some([0, 4096]), of: &["NewRun.arguments", "NewSchedule.arguments"] },
    Pattern {
        pattern: Some(LABEL),
        length: Some([1, 63]),
        of: &["vm", "deleteVm.name", "getVm.name", "VmChange.name", "VmAdoption.name"],
    },
    Pattern {
        pattern: Some(WORD),
        length: Some([1, 128]),
        of: &[
            "requester",
            "createLinkCode.user",
            "deleteLink.user",
            "revokeAccess.user",
            "new_name",
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
            "getUser.name",
            "UserChange.name",
            "VmChange.user",
            "NewToken.name",
            "deleteToken.name",
            "deleteToken.user",
            "listTokens.user",
            "listSessions.user",
            "NewScript.file",
            "ScriptChange.file",
        ],
    },
    Pattern { pattern: Some(LABELS), length: Some([1, 253]), of: &["hostname"] },
    Pattern { pattern: Some(LOGIN), length: Some([1, 32]), of: &["login"] },
    Pattern { pattern: Some(TEXT), length: None, of: &["description", "Rejection.reason"] },
    Pattern {
        pattern: None,
        length: Some([10, 1024]),
        of: &["NewUser.password", "UserChange.password", "PasswordChange.new-password"],
    },
    Pattern {
        pattern: Some("^[0-9A-Fa-f]{64}$"),
        length: None,
        of: &["Approval.plan_hash", "DefinitionAcceptance.digest"],
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
    Pattern {
        pattern: Some(FILE),
        length: Some([1, 255]),
        of: &["putFile.name", "getFile.name", "deleteFile.name", "FileTransfer.file"],
    },
];

/// Adds the patterns to parameters and to the fields of requests.
pub(super) fn add(spec: &mut Value) {
    each_operation(spec, |id, _, operation| {
        for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap_or_default().to_owned();
            put(id, &name, &mut parameter["schema"]);
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
