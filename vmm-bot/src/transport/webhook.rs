//! Updates that Telegram sends by itself.

mod listener;
mod watch;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hkdf::Hkdf;
use serde_json::Value;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use teloxide::Bot;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use url::Url;
use vmm_core::model::BotUpdate;
use vmm_core::{ExposeSecret, SecretString};

use crate::transport::update;

/// The ports to which Telegram sends updates.
const PORTS: [u16; 4] = [443, 80, 88, 8443];
/// The largest number of updates that Telegram sends at once, each of another chat.
const AT_ONCE: u8 = 40;
/// The longest wait of an update to be stored; after it, Telegram is told to send it again.
const DEADLINE: Duration = Duration::from_secs(20);

/// An address to which Telegram sends updates, so that the bot need not ask for them. All clones are the same one.
///
/// [`Options::webhook`](crate::Options::webhook) lets [`run`](crate::run) tell it to Telegram and answer what comes.
/// Requests to the address come from [`serve`](Self::serve), or from a server of your own by
/// [`receive`](Self::receive).
#[derive(Clone)]
pub struct Webhook {
    shared: Arc<Shared>,
}

struct Shared {
    url: Url,
    secret: SecretString,
    /// The channel to the inbox, while a bot runs.
    inlet: Mutex<Option<mpsc::Sender<Sent>>>,
}

/// An update that was sent, and who waits until it is stored.
pub(crate) struct Sent {
    pub(crate) update: BotUpdate,
    pub(crate) stored: oneshot::Sender<()>,
}

impl Webhook {
    /// The header in which Telegram shows that it is the sender.
    pub const HEADER: &'static str = "X-Telegram-Bot-Api-Secret-Token";
    /// The most bytes that an update is let have. Telegram's have a few thousand.
    pub const LARGEST_UPDATE: usize = 1 << 20;

    /// A webhook at this address, which is `https://` on port 443, 80, 88 or 8443. Where the bot does not talk to
    /// Telegram itself but to a Bot API server of one's own, it may be any address of `http` too.
    ///
    /// What Telegram shows itself by follows from the bot's token, so it is the same after every start.
    ///
    /// # Errors
    /// What is wrong with the address.
    pub fn new(bot: &Bot, url: &str) -> Result<Self, String> {
        let own_server = bot.api_url().host_str() != Some("api.telegram.org");
        let url = check(url, own_server).map_err(|reason| format!("the webhook's address {url}: {reason}"))?;
        let mut secret = [0; 32];
        let derived = Hkdf::<Sha256>::new(None, bot.token().as_bytes()).expand(b"vmm webhook secret", &mut secret);
        derived.map_err(|error| error.to_string())?;
        let secret = SecretString::from(URL_SAFE_NO_PAD.encode(secret));
        Ok(Self { shared: Arc::new(Shared { url, secret, inlet: Mutex::default() }) })
    }

    /// The address.
    pub fn url(&self) -> &str {
        self.shared.url.as_str()
    }

    /// The path of the address, to which requests have to come.
    pub fn path(&self) -> &str {
        self.shared.url.path()
    }

    /// Takes the body of a POST to the address, and what it has as [`HEADER`](Self::HEADER). Gives the status of the
    /// answer, whose body is empty:
    ///
    /// - 200: the update is stored, now or before.
    /// - 400: it is no update.
    /// - 404: it was not sent by Telegram, of which only Telegram should hear more.
    /// - 503: it cannot be stored now, or nobody answers; Telegram sends it again.
    pub async fn receive(&self, secret: Option<&[u8]>, body: &[u8]) -> u16 {
        if !self.is_known(secret) {
            return 404;
        }
        let Ok(value) = serde_json::from_slice::<Value>(body) else { return 400 };
        let Some(update) = update::read(&value) else { return 400 };
        match timeout(DEADLINE, self.store(update)).await {
            Ok(Some(())) => 200,
            _ => 503,
        }
    }

    /// Returns whether this is the secret that Telegram was given.
    fn is_known(&self, secret: Option<&[u8]>) -> bool {
        let right = self.shared.secret.expose_secret().as_bytes();
        secret.is_some_and(|secret| secret.ct_eq(right).into())
    }

    /// Hands an update to who answers and waits until it is stored; `None` if it is not.
    async fn store(&self, update: BotUpdate) -> Option<()> {
        let inlet = self.inlet().clone()?;
        let (stored, waiting) = oneshot::channel();
        inlet.send(Sent { update, stored }).await.ok()?;
        waiting.await.ok()
    }

