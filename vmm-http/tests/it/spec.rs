//! The specification is the product's face: committed, and clean enough for generators of clients.

use std::path::Path;

use serde_json::Value;

use crate::app::{App, Who};

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

#[test]
fn every_operation_has_a_name_a_tag_a_summary_and_its_errors() {
    let spec: Value = serde_json::from_str(&vmm_http::openapi()).unwrap();
    for (path, methods) in spec["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let place = format!("{method} {path}");
            assert!(operation["operationId"].is_string() && operation["summary"].is_string(), "{place}");
            assert_eq!(operation["tags"].as_array().unwrap().len(), 1, "{place}");
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.values().all(|response| response["description"] != ""), "{place}");
            let health = path.ends_with('z');
            for status in ["401", "422", "500", "503"] {
                assert!(health || responses.contains_key(status), "{place} does not document {status}");
            }
            let open = health || operation["operationId"] == "login";
            assert_eq!(operation["security"].is_array(), !open, "{place}");
        }
    }
}

#[test]
fn no_media_type_has_a_parameter() {
    assert!(!vmm_http::openapi().contains("charset"));
}
