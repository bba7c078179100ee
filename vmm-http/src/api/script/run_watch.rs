//! Runs of scripts, watched.

use poem::Request;
use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use poem_openapi::types::ToJSON;
use vmm_core::model::RunId;
use vmm_core::{RunChange, RunWatch};

use super::run::{RunBody, RunVmBody};
use crate::api::tag::Tag;
use crate::error::Failure;
use crate::layer::auth::Caller;
use crate::wire::events::{Event, Events, Source, Streams, told};

pub(crate) struct RunEventsApi;

impl Source for RunWatch {
    async fn next(&mut self) -> vmm_core::Result<Option<Event>> {
        Ok(self.next().await?.map(|change| match change {
            RunChange::Run(run) => {
                let id = Some(run.changed_at.timestamp_micros());
                Event { name: "run", id, data: RunBody::from(run).to_json_string() }
            }
            RunChange::Machine(machine) => told("vm", &RunVmBody::from(machine)),
        }))
    }
}

#[OpenApi(tag = "Tag::Script")]
impl RunEventsApi {
    /// Watch a run as server-sent events, from its present state to its end.
    ///
    /// First, an event `run` has the run as `GET /vm/script/run/{id}` shows it, without its machines, and an event `vm`
    /// for each machine has an item of its `vm`. Then each change is an event `run`, and an event `vm` for each machine
    /// whose state changed. The stream ends with the run. A client that reconnects gets the present state first; missed
    /// changes are not repeated.
    #[oai(path = "/vm/script/run/:id/events", method = "get", operation_id = "watchRun")]
    async fn events(
        &self,
        caller: Caller,
        request: &Request,
        streams: Data<&Streams>,
        id: Path<i64>,
    ) -> Result<Events, Failure> {
        let login = caller.0;
        let watch = login.vmm.watch_run(&login.actor, RunId(id.0)).await?;
        streams.open(None, watch, login.vmm, request)
    }
}