    fn inlet(&self) -> MutexGuard<'_, Option<mpsc::Sender<Sent>>> {
        self.shared.inlet.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on what is sent comes out here, and nowhere else.
    pub(crate) fn open(&self) -> Outlet {
        let (inlet, outlet) = mpsc::channel(AT_ONCE.into());
        *self.inlet() = Some(inlet.clone());
        Outlet { webhook: self.clone(), inlet, outlet }
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("url", &self.url()).finish_non_exhaustive()
    }
}

/// The receiving end of a webhook, which is open until this is dropped.
pub(crate) struct Outlet {
    webhook: Webhook,
    inlet: mpsc::Sender<Sent>,
    outlet: mpsc::Receiver<Sent>,
}

impl Outlet {
    /// Waits for updates and returns at least one.
    pub(crate) async fn next(&mut self) -> Vec<Sent> {
        let mut sent = Vec::new();
        self.outlet.recv_many(&mut sent, AT_ONCE.into()).await;
        sent
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        let mut inlet = self.webhook.inlet();
        if inlet.as_ref().is_some_and(|inlet| inlet.same_channel(&self.inlet)) {
            *inlet = None;
        }
    }
}

/// Returns the address if it can be one of a webhook.
fn check(text: &str, own_server: bool) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|error| format!("it is not one like https://vmm.example.org/bot: {error}"))?;
    match url.scheme() {
        "https" => {}
        "http" if own_server => {}
        _ => return Err("Telegram sends to https:// alone".to_owned()),
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err("a user, a password or a fragment does not belong there".to_owned());
    }
    match url.port_or_known_default() {
        Some(port) if own_server || PORTS.contains(&port) => Ok(url),
        port => {
            let port = port.unwrap_or_default();
            Err(format!("Telegram sends to the ports 443, 80, 88 and 8443, not to {port}; put a proxy there"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "7000000001:AAsecretsecretsecretsecretsecret";

    fn webhook(url: &str) -> Result<Webhook, String> {
        Webhook::new(&Bot::new(TOKEN), url)
    }

    #[test]
    fn an_address_is_one_that_telegram_sends_to() {
        for right in ["https://vmm.example.org/bot", "https://vmm.example.org:8443/", "https://192.0.2.1:88/a/b"] {
            assert!(webhook(right).is_ok(), "{right}");
        }
        for (wrong, why) in [
            ("vmm.example.org/bot", "https://vmm.example.org/bot"),
            ("http://vmm.example.org/bot", "https://"),
            ("http://127.0.0.1/bot", "https://"),
            ("https://vmm.example.org:8080/bot", "8443"),
            ("https://user:password@vmm.example.org/bot", "password"),
        ] {
            let error = webhook(wrong).expect_err(wrong);
            assert!(error.contains(why) && error.contains(wrong), "{error}");
        }
        let bot = Bot::new(TOKEN).set_api_url("http://127.0.0.1:8081/".parse().expect("an address"));
        assert!(Webhook::new(&bot, "http://127.0.0.1:9000/bot").is_ok());
        assert!(Webhook::new(&bot, "ftp://127.0.0.1/bot").is_err());
    }

    #[tokio::test]
    async fn the_secret_follows_from_the_token_and_shows_nowhere() {
        let (webhook, again) =
            (webhook("https://a.example/bot").expect("right"), webhook("https://b.example/").expect("right"));
        let secret = webhook.shared.secret.expose_secret();
        assert_eq!(secret, again.shared.secret.expose_secret());
        assert!(secret.len() >= 40 && secret.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)));
        assert!(!secret.contains("secretsecret") && !format!("{webhook:?}").contains(secret));
        let other = Webhook::new(&Bot::new("7000000001:AAothersecretsecretsecretsecret"), "https://a.example/bot");
        assert_ne!(secret, other.expect("right").shared.secret.expose_secret());
        let update = br#"{"update_id": 1, "message": {}}"#;
        for wrong in [None, Some(&b""[..]), Some(&b"wrong"[..]), Some(&secret.as_bytes()[1..])] {
            assert_eq!(webhook.receive(wrong, update).await, 404);
        }
        for broken in [&b"{"[..], b"[]", b"{}"] {
            assert_eq!(webhook.receive(Some(secret.as_bytes()), broken).await, 400);
        }
        assert_eq!(webhook.receive(Some(secret.as_bytes()), update).await, 503, "nobody answers");
    }
}
