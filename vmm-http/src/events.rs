//! Changes of a job as server-sent events.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use poem::{Body, Request};
use poem_openapi::auth::{Bearer, BearerAuthorization};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use vmm_core::model::Job;
use vmm_core::{JobWatch, SecretString, Vmm};

use crate::error::Failure;

/// How many streams are open at once; a further one is refused with 503.
const STREAMS: usize = 256;
/// How often a stream that has nothing to tell shows that it is open, and sees whether its login still is.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// The places for streams.
#[derive(Clone, Debug)]
pub(crate) struct Streams(Arc<Semaphore>);

impl Default for Streams {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(STREAMS)))
    }
}

struct Stream<F> {
    watch: JobWatch,
    vmm: Vmm,
    token: SecretString,
    heartbeat: Interval,
    to_data: F,
    _place: OwnedSemaphorePermit,
}

impl Streams {
    /// A body with an event for each change. It ends with the job or the login, and does nothing once it is dropped.
    pub(crate) fn open(
        &self,
        watch: JobWatch,
        vmm: Vmm,
        request: &Request,
        to_data: impl Fn(Job) -> String + Send + Sync + 'static,
    ) -> Result<Body, Failure> {
        let place = Arc::clone(&self.0).try_acquire_owned().map_err(|_| Failure::busy())?;
        let token = Bearer::from_request(request).map_err(|_| Failure::from(vmm_core::Error::Unauthenticated))?.token;
        let mut heartbeat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let stream = Stream { watch, vmm, token: token.into(), heartbeat, to_data, _place: place };
        let parts = futures_util::stream::unfold(stream, |mut stream| async move {
            let part = stream.next().await?;
            Some((Ok::<_, io::Error>(part), stream))
        });
        Ok(Body::from_bytes_stream(parts))
    }
}

impl<F: Fn(Job) -> String> Stream<F> {
    async fn next(&mut self) -> Option<String> {
        tokio::select! {
            changed = self.watch.next() => match changed {
                Ok(job) => job.map(|job| {
                    let id = job.changed_at.timestamp_micros();
                    format!("event: job\nid: {id}\ndata: {}\n\n", (self.to_data)(job))
                }),
                Err(error) => {
                    tracing::debug!(%error, "a job can be watched no longer");
                    None
                }
            },
            _ = self.heartbeat.tick() => {
                let open = self.vmm.authenticate(&self.token).await;
                open.is_ok().then(|| ":\n\n".to_owned())
            }
        }
    }
}
