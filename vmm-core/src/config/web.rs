//! Settings of the pages for a browser.

use std::fmt;

use super::value::SettingValue;
use crate::model::named;

named! {
    /// Whose web pages are more than their own account's.
    #[derive(Default)]
    WebAccess {
        /// Admins'.
        #[default]
        Admins = "admins",
        /// Everybody's who has an account.
        Everyone = "everyone",
    }
}

impl SettingValue for WebAccess {
    const RIGHT: &'static str = "admins or everyone";

    fn from_text(text: &str) -> Option<Self> {
        Self::of_word(text)
    }
}

named! {
    /// Who must have a second factor.
    #[derive(Default)]
    SecondFactorUse {
        /// Nobody. Who has one must give it.
        #[default]
        Optional = "optional",
        /// Admins. An admin who signs in without one acts as a user, who can set it up.
        Admins = "admins",
    }
}

impl SettingValue for SecondFactorUse {
    const RIGHT: &'static str = "optional or admins";

    fn from_text(text: &str) -> Option<Self> {
        Self::of_word(text)
    }
}

/// The address of the web pages as a browser shows it: scheme, host, and a port unless it is the scheme's own. It is
/// the origin of the pages, as in [RFC 6454](https://www.rfc-editor.org/rfc/rfc6454#section-6.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(String);

impl PublicUrl {
    /// The address of a page, for people: the origin and a path, which begins with a slash.
    pub fn page(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// Returns whether browsers reach the pages over TLS.
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// The origin in the form that browsers send in `Origin`.
    pub fn origin(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl SettingValue for PublicUrl {
    const RIGHT: &'static str = "an address without a path, like https://vmm.example.org or http://10.0.0.5:8080";

    fn from_text(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        let (scheme, rest) = lower.strip_suffix('/').unwrap_or(&lower).split_once("://")?;
        let own_port = match scheme {
            "https" => ":443",
            "http" => ":80",
            _ => return None,
        };
        let host = rest.strip_suffix(own_port).unwrap_or(rest);
        let right = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
        let named = host.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[');
        (named && host.chars().all(right)).then(|| Self(format!("{scheme}://{host}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_the_origin_that_a_browser_sends() {
        for (written, origin) in [
            ("https://vmm.example.org", "https://vmm.example.org"),
            ("https://VMM.example.org:443/", "https://vmm.example.org"),
            ("http://10.0.0.5:8080", "http://10.0.0.5:8080"),
            ("http://[fd00::1]:80", "http://[fd00::1]"),
        ] {
            assert_eq!(PublicUrl::from_text(written).map(|url| url.origin().to_owned()).as_deref(), Some(origin));
        }
        for wrong in ["", "vmm.example.org", "ftp://vmm", "https://", "https://vmm/path", "https://a b", "https://a\"b"]
        {
            assert_eq!(PublicUrl::from_text(wrong), None, "{wrong}");
        }
    }
}
