//! Requests for machines: the upload of a table, and what is done about requests.

use vmm_core::model::{Request, RequestFilter, RequestId, RequestState, Role};
use vmm_core::{Actor, Error, RequestDraft, RequestPreview, Result, Spreadsheet};

use crate::talk::context::Context;
use crate::talk::dialogue::{Question, RequestStep};
use crate::talk::exchange::{Answer, Asked};
use crate::talk::notices;
use crate::talk::render::request::{self as render, Rights};
use crate::talk::render::{escape, shortened};
use crate::talk::reply::{Place, Reply};
use crate::transport::file::{self, Document};

/// The largest number of requests in a list.
const LISTED: u32 = 10;
/// The longest word to a press that Telegram takes, in characters.
const LONGEST_TOAST: usize = 190;

/// The ends of the names of files that spreadsheets write. Of the old format, the answer says what to do.
const ENDS: [&str; 5] = [".csv", ".tsv", ".xlsx", ".ods", ".xls"];

/// Returns whether an uploaded file is a table of machines: its name says so, and its caption has no command about a
/// file.
pub(crate) fn is_table(document: &Document, caption: &str) -> bool {
    let name = document.name.to_lowercase();
    ENDS.iter().any(|end| name.ends_with(end)) && !caption.starts_with('/')
}

/// Shows what an uploaded table would make, or everything that is wrong with it.
pub(crate) async fn upload(context: &Context, asked: &Asked, document: Document, caption: &str) -> Result<Answer> {
    // The number of the update never comes again, so that a repeat of it makes no second request.
    let draft = match draft(context, asked, format!("tg-{}", asked.update), caption, &document).await? {
        Ok(draft) => draft,
        Err(reason) => return Ok(Reply::text(escape(&reason)).into()),
    };
    match context.vmm.preview_request(&asked.actor, &draft).await {
        Ok(RequestPreview { plan: Some(plan), room, .. }) => {
            Ok(with_file(Place::New, render::preview(&draft, document, &plan, &room)))
        }
        Ok(RequestPreview { problems, .. }) | Err(Error::Invalid(problems)) => {
            Ok(with_file(Place::New, render::problems(&document, &problems)))
        }
        Err(error) => Err(error),
    }
}

/// The requester's own open requests, and a CSV to begin with.
pub(crate) async fn own(context: &Context, asked: &Asked) -> Result<Answer> {
    let requester = match &asked.actor {
        Actor::User { name, .. } => Some(name.clone()),
        Actor::Anonymous | Actor::System => None,
    };
    let filter = RequestFilter { requester, open: true, limit: Some(LISTED), ..RequestFilter::default() };
    let requests = context.vmm.requests(&asked.actor, &filter).await?;
    let template = context.vmm.request_template(&asked.actor).await?;
    let template = render::template(template);
    // Of what is sent in a group, the bot sees answers to it alone.
    let template = if asked.from.private { template } else { template.line("Send it as a reply to this message.") };
    Ok(Answer::from(render::list(&requests, true)).and(Place::New, template))
}

/// The open requests that this person may see.
pub(crate) async fn open(context: &Context, asked: &Asked) -> Result<Answer> {
    let filter = RequestFilter { open: true, limit: Some(LISTED), ..RequestFilter::default() };
    let requests = context.vmm.requests(&asked.actor, &filter).await?;
    Ok(render::list(&requests, !matches!(asked.actor, Actor::User { role: Role::Admin, .. })).into())
}

/// One request.
pub(crate) async fn card(context: &Context, asked: &Asked, id: &RequestId) -> Result<Answer> {
    let request = context.vmm.request(&asked.actor, id).await?;
    Ok(with_file(Place::Here, render::card(&request, None, Rights::of(&asked.actor, &request))))
}

