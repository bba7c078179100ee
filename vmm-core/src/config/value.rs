//! Kinds of values that settings have, each read from a text.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::model::named;

/// A kind of value that a setting has. It is written in the same way in a file and in a variable.
pub trait SettingValue: Sized {
    /// A description of the right values, to stand after "which is not".
    const RIGHT: &'static str;

    /// Reads a text; `None` if it is not of this kind.
    fn from_text(text: &str) -> Option<Self>;
}

impl SettingValue for String {
    const RIGHT: &'static str = "a text";

    fn from_text(text: &str) -> Option<Self> {
        Some(text.to_owned()).filter(|text| !text.is_empty())
    }
}

impl SettingValue for PathBuf {
    const RIGHT: &'static str = "a path";

    fn from_text(text: &str) -> Option<Self> {
        Some(Self::from(text)).filter(|path| !path.as_os_str().is_empty())
    }
}

impl<T: SettingValue> SettingValue for Option<T> {
    const RIGHT: &'static str = T::RIGHT;

    fn from_text(text: &str) -> Option<Self> {
        T::from_text(text).map(Some)
    }
}

impl SettingValue for SocketAddr {
    const RIGHT: &'static str = "an address and port like 127.0.0.1:8080";

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl SettingValue for bool {
    const RIGHT: &'static str = "true or false";

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

/// A number of things, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count(pub u32);

impl SettingValue for Count {
    const RIGHT: &'static str = "a whole number from 1 to 100000";

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok().filter(|count| (1..=100_000).contains(count)).map(Self)
    }
}

/// A number of bytes, as in `500MiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

impl SettingValue for Size {
    const RIGHT: &'static str = "a size like 500MiB or 2GiB";

    fn from_text(text: &str) -> Option<Self> {
        let (number, unit) = number_and_unit(text)?;
        let bits = match unit {
            "KiB" => 10,
            "MiB" => 20,
            "GiB" => 30,
            "TiB" => 40,
            _ => return None,
        };
        // What the database can count ends at 2^63.
        number.checked_mul(1 << bits).filter(|bytes| (1..=1 << 62).contains(bytes)).map(Self)
    }
}

impl SettingValue for Duration {
    const RIGHT: &'static str = "a time like 90s, 10m or 12h, from 1s to 10000h";

    fn from_text(text: &str) -> Option<Self> {
        let (number, unit) = number_and_unit(text)?;
        let factor = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return None,
        };
        let seconds = number.checked_mul(factor).filter(|seconds| (1..=36_000_000).contains(seconds))?;
        Some(Self::from_secs(seconds))
    }
}

/// Absolute paths of directories with colons between them, as in `PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directories(pub Vec<PathBuf>);

impl SettingValue for Directories {
    const RIGHT: &'static str = "the absolute path of a directory, or several with colons between";

    fn from_text(text: &str) -> Option<Self> {
        let directories: Vec<_> = text.split(':').map(PathBuf::from).collect();
        directories.iter().all(|directory| directory.is_absolute()).then_some(Self(directories))
    }
}

/// Addresses with commas between them, none or several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses(pub Vec<IpAddr>);

impl SettingValue for Addresses {
    const RIGHT: &'static str = "addresses like 127.0.0.1 with commas between them";

    fn from_text(text: &str) -> Option<Self> {
        let addresses = text.split(',').map(str::trim).filter(|address| !address.is_empty());
        addresses.map(|address| address.parse().ok()).collect::<Option<_>>().map(Self)
    }
}

named! {
    /// The form of log lines.
    LogFormat {
        /// Lines for people.
        Text = "text",
        /// One JSON object on each line, for programs.
        Json = "json",
    }
}

impl SettingValue for LogFormat {
    const RIGHT: &'static str = "text or json";

    fn from_text(text: &str) -> Option<Self> {
        Self::of_word(text)
    }
}

fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    Some((number.parse().ok()?, unit))
}
