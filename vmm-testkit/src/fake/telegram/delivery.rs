//! The methods about a webhook, and its task: updates of one chat are posted one after the other, those of other chats
//! beside them, each until it is answered with 2xx.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Url};
use serde_json::{Value, json};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until};

use super::Shared;
use super::fault::Fault;
use super::message::now;
use super::parameters::Parameters;
use super::refusal::{Answer, Refusal};
use super::state::State;
use super::webhook::{Delivery, Webhook};

const PORTS: &[u16] = &[80, 88, 443, 8443];
/// The number of requests at once if nothing else is asked for.
const AT_ONCE: i64 = 40;
/// The header that shows who sends.
const SECRET: &str = "X-Telegram-Bot-Api-Secret-Token";
/// The time that an answer is waited for.
const DEADLINE: Duration = Duration::from_secs(20);
/// The pause after a first failure, which doubles up to the longest one. Both are shorter than the real ones.
const PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// When nothing has to be looked at.
const IDLE: Duration = Duration::from_secs(60);

/// An update that is posted.
struct Posting {
    url: Url,
    secret: String,
    number: usize,
    update: u32,
    chat: Option<i64>,
    body: String,
    fault: Option<Fault>,
}

pub(super) fn set(state: &mut State, parameters: &Parameters) -> Answer {
    if parameters.text("url").is_empty() {
        return Ok(delete(state, parameters));
    }
    let url = checked(parameters.text("url"))?;
    let secret = parameters.text("secret_token");
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if secret.len() > 256 || !secret.chars().all(allowed) {
        return Err(Refusal::bad("secret token contains unallowed characters"));
    }
    state.allow(parameters)?;
    let at_once = parameters.integer("max_connections").unwrap_or(AT_ONCE).clamp(1, 100);
    state.webhooks += 1;
    state.webhook = Some(Webhook {
        url,
        secret: secret.to_owned(),
        at_once,
        number: state.webhooks,
        busy: HashSet::new(),
        failed: HashMap::new(),
        last_error: None,
    });
    drop_pending(state, parameters);
    Ok(true.into())
}

/// An address that may be told: loopback as a Bot API server of one's own takes it, all others as Telegram does.
fn checked(text: &str) -> Result<Url, Refusal> {
    let url = Url::parse(text).map_err(|_| Refusal::bad("bad webhook: invalid webhook URL specified"))?;
    if ["127.0.0.1", "localhost"].contains(&url.host_str().unwrap_or_default()) {
        return Ok(url);
    }
    if url.scheme() != "https" {
        return Err(Refusal::bad("bad webhook: An HTTPS URL must be provided for webhook"));
    }
    if url.port_or_known_default().is_none_or(|port| !PORTS.contains(&port)) {
        return Err(Refusal::bad("bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443"));
    }
    Ok(url)
}

pub(super) fn delete(state: &mut State, parameters: &Parameters) -> Value {
    state.webhook = None;
    drop_pending(state, parameters);
    true.into()
}

fn drop_pending(state: &mut State, parameters: &Parameters) {
    if parameters.flag("drop_pending_updates") {
        state.updates.clear();
    }
}

pub(super) fn info(state: &State) -> Value {
    let waiting = state.updates.len();
    let mut info = json!({ "url": "", "has_custom_certificate": false, "pending_update_count": waiting });
    if let Some(webhook) = &state.webhook {
        info["url"] = webhook.url.as_str().into();
        info["max_connections"] = webhook.at_once.into();
        if let Some((at, message)) = &webhook.last_error {
            info["last_error_date"] = (*at).into();
            info["last_error_message"] = message.as_str().into();
        }
    }
    if let Some(allowed) = &state.allowed {
        info["allowed_updates"] = allowed.clone().into();
    }
    info
}

