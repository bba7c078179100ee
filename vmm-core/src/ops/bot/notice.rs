//! Notices about requests that a bot sends by itself, with their recipients.
//!
//! Changes are made by other processes too, so a bot looks for them, about every two seconds.

use crate::desk::room;
use crate::error::{Error, Kind, Result};
use crate::model::{
    Job, JobFilter, NewPost, Request, RequestEvent, RequestEventId, RequestEventKind, RequestFilter, RequestState,
    Room, Subject, User, UserFilter,
};
use crate::policy::{Action, Actor, Target};

use super::mail::BotMail;

/// Something that happened to a request, with those who are to hear of it. Nobody needs to be told of an own deed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestNews {
    /// The event.
    pub event: RequestEvent,
    /// The request as it is by now.
    pub request: Request,
    /// The requester, if reachable in a chat.
    pub requester: Option<User>,
    /// Those who may decide on it and are reachable in a chat.
    pub deciders: Vec<User>,
    /// The room on the host for its machines, while the request waits for a decision; `None` if the host does not
    /// answer.
    pub room: Option<Room>,
}

/// The progress of the machines of an approved request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestProgress {
    /// The request.
    pub request: Request,
    /// The jobs that came of its approval, oldest first.
    pub jobs: Vec<Job>,
    /// The requester and the approver, if reachable in a chat.
    pub watchers: Vec<User>,
}

/// Every method fails with [`Unavailable`](crate::Error::Unavailable) alone, if the database does not answer.
#[expect(clippy::missing_errors_doc, reason = "all have the one error that the impl names")]
impl BotMail {
    /// Lets the bot hear what happens to requests, from the first call on, which may have been another process's.
    pub async fn follow_requests(&self) -> Result<()> {
        self.store()?.notices().follow(self.bot).await
    }

    /// The oldest thing that happened to a request and was not told. Asking costs little.
    pub async fn request_news(&self) -> Result<Option<RequestNews>> {
        let Some(event) = self.store()?.notices().events(self.bot, 1).await?.pop() else { return Ok(None) };
        let found = self.desk.repository().requests().by_id(&event.request).await?;
        let request = found.ok_or_else(|| Error::not_found(Kind::Request, &event.request))?;
        let (people, target) = (self.reachable().await?, Target::from(&request));
        let requester = people.iter().find(|user| user.id == request.requester).cloned();
        let may_decide = |user: &User| self.vmm.allows(&Actor::from(user), Action::RequestApprove, &target);
        let deciders = people.into_iter().filter(may_decide).collect();
        let waits = matches!(event.kind, RequestEventKind::Submitted | RequestEventKind::Returned);
        let room = if waits { room(&self.desk, &request.id).await.ok() } else { None };
        Ok(Some(RequestNews { event, request, requester, deciders, room }))
    }

    /// Stores what is to be sent about something that happened to a request, after which it counts as told; `false`,
    /// and nothing is stored, if it did before.
    pub async fn tell(&self, event: RequestEventId, posts: Vec<NewPost>) -> Result<bool> {
        self.store()?.notices().tell(self.bot, event, self.sealed_posts(posts)?).await
    }

    /// Returns the progress of every approved request that has not ended. Asking costs little while there is none.
    pub async fn request_progress(&self) -> Result<Vec<RequestProgress>> {
        let mut under_way = Vec::new();
        for state in [RequestState::Approved, RequestState::Running] {
            let filter = RequestFilter { state: Some(state), ..RequestFilter::default() };
            under_way.extend(self.desk.repository().requests().list(&filter).await?);
        }
        if under_way.is_empty() {
            return Ok(Vec::new());
        }
        let people = self.reachable().await?;
        let mut progress = Vec::new();
        for request in under_way {
            let concerned =
                |user: &&User| user.id == request.requester || Some(&user.name) == request.decided_by.as_ref();
            let watchers = people.iter().filter(concerned).cloned().collect();
            progress.push(RequestProgress { jobs: self.jobs_of(&request).await?, watchers, request });
        }
        Ok(progress)
    }

    async fn jobs_of(&self, request: &Request) -> Result<Vec<Job>> {
        let filter = JobFilter { request: Some(request.id.clone()), ..JobFilter::default() };
        let mut jobs = self.desk.repository().jobs().list(&filter).await?;
        // Those of an approval before the last one say nothing about this one.
        let start = jobs.iter().position(|job| matches!(job.subject, Subject::Request(_)));
        jobs.truncate(start.map_or(jobs.len(), |start| start + 1));
        jobs.reverse();
        Ok(jobs)
    }

    pub(in crate::ops) async fn reachable(&self) -> Result<Vec<User>> {
        let filter = UserFilter { disabled: Some(false), ..UserFilter::default() };
        let mut users = self.desk.repository().users().list(&filter).await?;
        users.retain(|user| user.chat_id.is_some());
        Ok(users)
    }
}