/// Does what a button says.
pub(crate) async fn step(context: &Context, asked: &Asked, step: RequestStep) -> Result<Answer> {
    let (vmm, actor) = (&context.vmm, &asked.actor);
    match step {
        RequestStep::Submit { id, description, document } => submit(context, asked, id, &description, document).await,
        RequestStep::Discard => Ok(render::discarded().into()),
        RequestStep::Show { id } => card(context, asked, &RequestId::new(id)?).await,
        RequestStep::Approve { id, plan } => {
            let id = RequestId::new(id)?;
            let approved = vmm.approve_request(actor, &id, plan.parse()?).await;
            settled(context, asked, &id, approved).await
        }
        RequestStep::Reject { id } => {
            let request = vmm.request(actor, &RequestId::new(id)?).await?;
            if request.state != RequestState::Pending {
                return Ok(Answer::from(render::decided(&request)));
            }
            let question = Question::Reject { id: request.id.to_string() };
            Ok(Answer::asking_anew(render::why(&request.id), question))
        }
        RequestStep::Cancel { id } => {
            let id = RequestId::new(id)?;
            let cancelled = vmm.cancel_request(actor, &id).await;
            settled(context, asked, &id, cancelled).await
        }
    }
}

/// Rejects a request for the reason that was asked for.
pub(crate) async fn reject(context: &Context, asked: &Asked, id: &str, reason: &str) -> Result<Answer> {
    let id = RequestId::new(id)?;
    let rejected = context.vmm.reject_request(&asked.actor, &id, reason).await;
    settled(context, asked, &id, rejected).await
}

async fn submit(context: &Context, asked: &Asked, id: String, description: &str, document: Document) -> Result<Answer> {
    let draft = match draft(context, asked, id, description, &document).await? {
        Ok(draft) => draft,
        // The button stays, to be pressed again.
        Err(reason) => return Ok(Answer::toast(shortened(&reason, LONGEST_TOAST))),
    };
    match context.vmm.submit_request(&asked.actor, draft).await {
        Ok(submission) => {
            let request = submission.request;
            let (_, card) = render::card(&request, None, Rights::of(&asked.actor, &request));
            Ok(Answer::at(Place::LiveHere(notices::card_name(&request)), card))
        }
        Err(Error::Invalid(problems)) => Ok(with_file(Place::Here, render::problems(&document, &problems))),
        Err(error) => Err(error),
    }
}

/// Reads an uploaded file as a request, or returns the reply that says why it is none.
async fn draft(
    context: &Context,
    asked: &Asked,
    id: String,
    description: &str,
    document: &Document,
) -> Result<std::result::Result<RequestDraft, String>> {
    let most = Spreadsheet::MAX_FILE;
    if usize::try_from(document.size).is_ok_and(|size| size > most) {
        return Ok(Err(format!("The file has {} bytes. A table of machines can have at most {most}.", document.size)));
    }
    let bytes = match file::download(&context.bot, document).await {
        Ok(bytes) => bytes,
        Err(reason) => return Ok(Err(reason)),
    };
    let spec = match context.vmm.read_spreadsheet(&asked.actor, bytes).await {
        Ok(Spreadsheet { spec, .. }) => spec,
        Err(Error::Invalid(problems)) => {
            let reasons: Vec<_> = problems.iter().map(|problem| problem.reason.as_str()).collect();
            return Ok(Err(format!("I cannot read the file: {}. Correct it and send it again.", reasons.join("; "))));
        }
        Err(error) => return Err(error),
    };
    Ok(Ok(RequestDraft { id: RequestId::new(id)?, requester: None, description: description.to_owned(), spec }))
}

/// Answers a decision with the request as it is. Somebody who came too late is told who was first.
async fn settled(context: &Context, asked: &Asked, id: &RequestId, decision: Result<Request>) -> Result<Answer> {
    let (request, late) = match decision {
        Ok(request) => (request, None),
        Err(error @ Error::Conflict { .. }) => {
            let request = context.vmm.request(&asked.actor, id).await?;
            (request, Some(shortened(&error.to_string(), LONGEST_TOAST)))
        }
        Err(error) => return Err(error),
    };
    let reply = match request.state {
        RequestState::Pending => render::card(&request, None, Rights::of(&asked.actor, &request)).1,
        _ => render::decided(&request),
    };
    Ok(Answer { toast: late.map(|text| (text, true)), ..reply.into() })
}

/// A reply behind the file that belongs to it, if there is one.
fn with_file(place: Place, (file, reply): (Option<Reply>, Reply)) -> Answer {
    let mut replies: Vec<_> = file.into_iter().map(|file| (Place::New, file)).collect();
    replies.push((place, reply));
    Answer { replies, ..Answer::default() }
}