/// Posts what waits while a webhook is set, until it is aborted.
pub(super) fn start(shared: Arc<Shared>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let client = Client::builder().no_proxy().timeout(DEADLINE).build().expect("a client without TLS");
        let (mut changed, mut under_way) = (shared.changed.subscribe(), JoinSet::new());
        loop {
            changed.mark_unchanged();
            let (postings, wake) = shared.lock().postings();
            if !postings.is_empty() {
                // Somebody may wait until they are under way.
                shared.changed.send_replace(());
            }
            for posting in postings {
                under_way.spawn(post(Arc::clone(&shared), client.clone(), posting));
            }
            tokio::select! {
                ended = changed.changed() => if ended.is_err() { return },
                () = sleep_until(wake) => {}
                Some(_) = under_way.join_next() => {}
            }
        }
    })
}

async fn post(shared: Arc<Shared>, client: Client, posting: Posting) {
    let result = match posting.fault {
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::CutBefore) => Err("Connection refused".to_owned()),
        Some(Fault::CutAfter | Fault::CutAnswer) => {
            let _ = send(&client, &posting).await;
            Err("Webhook connection closed".to_owned())
        }
        Some(Fault::Twice) => {
            let _ = send(&client, &posting).await;
            send(&client, &posting).await
        }
        _ => send(&client, &posting).await,
    };
    shared.change(|state| state.posted(&posting, result));
}

/// Posts it once: the status and after how many seconds to come again, or what went wrong.
async fn send(client: &Client, posting: &Posting) -> Result<(u16, Option<u64>), String> {
    let request = client.post(posting.url.clone()).header(CONTENT_TYPE, "application/json").body(posting.body.clone());
    let request = if posting.secret.is_empty() { request } else { request.header(SECRET, &posting.secret) };
    let answer = request.send().await.map_err(|error| error.without_url().to_string())?;
    let again = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    Ok((answer.status().as_u16(), again))
}

impl State {
    /// Returns the updates to post now, which count as under way from here on, and the time of the next look.
    fn postings(&mut self) -> (Vec<Posting>, Instant) {
        let now = Instant::now();
        let (mut postings, mut wake) = (Vec::new(), now + IDLE);
        let Some(webhook) = &mut self.webhook else { return (postings, wake) };
        let mut seen = HashSet::new();
        for update in &self.updates {
            let chat = update.chat();
            if webhook.busy.contains(&chat) || !seen.insert(chat) {
                continue;
            }
            if i64::try_from(webhook.busy.len()).is_ok_and(|busy| busy >= webhook.at_once) {
                break;
            }
            if let Some((_, until)) = webhook.failed.get(&update.id).filter(|(_, until)| *until > now) {
                wake = wake.min(*until);
                continue;
            }
            webhook.busy.insert(chat);
            postings.push(Posting {
                url: webhook.url.clone(),
                secret: webhook.secret.clone(),
                number: webhook.number,
                update: update.id,
                chat,
                body: update.json().to_string(),
                fault: self.faults.take("webhook", self.calls.len() + self.deliveries.len() + postings.len()),
            });
        }
        (postings, wake)
    }

    /// Notes what has become of a try. What was answered well is confirmed, unless the webhook is another one by now.
    fn posted(&mut self, posting: &Posting, result: Result<(u16, Option<u64>), String>) {
        let status = result.as_ref().ok().map(|(status, _)| *status);
        self.deliveries.push(Delivery { update: posting.update, status });
        let Some(webhook) = self.webhook.as_mut().filter(|webhook| webhook.number == posting.number) else { return };
        webhook.busy.remove(&posting.chat);
        let (error, again) = match result {
            Ok((200..300, _)) => {
                webhook.failed.remove(&posting.update);
                if let Some(at) = self.updates.iter().position(|update| update.id == posting.update) {
                    self.confirmed.extend(self.updates.remove(at));
                }
                return;
            }
            Ok((status, again)) => (format!("Wrong response from the webhook: {status}"), again),
            Err(error) => (error, None),
        };
        let times = webhook.failed.get(&posting.update).map_or(0, |(times, _)| *times);
        let pause = PAUSE.saturating_mul(2_u32.saturating_pow(times)).min(LONGEST_PAUSE);
        let pause = again.map_or(pause, Duration::from_secs);
        webhook.failed.insert(posting.update, (times + 1, Instant::now() + pause));
        webhook.last_error = Some((now(), error));
    }
}
