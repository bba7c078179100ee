//! Tokens for the scripts of a page that somebody is signed in to by a cookie.
//!
//! A page holds its token in its memory alone. The token stands for the login of the cookie, which the page never sees:
//! it ends with that login, with the process, and after half an hour, when the page asks for another one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use poem::Request;
use poem::http::{HeaderValue, header};
use poem_openapi::auth::{Bearer, BearerAuthorization};
use vmm_core::model::Fingerprint;
use vmm_core::{ExposeSecret, SecretString};

use crate::error::Failure;

/// The prefix of a page's token, which neither a login's token nor an API token has.
const PREFIX: &str = "vmm-page.";

/// The lifetime of a token.
pub(crate) const LIFE: Duration = Duration::from_secs(30 * 60);

/// The number of tokens at most; beyond that the one that ends first goes.
const MOST: usize = 256;

/// The tokens that pages have at this moment. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct PageTokens(Arc<Mutex<HashMap<[u8; 32], PageLogin>>>);

/// The login that a token stands for.
struct PageLogin {
    /// The token of the login, as the cookie has it.
    login: SecretString,
    ends: Instant,
}

impl PageTokens {
    /// Makes a token for a page whose cookie has the token of a login.
    ///
    /// # Errors
    /// If the system gives no random bytes.
    pub(crate) fn make(&self, login: SecretString) -> Result<SecretString, Failure> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|error| {
            tracing::error!(%error, "the system gives no random bytes");
            Failure::internal()
        })?;
        let token = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes));
        let mut tokens = self.lock();
        let now = Instant::now();
        tokens.retain(|_, page| page.ends > now);
        while tokens.len() >= MOST {
            let Some(first) = tokens.iter().min_by_key(|(_, page)| page.ends).map(|(hash, _)| *hash) else { break };
            tokens.remove(&first);
        }
        tokens.insert(hash(&token), PageLogin { login, ends: now + LIFE });
        Ok(token.into())
    }

    /// Puts the token of the login in place of the page's token that stands for it. An unknown one stays, and is
    /// refused as any other.
    pub(crate) fn with_login(&self, mut request: Request) -> Request {
        let login = Bearer::from_request(&request).ok().and_then(|bearer| self.login(&bearer.token));
        let value = login.and_then(|login| HeaderValue::from_str(&format!("Bearer {}", login.expose_secret())).ok());
        if let Some(mut value) = value {
            value.set_sensitive(true);
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        request
    }

    fn login(&self, token: &str) -> Option<SecretString> {
        if !token.starts_with(PREFIX) {
            return None;
        }
        let tokens = self.lock();
        let page = tokens.get(&hash(token)).filter(|page| page.ends > Instant::now())?;
        Some(page.login.clone())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], PageLogin>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hash(token: &str) -> [u8; 32] {
    Fingerprint::of(&[token.as_bytes()]).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_no_more_than_so_many_and_the_newest_stay() {
        let tokens = PageTokens::default();
        let made: Vec<_> = (0..MOST + 5).map(|n| tokens.make(n.to_string().into()).expect("random bytes")).collect();
        assert_eq!(tokens.lock().len(), MOST);
        let login = |token: &SecretString| tokens.login(token.expose_secret());
        assert!(login(&made[0]).is_none());
        assert_eq!(login(&made[MOST + 4]).expect("the newest").expose_secret(), (MOST + 4).to_string());
        assert!(tokens.login("vmm-page.unknown").is_none());
    }

    #[test]
    fn a_token_ends() {
        let tokens = PageTokens::default();
        let token = tokens.make("login".into()).expect("random bytes");
        tokens.lock().values_mut().for_each(|page| page.ends = Instant::now());
        assert!(tokens.login(token.expose_secret()).is_none());
    }
}
