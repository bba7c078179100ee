//! The specification, as the tests look things up in it.

use std::sync::LazyLock;

use serde_json::Value;

static SPEC: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(&vmm_http::openapi()).unwrap());

pub(crate) fn spec() -> &'static Value {
    &SPEC
}

/// An operation of the specification.
pub(crate) struct Operation {
    /// In capitals.
    pub(crate) method: String,
    pub(crate) path: &'static str,
    pub(crate) value: &'static Value,
}

impl Operation {
    pub(crate) fn id(&self) -> &'static str {
        self.value["operationId"].as_str().unwrap_or_default()
    }

    /// Returns whether a request with this method and target is one for it.
    fn is_of(&self, method: &str, target: &str) -> bool {
        let path = target.split('?').next().unwrap_or(target);
        let (own, given): (Vec<_>, Vec<_>) = (self.path.split('/').collect(), path.split('/').collect());
        let fits = |(own, given): (&&str, &&str)| own.starts_with('{') || own == given;
        self.method == method && own.len() == given.len() && own.iter().zip(&given).all(fits)
    }
}

pub(crate) fn operations() -> impl Iterator<Item = Operation> {
    spec()["paths"].as_object().unwrap().iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().iter();
        methods.map(move |(method, value)| Operation { method: method.to_uppercase(), path, value })
    })
}

/// That what was answered to a request is documented, if the request is one for an operation.
#[track_caller]
pub(crate) fn assert_documented(method: &str, target: &str, status: u16) {
    let method = if method == "UPDATE" { "PUT" } else { method };
    if let Some(operation) = operations().find(|operation| operation.is_of(method, target)) {
        let known = operation.value["responses"].get(status.to_string()).is_some();
        assert!(known, "{} answers {status}, which it does not document", operation.id());
    }
}
