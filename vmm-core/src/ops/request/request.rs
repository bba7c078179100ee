//! Requests for machines: submit, look, decide.

use crate::desk::{Vmm, image, plan, survey};
use crate::error::{Error, Kind, Problems, Result};
use crate::job::kinds::start_request::StartRequest;
use crate::model::{
    Description, NewJob, NewRequest, Page, Plan, PlanHash, Reason, Request, RequestFilter, RequestId, RequestState,
    Room, UserId, UserName, one_more,
};
use crate::planning::{Outlook, Planner, RowVerdict};
use crate::policy::{Action, Actor, Target};
use crate::repository::Submitted;

/// A request as somebody submits it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestDraft {
    /// Chosen by the client; the same id with the same content is the same request.
    pub id: RequestId,
    /// For whom; the actor's own account if `None`.
    pub requester: Option<UserName>,
    /// For people.
    pub description: String,
    /// The CSV.
    pub spec: String,
}

impl RequestDraft {
    /// The longest CSV, in bytes.
    pub const MAX_SPEC: usize = 1 << 20;
}

/// A preview of a request: its plan and the room for it; or what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPreview {
    /// The plan of the machines that the table would make; `None` if anything is wrong.
    pub plan: Option<Plan>,
    /// The problems.
    pub problems: Problems,
    /// The verdict on each row, up to the row with the last kept problem.
    pub rows: Vec<RowVerdict>,
    /// The number of rows that are not blank, without the header.
    pub rows_total: usize,
    /// Notes for people on cells that were not read literally.
    pub understood: Vec<String>,
    /// The room on the host.
    pub room: Room,
}

/// The result of a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// The request, with its plan.
    pub request: Request,
    /// True if this call made the request; false if an equal request was submitted before.
    pub created: bool,
}

impl Vmm {
    /// Submits a request: checks every row, works out the plan, and records both for an admin to decide on.
    ///
    /// # Errors
    /// `Invalid` with every problem of every row; then nothing is recorded. `Conflict` if the id is taken by another
    /// request.
    pub async fn submit_request(&self, actor: &Actor, draft: RequestDraft) -> Result<Submission> {
        let label = format!("request {}", draft.id);
        let looking = self.responsible(actor, Action::RequestSubmit, "requester", draft.requester.as_ref());
        let owner = self.find_or_audit_failure(actor, Action::RequestSubmit, &label, looking).await?;
        self.change(actor, Action::RequestSubmit, Target { label, owner }, |desk, audit| async move {
            check(&draft)?;
            let requester = owner.ok_or(Error::Unauthenticated)?;
            let RequestDraft { id, requester: _, description, spec } = draft;
            let (requests, limits) = (desk.repository().requests(), desk.budgets().limits().stored());
            // A repeat answers as the first call did, even when the plan could not be made again.
            let plan = match requests.by_id(&id).await? {
                Some(existing) => existing.plan,
                None => plan(&desk, &id, &spec).await?,
            };
            Ok(match requests.submit(NewRequest { id, requester, description, spec, plan }, limits, audit).await? {
                Submitted::Created(request) => Submission { request, created: true },
                Submitted::Existing(request) => Submission { request, created: false },
            })
        })
        .await
    }

    /// Tells what a submission of this draft would make at this moment, or what is wrong with which row. Nothing is
    /// recorded.
    ///
    /// # Errors
    /// As [`submit_request`](Self::submit_request), but for what is wrong with the rows and for an id that is taken.
    pub async fn preview_request(&self, actor: &Actor, draft: &RequestDraft) -> Result<RequestPreview> {
        let owner = self.responsible(actor, Action::RequestSubmit, "requester", draft.requester.as_ref()).await?;
        let target = Target { label: format!("request {}", draft.id), owner };
        let desk = self.read(actor, Action::RequestSubmit, &target)?;
        check(draft)?;
        let (id, spec) = (draft.id.clone(), draft.spec.clone());
        let look = move |planner: Planner<'_>| -> Result<_> { Ok((planner.outlook(&id, &spec)?, planner.room())) };
        let (outlook, room) = survey(&desk, &draft.id, look).await??;
        let Outlook { mut plan, mut problems, rows, rows_total, understood } = outlook;
        if let Some(planned) = &plan {
            match image::check_volumes_are_free(&desk, planned).await {
                Ok(()) => {}
                Err(Error::Invalid(taken)) => (plan, problems) = (None, taken),
                Err(error) => return Err(error),
            }
        }
        Ok(RequestPreview { plan, problems, rows, rows_total, understood, room })
    }

