//! The client for Telegram's API.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use teloxide::requests::{JsonRequest, Payload, Request};
use teloxide::{ApiError, Bot, RequestError, net};
use tokio::time::timeout;
use vmm_core::{ExposeSecret, SecretString};

use crate::options::Options;

/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The longest time of an answer beyond the time of a poll.
pub(crate) const ANSWER: Duration = Duration::from_secs(15);
/// The longest call: a large file over a slow line. All others have deadlines of their own.
pub(super) const LONGEST_CALL: Duration = Duration::from_secs(600);

/// A bot that talks to Telegram, or to another server at this address, and waits long enough for polls and large files.
///
/// # Errors
/// What is wrong with the address, or with the system's TLS.
pub fn client(token: &SecretString, api_url: Option<&str>) -> Result<Bot, String> {
    let http = net::default_reqwest_settings().timeout(LONGEST_CALL);
    let http = http.build().map_err(|error| error.to_string())?;
    let bot = Bot::with_client(token.expose_secret(), http);
    match api_url {
        Some(url) => match url.parse() {
            Ok(parsed) => Ok(bot.set_api_url(parsed)),
            Err(error) => Err(format!("{url} is not an address like https://api.telegram.org: {error}")),
        },
        None => Ok(bot),
    }
}

/// Describes an error without the content of the call or of its answer, which may be a secret.
pub fn hidden(error: &RequestError) -> String {
    match error {
        // The library has taken the token out of the address.
        RequestError::Network(source) => format!("network: {source}"),
        RequestError::InvalidJson { source, raw: _ } => format!("the answer is not JSON as expected: {source}"),
        other => other.to_string(),
    }
}

/// Returns whether Telegram has refused the call for good.
pub(crate) fn refused(error: &RequestError) -> bool {
    match error {
        RequestError::Api(ApiError::Unknown(text)) => {
            ["Bad Request", "Forbidden"].iter().any(|no| text.starts_with(no))
        }
        RequestError::Api(ApiError::InvalidToken) => false,
        RequestError::Api(_) | RequestError::MigrateToChatId(_) => true,
        _ => false,
    }
}

/// Returns the pause after a failure that follows this number of failures.
pub(crate) fn pause(error: &RequestError, options: &Options, failures: u32) -> Duration {
    match error {
        RequestError::RetryAfter(seconds) => seconds.duration(),
        _ => backoff(options, failures),
    }
}

/// The pause after so many failures before this one.
pub(crate) fn backoff(options: &Options, failures: u32) -> Duration {
    options.retry_pause.saturating_mul(2_u32.saturating_pow(failures.min(16))).min(LONGEST_PAUSE)
}

/// Asks for updates as Telegram writes them: what the library makes of one cannot be written down and read again.
#[derive(Serialize)]
struct GetUpdates {
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<i64>,
    timeout: u64,
    allowed_updates: &'static [&'static str],
}

impl Payload for GetUpdates {
    type Output = Vec<Value>;

    const NAME: &'static str = "GetUpdates";
}

/// The updates from this number on, as soon as there are any; after the poll's time, none.
pub(crate) async fn updates(bot: &Bot, offset: Option<i64>, options: &Options) -> Result<Vec<Value>, RequestError> {
    let allowed_updates = &["message", "callback_query", "my_chat_member"];
    let payload = GetUpdates { offset, timeout: options.poll_timeout.as_secs(), allowed_updates };
    within(options.poll_timeout + ANSWER, JsonRequest::new(bot.clone(), payload).send()).await
}

/// A call that fails if it takes longer than this.
pub(crate) async fn within<T>(
    deadline: Duration,
    call: impl Future<Output = Result<T, RequestError>>,
) -> Result<T, RequestError> {
    match timeout(deadline, call).await {
        Ok(result) => result,
        Err(_) => Err(RequestError::Io(Arc::new(std::io::ErrorKind::TimedOut.into()))),
    }
}
