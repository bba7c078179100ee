//! Plans for requests, made with the present figures of the host and the present records.

use tokio::sync::Semaphore;

use super::{Desk, image};
use crate::blocking;
use crate::error::{Error, Result};
use crate::model::{OsFilter, Plan, Request, RequestId, Room, VmFilter};
use crate::planning::Planner;

/// One table is read or planned at a time, so that however many there are, a processor and the memory are left for
/// everything else.
static TABLES: Semaphore = Semaphore::const_new(1);

/// Works out what a CSV means at this moment.
pub(crate) async fn plan(desk: &Desk, id: &RequestId, spec: &str) -> Result<Plan> {
    let (owned, spec) = (id.clone(), spec.to_owned());
    let plan = survey(desk, id, move |planner| planner.plan(&owned, &spec)).await??;
    image::check_volumes_are_free(desk, &plan).await?;
    Ok(plan)
}

/// Works out what the CSV of a request means at this moment, and says why that does not fit any longer on a host that
/// had enough when the request was planned first: nothing if it fits.
pub(crate) async fn plan_again(desk: &Desk, request: &Request) -> Result<(Plan, Vec<String>)> {
    let (id, spec, seen) = (request.id.clone(), request.spec.clone(), request.plan.seen);
    let again = move |planner: Planner<'_>| planner.plan_again(&id, &spec, &seen);
    let (plan, misfits) = survey(desk, &request.id, again).await??;
    image::check_volumes_are_free(desk, &plan).await?;
    Ok((plan, misfits))
}

/// Returns what the host has left for a request.
pub(crate) async fn room(desk: &Desk, id: &RequestId) -> Result<Room> {
    survey(desk, id, |planner| planner.room()).await
}

/// Asks the host and the records what there is, and plans with it.
///
/// A large table takes a processor for a while, so it is planned [in turn](in_turn).
pub(crate) async fn survey<T: Send + 'static>(
    desk: &Desk,
    id: &RequestId,
    with: impl FnOnce(Planner<'_>) -> T + Send + 'static,
) -> Result<T> {
    let repository = desk.repository();
    let host = desk.hypervisor().host().describe().await?;
    let reservations =
        if host.capabilities.reservations { desk.hypervisor().network().reservations().await? } else { Vec::new() };
    let (oses, vms) =
        (repository.oses().list(&OsFilter::default()).await?, repository.vms().list(&VmFilter::default()).await?);
    let oses = image::inspected(desk, oses).await?;
    let (desk, id) = (desk.clone(), id.clone());
    in_turn("planning a request", move || {
        let number = desk.repository().desk();
        Ok(with(Planner::new(number, desk.secrets(), &id, &host, &reservations, &oses, &vms)))
    })
    .await
}

/// Works on a table on a thread that no request needs, once no other table is worked on.
pub(crate) async fn in_turn<T: Send + 'static>(
    context: &'static str,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let turn = TABLES.acquire().await.map_err(|error| Error::internal(context, error))?;
    blocking::run(context, move || {
        // The thread goes on when the caller stops waiting, and with it the turn.
        let _turn = turn;
        work()
    })
    .await
}
