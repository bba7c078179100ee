//! The program `vmm-http`, built beside this one, with a desk in a temporary directory.

use std::env;
use std::io;
use std::net::SocketAddr;

use vmm_testkit::lab::Lab;
use vmm_testkit::served::Served;

/// The password of the first admin, whose name is `admin`, and of all other accounts.
pub(crate) use vmm_testkit::served::PASSWORD;

/// The program while it serves. Dropping it kills the program.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) process: u32,
    /// The token of the admin's login.
    pub(crate) token: String,
    pub(crate) desk: Served,
}

impl Server {
    /// Sets a desk up on a lab and serves it, with clients that name their addresses in `X-Forwarded-For`.
    pub(crate) async fn start(lab: &Lab, variables: &[(&str, &str)]) -> io::Result<Self> {
        // This program stands in `examples`, and `vmm-http` one level above.
        let own = env::current_exe()?;
        let program = own.parent().and_then(|examples| examples.parent()).unwrap_or(&own).join("vmm-http");
        let variables = [variables, &[("VMM_TRUSTED_PROXIES", "127.0.0.1")]].concat();
        let mut desk = Served::try_new(program, lab).map_err(io::Error::other)?.with_variables(&variables);
        desk.try_set_up().await.map_err(io::Error::other)?;
        let ended = || io::Error::other("vmm-http ended by itself");
        let (address, process) = (desk.address().ok_or_else(ended)?, desk.process_id().ok_or_else(ended)?);
        Ok(Self { address, process, token: desk.token().to_owned(), desk })
    }
}
