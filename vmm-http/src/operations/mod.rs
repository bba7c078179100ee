//! The operations of the specification, each with its row of the one table.

mod row;
mod table;

use std::collections::HashSet;
use std::sync::Arc;

use poem::Request;
use poem::http::Method;
use poem_openapi::OpenApi;
use poem_openapi::error::ParsePathError;
use poem_openapi::registry::{MetaParamIn, MetaResponse, MetaSchemaRef, Registry};
use vmm_core::{Problem, Problems};

use crate::error::Failure;

pub(crate) use row::{Asks, BodyRule, Lane, Row, SMALL_BODY};
pub(crate) use table::{OTHER, SIGN_IN_FORM, row};

/// Every operation of the specification.
#[derive(Clone)]
pub(crate) struct Operations(Arc<[Operation]>);

/// An operation: its row, and what the specification says of it.
pub(crate) struct Operation {
    pub(crate) row: Row,
    method: Method,
    path: Vec<String>,
    query: Vec<String>,
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
                row: row(operation.operation_id.unwrap_or_default()),
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

    /// The operation that a request is for; `None` if no operation has its method and path.
    pub(crate) fn get(&self, request: &Request) -> Option<&Operation> {
        let method = match request.method().as_str() {
            "HEAD" => &Method::GET,
            "UPDATE" => &Method::PUT,
            _ => request.method(),
        };
        self.at(request.uri().path()).find(|operation| operation.method == *method)
    }

    /// The operation that a request is for; `None` if no operation has its path.
    ///
    /// # Errors
    /// A path that has other methods, or is an operation's but for a slash at its end.
    pub(crate) fn find(&self, request: &Request) -> Result<Option<&Operation>, Failure> {
        if let Some(found) = self.get(request) {
            return Ok(Some(found));
        }
        let path = request.uri().path();
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

impl Operation {
    /// Returns whether an answer of it may hold a secret.
    pub(crate) fn answers_with_secret(&self) -> bool {
        self.secret
    }

    /// Returns whether it takes an `Idempotency-Key`.
    pub(crate) fn takes_key(&self) -> bool {
        self.method == Method::POST && !self.row.without_key
    }

    fn is_at(&self, path: &[&str]) -> bool {
        self.path.len() == path.len()
            && self.path.iter().zip(path).all(|(own, given)| own == given || own.starts_with('{') && !given.is_empty())
    }

    fn parameters(&self) -> usize {
        self.path.iter().filter(|part| part.starts_with('{')).count()
    }

    /// Names the path parameter in an error of poem-openapi, which counts path parameters instead.
    pub(crate) fn name_path_parameter(&self, error: poem::Error) -> poem::Error {
        let Some(ParsePathError { name, reason }) = error.downcast_ref() else { return error };
        let mut parameters = self.path.iter().filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let index = name.strip_prefix("param").and_then(|index| index.parse().ok());
        let name = index.and_then(|index| parameters.nth(index)).unwrap_or(name);
        Failure::invalid(Problem::new(name, reason.as_str())).into()
    }

    /// Refuses query parameters that it does not have, and those that are given twice.
    pub(crate) fn check_query(&self, query: &str) -> Result<(), Failure> {
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

/// Returns whether a field of the answer has the format `password`, which all of
/// [`Secret`](crate::wire::secret::Secret) have.
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
    use super::table::TABLE;
    use super::*;
    use crate::api::Apis;

    #[test]
    fn every_operation_of_the_specification_has_exactly_one_row() {
        let spec: serde_json::Value = serde_json::from_str(&crate::openapi()).expect("JSON");
        let paths = spec["paths"].as_object().into_iter().flatten();
        let operations = paths.flat_map(|(_, methods)| methods.as_object().into_iter().flatten());
        let mut specified: Vec<_> = operations.filter_map(|(_, operation)| operation["operationId"].as_str()).collect();
        let mut rows: Vec<_> = TABLE.iter().map(|row| row.id).collect();
        specified.sort_unstable();
        rows.sort_unstable();
        assert_eq!(rows, specified);
    }

    #[test]
    fn a_row_says_nothing_that_its_operation_cannot_have() {
        for operation in Operations::of::<Apis>().0.iter() {
            let Row { id, bare_key, body, without_key, conflicts, .. } = operation.row;
            assert!(bare_key.is_none_or(|key| operation.query.iter().any(|known| known == key)), "{id}");
            assert!(!without_key || operation.method == Method::POST, "{id}");
            assert!(!conflicts || operation.method == Method::GET, "{id}");
            assert!(body == BodyRule::Held || [Method::POST, Method::PUT].contains(&operation.method), "{id}");
        }
    }

    #[test]
    fn an_answer_with_a_token_or_password_is_known_for_it() {
        let operations = Operations::of::<Apis>();
        let secret = |id: &str| operations.0.iter().any(|operation| operation.row.id == id && operation.secret);
        assert!(secret("login") && secret("getVmLogin"));
        for open in ["createUsers", "submitRequests", "approveRequest"] {
            assert!(!secret(open), "{open}");
        }
    }
}
