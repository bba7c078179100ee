//! Cells that hold a name, an address or text, and what people may have meant with a wrong one.

use std::borrow::Cow;
use std::net::Ipv4Addr;

use super::table::{is_blank, is_invisible};
use super::units::{self, Unit};
use crate::error::{Error, Result};
use crate::model::{GroupName, Hostname, MAX_DISK_SIZE, MAX_DISKS, OsName, OsVersion, VmName};
use crate::text::quoted;

/// The longest description of a machine, in bytes.
pub(super) const MAX_DESCRIPTION: usize = 1024;
/// The most virtual processors of a machine; QEMU's limit for q35 is higher on no supported version.
pub(super) const MAX_VCPU: u32 = 288;
/// The least memory that any supported guest starts with, in MiB.
const MIN_MEMORY: u32 = 64;
/// The most memory of a machine in MiB: 4 TiB.
const MAX_MEMORY: u32 = 4 << 20;

/// The characters that spreadsheets and phones write for a hyphen.
const DASHES: [char; 6] = ['\u{2010}', '\u{2011}', '\u{2012}', '\u{2013}', '\u{2014}', '\u{2212}'];
/// The quotes that spreadsheets and phones write for straight ones: those that open, and those that close.
const QUOTES: [(char, &[char]); 5] = [
    ('\u{201c}', &['\u{201d}', '\u{201c}']),
    ('\u{201d}', &['\u{201d}']),
    ('\u{201e}', &['\u{201c}', '\u{201d}']),
    ('\u{2018}', &['\u{2019}', '\u{2018}']),
    ('\u{ab}', &['\u{bb}']),
];

/// Returns whether a cell begins with a quote that no spreadsheet takes for one.
pub(super) fn begins_with_curly_quote(text: &str) -> bool {
    QUOTES.iter().any(|(open, _)| text.starts_with(*open))
}

/// Takes away what nobody meant to write in a cell that holds a name, a number or a size: marks without width, and
/// curly quotes around the whole.
pub(super) fn mended(text: &str) -> Cow<'_, str> {
    let mut text =
        if text.contains(is_invisible) { Cow::Owned(text.replace(is_invisible, "")) } else { Cow::Borrowed(text) };
    for (open, closers) in &QUOTES {
        let inner = text.strip_prefix(*open).and_then(|rest| rest.strip_suffix(*closers));
        if let Some(inner) = inner.map(|inner| inner.trim_matches(is_blank).to_owned()) {
            text = Cow::Owned(inner);
        }
    }
    text
}

pub(super) fn name(text: &str) -> Result<VmName, String> {
    VmName::new(text).map_err(|error| {
        let meant = match text.split_once('.') {
            Some((label, _)) if Hostname::new(text.to_lowercase()).is_ok() => {
                format!("; did you mean {}, with {} as its hostname?", label.to_lowercase(), text.to_lowercase())
            }
            _ => did_you_mean(text, |like| VmName::new(like).is_ok()),
        };
        told(text, error, &meant)
    })
}

pub(super) fn hostname(text: &str) -> Result<Hostname, String> {
    Hostname::new(text).map_err(|error| told(text, error, &did_you_mean(text, |like| Hostname::new(like).is_ok())))
}

pub(super) fn group_name(text: &str) -> Result<GroupName, String> {
    let like = || did_you_mean(text, |like| GroupName::new(like).is_ok());
    GroupName::new(text).map_err(|error| told(text, error, &like()))
}

/// `debian`, or `debian:12`.
pub(super) fn os(text: &str) -> Result<(OsName, Option<OsVersion>), String> {
    let (name, version) = match text.split_once(':') {
        Some((name, version)) => (name, Some(OsVersion::new(version).map_err(|error| told(text, error, ""))?)),
        None => (text, None),
    };
    Ok((OsName::new(name).map_err(|error| told(text, error, ""))?, version))
}

pub(super) fn memory(text: &str, bare: Unit) -> Result<u32, String> {
    let mib = units::size(text, bare, Unit::Mib)?;
    match u32::try_from(mib) {
        Ok(mib) if (MIN_MEMORY..=MAX_MEMORY).contains(&mib) => Ok(mib),
        _ => Err(format!("{mib} MiB is not between {MIN_MEMORY} MiB and {MAX_MEMORY} MiB")),
    }
}

