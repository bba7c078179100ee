//! Notices about requests: each piece of news once, and the progress of the machines in one message.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use vmm_core::model::{NewPost, PlanHash, Request, RequestEventKind, RequestId, RequestState, User, VmFilter};
use vmm_core::{Actor, Error, Part, RequestNews, Result};

use crate::crash::crash_point;
use crate::talk::context::Context;
use crate::talk::render::request::Rights;
use crate::talk::render::{progress, request as render};
use crate::talk::reply::{Place, Reply};

/// The last progress that was shown, by chat and message.
type Shown = HashMap<(i64, String), Reply>;

pub(crate) struct Notices {
    context: Arc<Context>,
    interval: Duration,
}

impl Notices {
    /// Looks at most so often.
    pub(crate) fn new(context: Arc<Context>, interval: Duration) -> Self {
        Self { context, interval }
    }

    /// Tells what happens, while this is awaited. Other processes cannot wake us, so it looks now and then.
    pub(crate) async fn watch(&self) -> Infallible {
        let (mut shown, mut follows) = (Shown::new(), false);
        loop {
            if let Err(error) = self.look(&mut shown, &mut follows).await {
                tracing::warn!(%error, "what happens to requests cannot be told; it is tried again");
            }
            sleep(self.interval).await;
        }
    }

    async fn look(&self, shown: &mut Shown, follows: &mut bool) -> Result<()> {
        let mail = &self.context.mail;
        if !*follows {
            mail.follow_requests().await?;
            *follows = true;
        }
        while let Some(news) = mail.request_news().await? {
            let posts = self.posts(&news).await?;
            mail.tell(news.event.id, posts).await?;
            self.context.wake.notify_one();
            crash_point("notice", "told").await;
        }
        self.progress(shown).await
    }

    /// Shows how far machines are, where that has changed.
    async fn progress(&self, shown: &mut Shown) -> Result<()> {
        let (mut posts, mut seen) = (Vec::new(), Shown::new());
        let progress = self.context.mail.request_progress().await?;
        // It may be that of a request whose approval, or end, is not told yet; that goes first.
        if !progress.is_empty() && self.context.mail.request_news().await?.is_some() {
            return Ok(());
        }
        for news in progress {
            let reply = progress::progress(&news.request, &news.jobs);
            for user in &news.watchers {
                let name = progress_name(&news.request);
                let key = (user.chat_id.unwrap_or_default(), name.clone());
                if shown.get(&key) != Some(&reply) {
                    posts.extend(post(user, Place::Live(name), reply.clone()));
                }
                seen.insert(key, reply.clone());
            }
        }
        if !posts.is_empty() {
            self.context.mail.post(posts, None).await?;
            self.context.wake.notify_one();
        }
        *shown = seen;
        Ok(())
    }

