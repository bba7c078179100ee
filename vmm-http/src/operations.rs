//! The operations of the specification, to refuse methods and query parameters that none of them has.

use std::collections::HashSet;
use std::sync::Arc;

use poem::http::Method;
use poem::{Endpoint, IntoResponse, Middleware, Request, Response, Result};
use poem_openapi::OpenApi;
use poem_openapi::error::ParsePathError;
use poem_openapi::registry::{MetaParamIn, MetaResponse, MetaSchemaRef, Registry};
use vmm_core::{Problem, Problems};

use crate::error::Failure;

/// Every operation of the specification.
#[derive(Clone)]
pub(crate) struct Operations(Arc<[Operation]>);

struct Operation {
    name: &'static str,
    method: Method,
    path: Vec<String>,
    query: Vec<String>,
    /// Whether an answer of it may hold a secret.
    secret: bool,
}

impl Operations {
    pub(crate) fn of<A: OpenApi>() -> Self {
        let mut registry = Registry::new();
        A::register(&mut registry);
        let paths = A::meta().into_iter().flat_map(|api| api.paths);
        let operations = paths.flat_map(|path| {
            let segments: Vec<_> = path.path.split('/').map(str::to_owned).collect();
            let registry = &registry;
            path.operations.into_iter().map(move |operation| Operation {
                secret: operation.responses.responses.iter().any(|response| answers_with_secret(response, registry)),
                name: operation.operation_id.unwrap_or_default(),
                method: operation.method,
                path: segments.clone(),
                query: operation
                    .params
                    .into_iter()
                    .filter(|param| param.in_type == MetaParamIn::Query)
                    .map(|param| param.name)
                    .collect(),
            })
        });
        Self(operations.collect())
    }

    /// Whether an answer of the operation at a path may hold a secret.
    pub(crate) fn answers_with_secret(&self, method: &Method, path: &str) -> bool {
        self.at(path).any(|operation| operation.secret && operation.method == *method)
    }

    /// The id of the operation with this method at a path.
    pub(crate) fn name(&self, method: &Method, path: &str) -> Option<&'static str> {
        self.at(path).find(|operation| operation.method == *method).map(|operation| operation.name)
    }

    /// The id of every operation.
    #[cfg(test)]
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|operation| operation.name)
    }

    /// The operation that a request is for; `None` if no operation has its path.
    fn find(&self, request: &Request) -> Result<Option<&Operation>, Failure> {
        let path = request.uri().path();
        let method = if *request.method() == Method::HEAD { &Method::GET } else { request.method() };
        if let Some(found) = self.at(path).find(|operation| operation.method == *method) {
            return Ok(Some(found));
        }
        let mut methods: Vec<_> = self.at(path).map(|operation| operation.method.as_str()).collect();
        methods.sort_unstable();
        match path.strip_suffix('/').filter(|shorter| self.at(shorter).next().is_some()) {
            _ if !methods.is_empty() => Err(Failure::method(&methods.join(", "))),
            Some(shorter) => Err(Failure::path_ends_with_slash(shorter)),
            None => Ok(None),
        }
    }

    /// Every operation at a path. As the router does: a path that is written out goes before one with parameters.
    fn at(&self, path: &str) -> impl Iterator<Item = &Operation> {
        let path: Vec<_> = path.split('/').collect();
        let here: Vec<_> = self.0.iter().filter(|operation| operation.is_at(&path)).collect();
        let fewest = here.iter().map(|operation| operation.parameters()).min();
        here.into_iter().filter(move |operation| Some(operation.parameters()) == fewest)
    }
}

impl<E: Endpoint> Middleware<E> for Operations {
    type Output = Checked<E>;

    fn transform(&self, inner: E) -> Checked<E> {
        Checked { inner, operations: self.clone() }
    }
}

/// An endpoint that gets only requests of the specification's operations.
pub(crate) struct Checked<E> {
    inner: E,
    operations: Operations,
}

impl<E: Endpoint> Endpoint for Checked<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let operation = self.operations.find(&request)?;
        if let Some(operation) = operation {
            operation.check_query(request.uri().query().unwrap_or_default())?;
        }
        match (self.inner.call(request).await, operation) {
            (Err(error), Some(operation)) => Err(operation.name_path_parameter(error)),
            (answer, _) => answer.map(IntoResponse::into_response),
        }
    }
}

impl Operation {
    fn is_at(&self, path: &[&str]) -> bool {
        self.path.len() == path.len()
            && self.path.iter().zip(path).all(|(own, given)| own == given || own.starts_with('{') && !given.is_empty())
    }

    fn parameters(&self) -> usize {
        self.path.iter().filter(|part| part.starts_with('{')).count()
    }

    /// poem-openapi counts path parameters instead of naming them in its errors.
    fn name_path_parameter(&self, error: poem::Error) -> poem::Error {
        let Some(ParsePathError { name, reason }) = error.downcast_ref() else { return error };
        let mut parameters = self.path.iter().filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let index = name.strip_prefix("param").and_then(|index| index.parse().ok());
        let name = index.and_then(|index| parameters.nth(index)).unwrap_or(name);
        Failure::invalid(Problem::new(name, reason.as_str())).into()
    }

    fn check_query(&self, query: &str) -> Result<(), Failure> {
        let mut seen = HashSet::new();
        let mut problems = Problems::new();
        for name in query.split('&').filter(|part| !part.is_empty()).map(|part| part.split('=').next().unwrap_or(part))
        {
            let shown = || name.chars().take(64).collect::<String>();
            if !self.query.iter().any(|known| known == name) {
                let known = if self.query.is_empty() {
                    "there are none here".to_owned()
                } else {
                    format!("known are {}", self.query.join(", "))
                };
                problems.push(Problem::new(shown(), format!("is not a known parameter; {known}")));
            } else if !seen.insert(name) {
                problems.push(Problem::new(shown(), "is given twice"));
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(Failure::invalid(problems)) }
    }
}

/// Whether a field of the answer has the format `password`, which all of [`Secret`](crate::wire::secret::Secret) have.
fn answers_with_secret(response: &MetaResponse, registry: &Registry) -> bool {
    let mut open: Vec<_> = response.content.iter().map(|content| &content.schema).collect();
    let mut seen = HashSet::new();
    while let Some(schema) = open.pop() {
        let schema = match schema {
            MetaSchemaRef::Inline(schema) => schema.as_ref(),
            MetaSchemaRef::Reference(name) if seen.insert(name) => match registry.schemas.get(name) {
                Some(schema) => schema,
                None => continue,
            },
            MetaSchemaRef::Reference(_) => continue,
        };
        if schema.format == Some("password") {
            return true;
        }
        open.extend(schema.properties.iter().map(|(_, inner)| inner));
        open.extend(schema.items.as_deref());
        open.extend(schema.additional_properties.as_deref());
        open.extend(schema.all_of.iter().chain(&schema.one_of).chain(&schema.any_of));
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Apis;

    #[test]
    fn an_answer_with_a_token_or_password_is_known_for_it() {
        let operations = Operations::of::<Apis>();
        assert!(operations.answers_with_secret(&Method::POST, "/session"));
        assert!(operations.answers_with_secret(&Method::GET, "/vm/login"));
        for open in ["/db/user", "/request-vm", "/request-vm/r1/approve"] {
            assert!(!operations.answers_with_secret(&Method::POST, open), "{open}");
        }
    }
}