    /// Requests that the actor may see, newest first.
    ///
    /// # Errors
    /// `Unauthenticated` for nobody.
    pub async fn requests(&self, actor: &Actor, filter: &RequestFilter) -> Result<Page<Request, RequestId>> {
        let mut asked = RequestFilter { limit: one_more(filter.limit), ..filter.clone() };
        let mut target = Target::none();
        if let Actor::User { id, name, .. } = actor
            && !self.allows(actor, Action::RequestRead, &target)
        {
            target = Target::of(*id, "");
            let another = asked.requester.replace(name.clone()).filter(|asked| !asked.is_same(name));
            if another.is_some() {
                asked.limit = Some(0);
            }
        }
        let requests = self.read(actor, Action::RequestRead, &target)?.repository().requests().list(&asked).await?;
        Ok(Page::cut(requests, filter.limit, |request| request.id.clone()))
    }

    /// One request.
    ///
    /// # Errors
    /// `NotFound` if there is none that the actor may see.
    pub async fn request(&self, actor: &Actor, id: &RequestId) -> Result<Request> {
        self.visible_request(actor, id).await
    }

    /// Approves exactly the plan with this hash, and starts it. It is planned again first; if that gives another plan,
    /// or the plan does not fit on the host any longer, the request goes back to `pending` with the reason.
    ///
    /// # Errors
    /// `Conflict` if the request is decided already, or its plan is another one by now.
    pub async fn approve_request(&self, actor: &Actor, id: &RequestId, plan: PlanHash) -> Result<Request> {
        let request = self.find_request_or_audit_failure(actor, Action::RequestApprove, id).await?;
        let by = actor.user_id().unwrap_or(request.requester);
        self.change(actor, Action::RequestApprove, Target::from(&request), |desk, mut audit| async move {
            audit.detail = format!("plan {plan}").into();
            let job = NewJob::of::<StartRequest>();
            let approved = desk.repository().requests().approve(&request.id, plan, by, job, audit).await?;
            desk.work().notify_one();
            Ok(approved)
        })
        .await
    }

    /// Rejects a request, for a reason that the requester is shown.
    ///
    /// # Errors
    /// `Conflict` if the request is decided already.
    pub async fn reject_request(&self, actor: &Actor, id: &RequestId, reason: &str) -> Result<Request> {
        Reason::check("reason", reason)?;
        self.close_request(actor, Action::RequestReject, id, RequestState::Rejected, Some(reason)).await
    }

    /// Takes a request back.
    ///
    /// # Errors
    /// `Conflict` if the request is decided already.
    pub async fn cancel_request(&self, actor: &Actor, id: &RequestId) -> Result<Request> {
        self.close_request(actor, Action::RequestCancel, id, RequestState::Cancelled, None).await
    }

    async fn close_request(
        &self,
        actor: &Actor,
        action: Action,
        id: &RequestId,
        to: RequestState,
        reason: Option<&str>,
    ) -> Result<Request> {
        let request = self.find_request_or_audit_failure(actor, action, id).await?;
        let by = actor.user_id().unwrap_or(request.requester);
        self.change(actor, action, Target::from(&request), |desk, audit| async move {
            desk.repository().requests().close(&request.id, to, by, reason, audit).await
        })
        .await
    }

    async fn find_request_or_audit_failure(&self, actor: &Actor, action: Action, id: &RequestId) -> Result<Request> {
        self.find_or_audit_failure(actor, action, format!("request {id}"), self.visible_request(actor, id)).await
    }

    async fn visible_request(&self, actor: &Actor, id: &RequestId) -> Result<Request> {
        let request = self.lookup(actor)?.request(id).await?;
        if self.allows(actor, Action::RequestRead, &Target::from(&request)) {
            Ok(request)
        } else {
            Err(Error::not_found(Kind::Request, id))
        }
    }

    /// Returns the account that will be responsible for machines: the person named in this field, otherwise the actor.
    /// `None` for a name that no account has, if the actor may not do this for others; then the gate refuses what is
    /// nobody's.
    pub(in crate::ops) async fn responsible(
        &self,
        actor: &Actor,
        action: Action,
        field: &str,
        named: Option<&UserName>,
    ) -> Result<Option<UserId>> {
        if named.is_none() && *actor == Actor::System {
            return Err(Error::invalid(field, "is missing; name the user who answers for the machines"));
        }
        match (self.account(actor, action, named).await, named) {
            (Err(Error::NotFound { .. }), Some(name)) => Err(Error::invalid(field, format!("there is no user {name}"))),
            (found, _) => found,
        }
    }
}

fn check(draft: &RequestDraft) -> Result<()> {
    Description::check("description", &draft.description)?;
    let (bytes, most) = (draft.spec.len(), RequestDraft::MAX_SPEC);
    if bytes > most {
        return Err(Error::invalid("spec", format!("is {bytes} bytes long; at most {most}")));
    }
    Ok(())
}
