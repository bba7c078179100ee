//! Files to and from machines, followed on their way.

use std::collections::VecDeque;
use std::pin::Pin;
use std::time::Duration;

use poem::Request;
use poem::web::Data;
use poem_openapi::param::Query;
use poem_openapi::{Object, OpenApi};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use vmm_core::model::VmName;
use vmm_core::remote::Progress;

use super::transfer::{Done, carry};
use super::transfer_body::{Direction, FileTransferResult, FileTransfers, Wanted, read};
use crate::api::tag::Tag;
use crate::error::{Failure, ProblemDetails};
use crate::layer::auth::{Caller, Login};
use crate::wire::batch::{self, named};
use crate::wire::body::Body;
use crate::wire::events::{Event, Events, Source, Streams, first, told};
use crate::wire::text::TextOf;

pub(crate) struct FtStreamApi;

/// Between two looks at how far a transfer has come.
const LOOK: Duration = Duration::from_millis(250);

/// The progress of an item.
#[derive(Debug, Object)]
#[oai(rename = "FileTransferProgress", skip_serializing_if_is_none)]
struct ProgressBody {
    item: usize,
    file: String,
    bytes: u64,
    total: Option<u64>,
}

/// A file or directory that was copied.
#[derive(Debug, Object)]
#[oai(rename = "FileTransferEnd", skip_serializing_if_is_none)]
struct EndBody {
    item: usize,
    #[oai(flatten)]
    result: FileTransferResult,
}

/// The failure of an item, or of an item on one of its machines.
#[derive(Debug, Object)]
#[oai(rename = "FileTransferProblem", skip_serializing_if_is_none)]
struct ProblemBody {
    item: usize,
    vm: Option<String>,
    error: ProblemDetails,
}

/// An item on its way.
struct Running {
    item: usize,
    file: String,
    progress: Progress,
    told: Option<u64>,
    work: Pin<Box<dyn Future<Output = vmm_core::Result<Done>> + Send>>,
}

impl Running {
    fn new(login: &Login, direction: Direction, item: usize, wanted: Wanted) -> Self {
        let (file, progress) = (wanted.file.clone(), wanted.transfer.progress.clone());
        let (vmm, actor) = (login.vmm.clone(), login.actor.clone());
        let work = Box::pin(async move { carry(&vmm, &actor, direction, wanted).await });
        Self { item, file, progress, told: None, work }
    }

    /// Returns an event with the progress, if it was not told yet.
    fn look(&mut self) -> Option<Event> {
        let bytes = self.progress.bytes();
        if self.told.replace(bytes) == Some(bytes) {
            return None;
        }
        let (item, file, total) = (self.item, self.file.clone(), self.progress.total());
        Some(told("progress", &ProgressBody { item, file, bytes, total }))
    }
}

/// Items that are carried one after the other, as long as somebody follows them.
struct Transfers {
    login: Login,
    direction: Direction,
    items: VecDeque<(usize, Wanted)>,
    running: Option<Running>,
    look: Interval,
    waiting: VecDeque<Result<Event, Failure>>,
}

impl Transfers {
    fn new(login: Login, direction: Direction, items: Vec<Wanted>) -> Self {
        let mut look = interval_at(Instant::now() + LOOK, LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let items = items.into_iter().enumerate().collect();
        Self { login, direction, items, running: None, look, waiting: VecDeque::new() }
    }

    /// The next event, or what an item failed for.
    async fn step(&mut self) -> Option<Result<Event, Failure>> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            let Some(running) = &mut self.running else {
                let (item, wanted) = self.items.pop_front()?;
                self.running = Some(Running::new(&self.login, self.direction, item, wanted));
                continue;
            };
            tokio::select! {
                biased;
                done = &mut running.work => {
                    let item = running.item;
                    self.running = None;
                    self.end(item, done);
                }
                _ = self.look.tick() => self.waiting.extend(running.look().map(Ok)),
            }
        }
    }

    fn end(&mut self, item: usize, done: vmm_core::Result<Done>) {
        let failure = |error| Failure::in_item("ft", item, error);
        match done {
            Ok(done) => self.waiting.extend(done.into_iter().map(|(vm, _, result)| {
                Ok(match result {
                    Ok(result) => told("result", &EndBody { item, result }),
                    Err(error) => problem(item, Some(&vm), failure(error)),
                })
            })),
            Err(error) => {
                self.items.clear();
                self.waiting.push_back(Err(failure(error)));
            }
        }
    }
}

fn problem(item: usize, vm: Option<&VmName>, failure: Failure) -> Event {
    told("problem", &ProblemBody { item, vm: vm.map(ToString::to_string), error: failure.into() })
}

impl Source for Transfers {
    async fn next(&mut self) -> vmm_core::Result<Option<Event>> {
        let item = |failure: &Failure| failure.item().unwrap_or_default();
        Ok(self.step().await.map(|step| step.unwrap_or_else(|failure| problem(item(&failure), None, failure))))
    }
}

#[OpenApi(tag = "Tag::File")]
impl FtStreamApi {
    /// Copy files as `POST /vm/ft` does, and watch the progress as server-sent events.
    ///
    /// An event `progress` has an item's progress, at most four times a second: `item` (counted from 0), `file`,
    /// `bytes`, and `total` if it is known, which it is not for a directory. With `vms` both are sums over all
    /// machines. An event `result` has a finished item with the fields of `FileTransferResult`, or one of its `vms`. An
    /// event `problem` has the `item` that failed and the `error`; later items are not tried. If it has a `vm`, the
    /// item failed on this machine alone. The stream ends with the last item. A client that closes the stream ends the
    /// transfer; a file arrives whole or not at all.
    #[oai(path = "/vm/ft/stream", method = "post", operation_id = "streamFileTransfers")]
    async fn stream(
        &self,
        caller: Caller,
        request: &Request,
        streams: Data<&Streams>,
        /// The direction of the copy: `send` to the machine, or `receive` from it.
        direction: Query<Direction>,
        /// The machine's name, unless the items have it.
        vm: Query<Option<TextOf<VmName>>>,
        body: Body<FileTransfers>,
    ) -> Result<Events, Failure> {
        let (login, direction) = (caller.0, direction.0);
        let in_query = named("vm", vm.0.map(VmName::new).transpose())?;
        let items = batch::read("ft", body.0.ft, |item| read(in_query.as_ref(), direction, item))?;
        let vmm = login.vmm.clone();
        let mut source = Transfers::new(login, direction, items);
        let first = first(source.step()).await?;
        streams.open(first, source, vmm, request)
    }
}
