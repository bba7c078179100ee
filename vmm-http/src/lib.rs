//! The HTTP front end of vmm: the documented endpoints over [`vmm_core::Vmm`], with an OpenAPI specification.
//!
//! [`routes`] is an endpoint that any poem server can mount; the program `vmm-http` is one such server.

mod api;
mod auth;
mod batch;
mod body;
mod documented_form;
mod error;
mod limits;
mod log;
mod operations;
mod page;
mod secret;
mod spec;

use poem::http::{HeaderValue, header};
use poem::middleware::{CatchPanic, SetHeader};
use poem::{Endpoint, EndpointExt, Response, Route};
use vmm_core::Vmm;

pub use limits::Limits;
pub use spec::openapi;

/// Every route of the API, over one desk.
pub fn routes(vmm: Vmm, limits: Limits) -> impl Endpoint<Output = Response> + 'static {
    let spec = poem::endpoint::make_sync(serve(openapi()));
    Route::new()
        .at("/openapi.json", poem::get(spec))
        .nest_no_strip("/", spec::service())
        .data(vmm)
        .with(operations::Operations::of::<api::Apis>())
        .before(documented_form::normalize)
        .with(limits)
        .with(CatchPanic::new().with_handler(|_| error::Failure::internal()))
        .catch_all_error(error::answer)
        .with(SetHeader::new().overriding(header::CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .with(log::Log)
        .map_to_response()
}

fn serve(spec: String) -> impl Fn(poem::Request) -> Response {
    move |_| Response::builder().content_type("application/json").body(spec.clone())
}
