//! Answers that go on: server-sent events.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::time::Duration;

use poem::{Body, Request};
use poem_openapi::ApiResponse;
use poem_openapi::auth::{Bearer, BearerAuthorization};
use poem_openapi::payload::Binary;
use poem_openapi::types::ToJSON;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout};
use vmm_core::{Actor, Budget, Holder, Place, SecretString, Vmm};

use crate::error::Failure;
use crate::server::limits::Limits;

/// So long an answer waits for the first thing to tell, so that what goes wrong at once has a status of its own.
const FIRST: Duration = Duration::from_secs(10);

/// No event is told by a login that was not found to be good within this time.
const LOGIN_CHECKED: Duration = Duration::from_millis(250);

/// An answer that goes on.
#[derive(ApiResponse)]
pub(crate) enum Events {
    /// A stream of events as they happen.
    #[oai(status = 200, content_type = "text/event-stream")]
    Events(Binary<Body>),
}

/// The settings of streams.
#[derive(Clone, Debug)]
pub(crate) struct Streams {
    heartbeat: Duration,
}

/// The source of a stream's events.
pub(crate) trait Source: Send + 'static {
    /// The next event, or `None` at the end, which an error is too. Dropping the future loses nothing.
    fn next(&mut self) -> impl Future<Output = vmm_core::Result<Option<Event>>> + Send;
}

/// One event.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) name: &'static str,
    pub(crate) id: Option<i64>,
    /// JSON in one line.
    pub(crate) data: String,
}

/// An event without an id.
pub(crate) fn told(name: &'static str, data: &impl ToJSON) -> Event {
    Event { name, id: None, data: data.to_json_string() }
}

/// The first event of a source, if it comes soon.
pub(crate) async fn first(
    step: impl Future<Output = Option<Result<Event, Failure>>>,
) -> Result<Option<Event>, Failure> {
    timeout(FIRST, step).await.ok().flatten().transpose()
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, id, data } = self;
        writeln!(f, "event: {name}")?;
        if let Some(id) = id {
            writeln!(f, "id: {id}")?;
        }
        writeln!(f, "data: {data}\n")
    }
}

struct Stream<S> {
    /// The events that were taken from the source before the stream began.
    first: VecDeque<Event>,
    source: S,
    vmm: Vmm,
    token: SecretString,
    /// When the login was last found to be good.
    checked_at: Instant,
    heartbeat: Interval,
    _place: Place,
}

impl Streams {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { heartbeat: limits.heartbeat.max(Duration::from_millis(1)) }
    }

    /// An answer with these events and then those of the source. It ends with the source or the login, and the source
    /// with it.
    pub(crate) fn open<S: Source>(
        &self,
        first: impl IntoIterator<Item = Event>,
        source: S,
        vmm: Vmm,
        request: &Request,
    ) -> Result<Events, Failure> {
        let holder = request.data::<Holder>().copied().unwrap_or_else(|| Holder::new(&Actor::Anonymous, None));
        let place = vmm.take_place(Budget::Streams, holder)?;
        let token = Bearer::from_request(request).map_err(|_| Failure::from(vmm_core::Error::Unauthenticated))?.token;
        let mut heartbeat = interval_at(Instant::now() + self.heartbeat, self.heartbeat);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let first = first.into_iter().collect();
        let stream =
            Stream { first, source, vmm, token: token.into(), checked_at: Instant::now(), heartbeat, _place: place };
        let parts = futures_util::stream::unfold(stream, |mut stream| async move {
            let part = stream.next().await?;
            Some((Ok::<_, io::Error>(part), stream))
        });
        Ok(Events::Events(Binary(Body::from_bytes_stream(parts))))
    }
}

impl<S: Source> Stream<S> {
    async fn next(&mut self) -> Option<String> {
        if let Some(event) = self.first.pop_front() {
            return Some(event.to_string());
        }
        tokio::select! {
            // A source that always has something to tell must not outlive its login.
            biased;
            _ = self.heartbeat.tick() => {
                self.is_open().await.then(|| ":\n\n".to_owned())
            }
            event = self.source.next() => match event {
                Ok(event) if self.is_open().await => event.map(|event| event.to_string()),
                Ok(_) => None,
                Err(error) => {
                    tracing::debug!(%error, "what is watched can be watched no longer");
                    None
                }
            },
        }
    }

    /// Returns whether the login is still good, as of a moment ago.
    async fn is_open(&mut self) -> bool {
        if self.checked_at.elapsed() < LOGIN_CHECKED {
            return true;
        }
        self.checked_at = Instant::now();
        self.vmm.authenticate(&self.token).await.is_ok()
    }
}
