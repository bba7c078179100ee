//! The HTTP front end of vmm: the documented endpoints over [`vmm_core::Vmm`], with an OpenAPI specification.
//!
//! [`routes`] is an endpoint that any poem server can mount; the program `vmm-http` is one such server.

mod api;
mod error;
mod layer;
mod operations;
mod page;
mod server;
mod spec;
mod wire;

use hyper::body::Bytes;
use poem::http::{HeaderValue, header};
use poem::middleware::CatchPanic;
use poem::{Endpoint, EndpointExt, Response, Route};
use vmm_core::Vmm;

pub use server::connection::{ConnectionLimits, Server};
pub use server::limits::Limits;
pub use server::tls::{Tls, TlsError};
pub use spec::openapi;

use layer::{admission, documented_form, idempotency, log, metrics, session_cookie, specified};
use page::token::PageTokens;
use server::peer::TrustedProxies;

/// Every route of the API, over one desk.
pub fn routes(vmm: Vmm, limits: Limits) -> impl Endpoint<Output = Response> + 'static {
    let spec = poem::endpoint::make_sync(serve(openapi()));
    let metrics = metrics::Metrics::default();
    let operations = operations::Operations::of::<api::Apis>();
    let proxies = TrustedProxies::from(&limits);
    let tokens = PageTokens::default();
    let pages = Route::new();
    #[cfg(feature = "console")]
    let pages = pages.nest(page::console::PATH, page::console::routes());
    pages
        .at("/openapi.json", poem::get(spec))
        .nest(page::docs::PATH, page::docs::routes())
        .nest_no_strip("/", spec::service())
        .around(page::front::or_front_page)
        .data(vmm.clone())
        .data(tokens.clone())
        .data(metrics.clone())
        .data(operations.clone())
        .data(wire::events::Streams::new(&limits))
        // Otherwise the type of all the layers together is deeper than the compiler follows.
        .boxed()
        .with(specified::AsSpecified(operations.clone()))
        .with(idempotency::Idempotency { vmm: vmm.clone(), operations: operations.clone() })
        .before({
            let operations = operations.clone();
            move |request| documented_form::normalize(operations.clone(), request)
        })
        .with(admission::Admission { limits, vmm: vmm.clone(), operations: operations.clone() })
        .before(move |request| {
            let request = session_cookie::with_token(&vmm, tokens.with_login(request));
            std::future::ready(Ok(request))
        })
        .data(proxies)
        .with(CatchPanic::new().with_handler(|_| error::Failure::internal()))
        .catch_all_error(error::answer)
        .around(error::as_accepted)
        .map_to_response()
        .after(|response: poem::Result<Response>| async { response.map(not_kept) })
        .with(metrics::Measure { metrics, operations })
        .with(log::Log)
        .map_to_response()
}

/// Lets nobody on the way keep an answer, unless the answer says otherwise.
fn not_kept(mut response: Response) -> Response {
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn serve(spec: String) -> impl Fn(poem::Request) -> Response {
    let spec = Bytes::from(spec);
    move |_| Response::builder().content_type("application/json").body(spec.clone())
}