    /// Returns the messages about an event. The cards on which the request could be decided change for everybody who
    /// has one; a new message goes only to people who did not cause the event.
    async fn posts(&self, news: &RequestNews) -> Result<Vec<NewPost>> {
        let RequestNews { event, request, requester, deciders, room } = news;
        let own = |user: &User| event.actor == Some(user.id);
        let strangers = requester.iter().filter(|requester| deciders.iter().all(|user| user.id != requester.id));
        let all: Vec<&User> = deciders.iter().chain(strangers).collect();
        let mut posts = Vec::new();
        match event.kind {
            RequestEventKind::Submitted | RequestEventKind::Returned => {
                // Later news tell what has become of it.
                let waits = request.state == RequestState::Pending && request.plan_hash == event.plan_hash;
                for user in all.into_iter().filter(|user| waits && !own(user)) {
                    let rights = Rights {
                        decide: deciders.iter().any(|decider| decider.id == user.id),
                        cancel: user.id == request.requester,
                    };
                    let (file, card) = render::card(request, room.as_ref(), rights);
                    posts.extend(file.and_then(|file| post(user, Place::New, file)));
                    posts.extend(post(user, Place::Live(card_name(request)), card));
                }
            }
            RequestEventKind::Approved => {
                posts.extend(closed(&all, news));
                // One that came back or is over has other news by now.
                let under_way = matches!(request.state, RequestState::Approved | RequestState::Running);
                let goes_on = under_way && request.plan_hash == event.plan_hash;
                let watchers = all.iter().filter(|user| goes_on && (own(user) || user.id == request.requester));
                let place = Place::Live(progress_name(request));
                posts.extend(to_each(watchers, &place, &progress::progress(request, &[])));
            }
            RequestEventKind::Rejected | RequestEventKind::Cancelled => {
                posts.extend(closed(&all, news));
                let told = requester.iter().filter(|user| !own(user));
                posts.extend(told.filter_map(|user| post(user, Place::New, render::closed(event, request))));
            }
            RequestEventKind::Started => {}
            RequestEventKind::Done | RequestEventKind::Failed => {
                let watches =
                    |user: &&&User| user.id == request.requester || Some(&user.name) == request.decided_by.as_ref();
                let place = Place::Known(progress_name(request));
                posts.extend(to_each(all.iter().filter(watches), &place, &progress::ended(request)));
                if let Some(user) = requester {
                    posts.extend(self.result(user, request).await?);
                }
            }
        }
        Ok(posts)
    }

    /// The machines, for the requester.
    async fn result(&self, user: &User, request: &Request) -> Result<Vec<NewPost>> {
        let (vmm, actor) = (&self.context.vmm, Actor::from(user));
        let filter = VmFilter { request: Some(request.id.clone()), ..VmFilter::default() };
        let vms = allowed(vmm.vms(&actor, &filter).await)?.map(|page| page.items).unwrap_or_default();
        let csv = allowed(vmm.request_result(&actor, &request.id).await)?;
        let (file, text) = progress::result(request, &vms);
        let csv = csv.filter(|_| !vms.is_empty()).map(|csv| progress::result_csv(request, csv));
        let replies = file.into_iter().chain([text]).chain(csv);
        Ok(replies.filter_map(|reply| post(user, Place::New, reply)).collect())
    }
}

/// The name of the message on which it can be decided about a request as it is. One that came back is decided on in a
/// message of its own, which is seen as a new one, also if its plan binds what the former one did.
pub(crate) fn card_name(request: &Request) -> String {
    let [first, again] = card_names(&request.id, request.plan_hash);
    if request.reason.is_some() { again } else { first }
}

/// The names of the messages on which it can be decided about a plan: before it was approved, and after it came back.
fn card_names(id: &RequestId, plan: PlanHash) -> [String; 2] {
    let name = format!("request-{id}-{:.8}", plan.to_string());
    [name.clone(), format!("{name}-again")]
}

/// The name of the message with the progress of a request's present plan.
fn progress_name(request: &Request) -> String {
    format!("progress-{}-{:.8}", request.id, request.plan_hash.to_string())
}

/// The cards on which it could be decided, as they are after that.
fn closed(users: &[&User], RequestNews { event, request, .. }: &RequestNews) -> Vec<NewPost> {
    let reply = render::closed(event, request);
    let places = card_names(&request.id, event.plan_hash).map(Place::Known);
    places.iter().flat_map(|place| to_each(users, place, &reply)).collect()
}

fn to_each<'a>(users: impl IntoIterator<Item = &'a &'a User>, place: &Place, reply: &Reply) -> Vec<NewPost> {
    users.into_iter().filter_map(|user| post(user, place.clone(), reply.clone())).collect()
}

fn post(user: &User, place: Place, reply: Reply) -> Option<NewPost> {
    Some(reply.post(user.chat_id?, Some(user.id), place, None))
}

/// Returns `None` for a record that somebody may not see.
fn allowed<T>(answer: Result<T>) -> Result<Option<T>> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error @ Error::Unavailable { part: Part::Database, .. }) => Err(error),
        Err(error) => {
            tracing::warn!(%error, "a part of a notice is left out");
            Ok(None)
        }
    }
}