pub(super) fn disks(text: &str, bare: Unit) -> Result<Vec<u32>, String> {
    let sizes = units::sizes(text, bare)?;
    if sizes.is_empty() {
        return Err("holds no size; write GiB, the system disk first, like 20;100".to_owned());
    }
    if sizes.len() > MAX_DISKS {
        return Err(format!("{} disks are too many; at most {MAX_DISKS}", sizes.len()));
    }
    let fits = |size: u64| u32::try_from(size).ok().filter(|size| *size <= MAX_DISK_SIZE);
    let too_large = |size: u64| format!("{size} GiB is too large; at most {MAX_DISK_SIZE} GiB for each disk");
    sizes.into_iter().map(|size| fits(size).ok_or_else(|| too_large(size))).collect()
}

pub(super) fn address(text: &str) -> Result<Ipv4Addr, String> {
    text.parse().map_err(|_| format!("{} is not an IPv4 address like 192.168.122.50", quoted(text)))
}

/// A text for people, with line breaks as `\n`.
pub(super) fn description(text: &str) -> Result<String, String> {
    if text.len() > MAX_DESCRIPTION {
        return Err(format!("is {} bytes long; at most {MAX_DESCRIPTION}", text.len()));
    }
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    match text.chars().find(|c| c.is_control() && *c != '\n' && *c != '\t') {
        Some(c) => Err(format!("holds the control character U+{:04X}", u32::from(c))),
        None => Ok(text),
    }
}

/// The reason inside the error of a name, and what may have been meant. A character that looks like another one is the
/// cause that people cannot see, so it is told instead.
fn told(text: &str, error: Error, meant: &str) -> String {
    let reason = match error {
        Error::Invalid(problems) => problems.into_iter().map(|problem| problem.reason).collect::<Vec<_>>().join("; "),
        other => other.to_string(),
    };
    match text.chars().find(|c| !c.is_ascii()) {
        Some(c) => {
            let what = match c {
                c if DASHES.contains(&c) => "a dash where a hyphen (-) belongs",
                c if c.is_whitespace() => "a blank of a special width",
                _ => "a character that may not stand there",
            };
            format!("{} holds {what} (U+{:04X}){meant}", quoted(text), u32::from(c))
        }
        None => format!("{reason}{meant}"),
    }
}

fn did_you_mean(text: &str, is_good: impl Fn(&str) -> bool) -> String {
    if text.len() > 256 {
        return String::new();
    }
    let hyphen = |c: char| if DASHES.contains(&c) || c == '_' || c.is_whitespace() { '-' } else { c };
    let like: String = text.chars().map(hyphen).collect::<String>().to_lowercase();
    if is_good(&like) { format!("; did you mean {like}?") } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_name_is_told_with_the_one_that_was_meant() {
        for (text, meant) in [
            ("Acc-1", "did you mean acc-1?"),
            ("ACC_2", "did you mean acc-2?"),
            ("acc-3.lab", "did you mean acc-3, with acc-3.lab as its hostname?"),
            ("acc\u{2013}3", "a dash where a hyphen (-) belongs (U+2013); did you mean acc-3?"),
            ("acc\u{a0}6", "a blank of a special width (U+00A0); did you mean acc-6?"),
        ] {
            let told = name(text).expect_err("it is wrong");
            assert!(told.contains(meant), "{told}");
        }
        assert!(!name("-").expect_err("it is wrong").contains("did you mean"));
    }

    #[test]
    fn curly_quotes_and_marks_without_width_are_taken_away() {
        for (text, plain) in [
            ("\u{201c}20;100\u{201d}", "20;100"),
            ("\u{201e}web\u{201c}", "web"),
            ("acc-4\u{200b}", "acc-4"),
            ("a\u{ad}b", "ab"),
            ("web", "web"),
            ("\u{201c}", "\u{201c}"),
        ] {
            assert_eq!(mended(text), plain, "{text:?}");
        }
    }
}
