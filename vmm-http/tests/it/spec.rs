//! The specification is the product's face: committed, and clean enough for generators of clients.

use std::path::Path;

use serde_json::Value;

use crate::app::{App, Who};
use crate::specified::{Operation, operations, spec};

#[test]
fn the_committed_specification_is_the_one_that_is_served() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(&path, vmm_http::openapi()).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == vmm_http::openapi(), "docs/openapi.json is out of date: run the test with UPDATE_OPENAPI=1");
}

#[tokio::test]
async fn it_is_served_to_everybody() {
    let app = App::new().await;
    let answer = app.get(Who::Anonymous, "/openapi.json").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    assert_eq!(answer.text, vmm_http::openapi());
}

/// Calls `check` with each operation and with what to call it in a complaint; then no complaint may be left.
fn every_operation(check: impl Fn(&mut Vec<String>, &Operation)) {
    let mut wrong = Vec::new();
    for operation in operations() {
        let mut of_this = Vec::new();
        check(&mut of_this, &operation);
        wrong.extend(of_this.iter().map(|what| format!("{} {}: {what}", operation.method, operation.path)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_operation_has_an_id_one_tag_and_a_short_summary() {
    let tags: Vec<_> = spec()["tags"].as_array().unwrap().iter().map(|tag| tag["name"].clone()).collect();
    every_operation(|wrong, operation| {
        let id = operation.id();
        if !id.starts_with(|c: char| c.is_ascii_lowercase()) || !id.chars().all(|c| c.is_ascii_alphanumeric()) {
            wrong.push(format!("{id:?} is no operationId in camel case"));
        }
        match operation.value["tags"].as_array().map(Vec::as_slice) {
            Some([tag]) if tags.contains(tag) => {}
            other => wrong.push(format!("has the tags {other:?} instead of one that is described")),
        }
        let summary = operation.value["summary"].as_str().unwrap_or_default();
        if summary.is_empty() || summary.contains('\n') || summary.len() > 120 {
            wrong.push(format!("needs a summary of one line, at most 120 characters: {summary:?}"));
        }
    });
}

#[test]
fn every_parameter_request_and_answer_has_an_example() {
    every_operation(|wrong, operation| {
        for parameter in operation.value["parameters"].as_array().into_iter().flatten() {
            if parameter["example"].is_null() {
                wrong.push(format!("{}.{} has none", operation.id(), parameter["name"].as_str().unwrap()));
            }
        }
        let answers = operation.value["responses"].as_object().unwrap().iter();
        let answers = answers.filter(|(status, _)| status.starts_with('2')).map(|(_, answer)| answer);
        for (kind, media) in answers
            .chain([&operation.value["requestBody"]])
            .flat_map(|holder| holder["content"].as_object().into_iter().flatten())
        {
            if media["example"].is_null() {
                wrong.push(format!("{} has none of {kind}", operation.id()));
            } else {
                without_example("", &media["schema"], &media["example"], wrong);
            }
        }
    });
}

/// Tells the required fields that an example does not have.
fn without_example(owner: &str, schema: &Value, example: &Value, wrong: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let owner = reference.rsplit('/').next().unwrap();
        return without_example(owner, &spec()["components"]["schemas"][owner], example, wrong);
    }
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    wrong.extend(required.filter(|name| example.get(name).is_none()).map(|name| format!("{owner}.{name} has none")));
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(example) = example.get(name) {
            without_example(owner, property, example, wrong);
        }
    }
    for item in example.as_array().into_iter().flatten() {
        without_example(owner, &schema["items"], item, wrong);
    }
}

#[test]
fn every_operation_documents_its_errors_with_the_one_schema() {
    every_operation(|wrong, operation| {
        let responses = operation.value["responses"].as_object().unwrap();
        let with_caller = operation.value["security"].as_array().is_some_and(|needs| !needs.is_empty());
        let with_body = operation.value["requestBody"].is_object();
        let mut wanted = vec!["422", "500"];
        wanted.extend(with_caller.then_some(["401", "403", "503"]).into_iter().flatten());
        wanted.extend(with_body.then_some(["400", "408", "413", "415"]).into_iter().flatten());
        wrong.extend(
            wanted
                .iter()
                .filter(|status| !responses.contains_key(**status))
                .map(|status| format!("does not document {status}")),
        );
        for (status, response) in responses {
            if response["description"] == "" {
                wrong.push(format!("does not describe {status}"));
            }
            if status.starts_with(['4', '5']) && response["$ref"].is_null() {
                wrong.push(format!("has an error {status} of its own"));
            }
        }
    });
    for (name, response) in spec()["components"]["responses"].as_object().unwrap() {
        let content = response["content"].as_object().unwrap();
        assert_eq!(content.keys().collect::<Vec<_>>(), ["application/json", "application/problem+json"], "{name}");
        for media in content.values() {
            assert_eq!(media["schema"]["$ref"], "#/components/schemas/ProblemDetails", "{name}");
            assert!(media["example"]["detail"].is_string(), "{name}: give its problem an example");
        }
    }
}

#[test]
fn every_operation_says_whether_it_needs_a_caller() {
    let open = ["getLiveness", "getReadiness", "login", "signInToConsole"];
    every_operation(|wrong, operation| match operation.value["security"].as_array() {
        None => wrong.push("says nothing".to_owned()),
        Some(needs) if needs.is_empty() != open.contains(&operation.id()) => wrong.push(format!("needs {needs:?}")),
        Some(_) => {}
    });
    for (name, scheme) in spec()["components"]["securitySchemes"].as_object().unwrap() {
        assert!(scheme["description"].is_string(), "{name}");
    }
}

#[test]
fn every_enum_has_a_name_and_every_field_that_may_be_null_says_so() {
    fn inline(place: &str, value: &Value, wrong: &mut Vec<String>) {
        for (key, inner) in value.as_object().into_iter().flatten() {
            if key == "enum" {
                wrong.push(format!("{place} has an enum without a name"));
            }
            if key != "example" {
                inline(&format!("{place}/{key}"), inner, wrong);
            }
        }
        for item in value.as_array().into_iter().flatten() {
            inline(place, item, wrong);
        }
    }
    let spec = spec();
    let mut wrong = Vec::new();
    inline("paths", &spec["paths"], &mut wrong);
    for (name, schema) in spec["components"]["schemas"].as_object().unwrap() {
        inline(name, &schema["properties"], &mut wrong);
        let required: Vec<_> = schema["required"].as_array().into_iter().flatten().collect();
        for (field, property) in schema["properties"].as_object().into_iter().flatten() {
            let nullable = schema["additionalProperties"] == false && !required.iter().any(|name| *name == field);
            if nullable != (property["nullable"] == true) {
                wrong.push(format!("{name}.{field} is nullable wrongly"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_problem_is_plain_json_for_whom_accepts_nothing_else() {
    let app = App::new().await;
    let client = reqwest::Client::new();
    for (accept, kind) in [
        ("application/json", "application/json"),
        ("text/csv, application/json;q=0.9", "application/json"),
        ("application/json, application/problem+json", "application/problem+json"),
        ("application/json, */*;q=0.1", "application/problem+json"),
        ("text/html", "application/problem+json"),
    ] {
        let request = client.get(format!("http://{}/db/os", app.address)).header("accept", accept);
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["content-type"], kind, "{accept}");
    }
}

#[test]
fn no_media_type_has_a_parameter() {
    assert!(!vmm_http::openapi().contains("charset"));
}
