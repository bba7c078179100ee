//! JSON answers for lists that are asked for often, written straight from their fields.

use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaResponses, MetaSchemaRef, Registry};
use poem_openapi::types::{ToJSON, Type};
use serde::Serialize;

use crate::error::Failure;

/// So large is a page of records, in bytes; growing there from nothing would copy it all over and over.
const USUAL: usize = 64 << 10;

/// The same answer as [`Json`], which would first make a tree of values that are all copies.
pub(crate) struct Serialized<T>(pub(crate) T);

impl<T: Type> Payload for Serialized<T> {
    const CONTENT_TYPE: &'static str = Json::<T>::CONTENT_TYPE;

    fn schema_ref() -> MetaSchemaRef {
        Json::<T>::schema_ref()
    }

    fn register(registry: &mut Registry) {
        Json::<T>::register(registry);
    }
}

impl<T: Serialize + Send> IntoResponse for Serialized<T> {
    fn into_response(self) -> Response {
        let mut body = Vec::with_capacity(USUAL);
        match serde_json::to_writer(&mut body, &self.0) {
            Ok(()) => Response::builder().content_type("application/json; charset=utf-8").body(body),
            Err(error) => {
                tracing::error!(%error, "an answer could not be written");
                Failure::internal().into_response()
            }
        }
    }
}

impl<T: ToJSON + Serialize> ApiResponse for Serialized<T> {
    fn meta() -> MetaResponses {
        <Json<T> as ApiResponse>::meta()
    }

    fn register(registry: &mut Registry) {
        <Json<T> as ApiResponse>::register(registry);
    }
}
