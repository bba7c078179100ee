//! The definition of a machine on its host, as facts that can be compared and named.

use std::collections::BTreeMap;
use std::fmt;

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

use super::hash::sha256_type;
use super::{DiskId, MacAddress};

/// The rules by which facts are made. Facts that were kept under other rules cannot be compared.
const RULES: u64 = 1;

/// The longest part of a value that a sentence shows, in characters.
const SHOWN: usize = 200;

/// The facts of a machine's definition, by name: `memory` is `1024 MiB`, `disk vda` is a path, `disk vda: driver cache`
/// is `none`. What varies by itself is not among them.
///
/// A device has a fact of its name (`disk vda`), and further ones whose names begin with that name, a colon and a
/// space.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts(BTreeMap<String, String>);

impl Facts {
    /// Adds a fact. If its name is taken, a number is put behind it.
    pub fn add(&mut self, name: impl Into<String>, value: impl Into<String>) -> String {
        let name = name.into();
        let free = (2..).map(|number| format!("{name} #{number}"));
        let name = std::iter::once(name.clone()).chain(free).find(|name| !self.0.contains_key(name));
        let name = name.unwrap_or_default();
        self.0.insert(name.clone(), value.into());
        name
    }

    /// The value of a fact.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Every fact, in order of name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// SHA-256 over every name and value, each with its length before it.
    pub fn digest(&self) -> DefinitionDigest {
        let mut bytes = Sha256::new();
        for text in self.0.iter().flat_map(|(name, value)| [name, value]) {
            bytes.update((text.len() as u64).to_be_bytes());
            bytes.update(text.as_bytes());
        }
        DefinitionDigest(bytes.finalize().into())
    }

    /// Returns the differences of `now`, in order of name. Of a device that came or went, only that is told.
    pub fn differences(&self, now: &Self) -> Vec<Difference> {
        let names: std::collections::BTreeSet<_> = self.0.keys().chain(now.0.keys()).collect();
        let in_both = |device: &str| self.0.contains_key(device) == now.0.contains_key(device);
        names
            .into_iter()
            .filter(|name| name.split_once(": ").is_none_or(|(device, _)| in_both(device)))
            .map(|name| Difference {
                name: name.clone(),
                was: self.0.get(name).cloned(),
                now: now.0.get(name).cloned(),
            })
            .filter(|difference| difference.was != difference.now)
            .collect()
    }

    /// The name of the disk that is on this file, like `disk vda`.
    pub fn disk_at(&self, path: &str) -> Option<&str> {
        let disks = self.iter().filter(|(name, _)| name.starts_with("disk ") && !name.contains(": "));
        disks.filter(|(_, value)| *value == path).map(|(name, _)| name).next()
    }

    /// The facts without the disk that is on this file.
    #[must_use]
    pub fn without_disk_at(&self, path: &str) -> Self {
        let Some(disk) = self.disk_at(path) else { return self.clone() };
        Self(self.0.iter().filter(|(name, _)| !is_of(name, disk)).map(|(n, v)| (n.clone(), v.clone())).collect())
    }

    /// The facts, with the disk that is on this file as `other` has it.
    #[must_use]
    pub fn with_disk_of(&self, other: &Self, path: &str) -> Self {
        let mut facts = self.without_disk_at(path);
        if let Some(disk) = other.disk_at(path) {
            let own = other.0.iter().filter(|(name, _)| is_of(name, disk));
            facts.0.extend(own.map(|(name, value)| (name.clone(), value.clone())));
        }
        facts
    }

    /// As text, to keep.
    pub(crate) fn kept(&self) -> String {
        let facts: serde_json::Map<_, _> = self.0.iter().map(|(n, v)| (n.clone(), v.clone().into())).collect();
        serde_json::json!({ "rules": RULES, "facts": facts }).to_string()
    }

    /// Reads facts from their stored text; `None` if it was kept under other rules.
    pub(crate) fn from_kept(text: &str) -> Result<Option<Self>> {
        let wrong = || Error::invalid("definition", "is not what vmm keeps of a definition");
        let kept: serde_json::Value = serde_json::from_str(text).map_err(|_| wrong())?;
        if kept["rules"].as_u64() != Some(RULES) {
            return Ok(None);
        }
        let facts = kept["facts"].as_object().ok_or_else(wrong)?;
        let text = |value: &serde_json::Value| value.as_str().map(str::to_owned).ok_or_else(wrong);
        facts.iter().map(|(name, value)| Ok((name.clone(), text(value)?))).collect::<Result<_>>().map(|f| Some(Self(f)))
    }
}

impl FromIterator<(String, String)> for Facts {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(facts: T) -> Self {
        let mut all = Self::default();
        for (name, value) in facts {
            all.add(name, value);
        }
        all
    }
}

/// Returns whether a fact is one of this device.
fn is_of(name: &str, device: &str) -> bool {
    name.strip_prefix(device).is_some_and(|rest| rest.is_empty() || rest.starts_with(": "))
}

/// One thing that differs from what vmm last saw. `Display` is a sentence without its full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The name of the fact.
    pub name: String,
    /// The value that vmm last saw; `None` if there was no such thing.
    pub was: Option<String>,
    /// The present value; `None` if there is no such thing.
    pub now: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        let (device, is_part) =
            (["disk ", "interface "].iter().any(|kind| name.starts_with(kind)), name.contains(": "));
        match (self.was.as_deref(), self.now.as_deref()) {
            (Some(was), Some(now)) if device && !is_part => {
                let (was, now) = beside(was, now);
                write!(f, "{name} is on {} instead of {}", shown(now), shown(was))
            }
            (was, Some(now)) if device || is_part || was.is_some() => match was {
                None if !is_part => write!(f, "{name} was added ({})", shown(now)),
                None => write!(f, "{name} is {} where vmm last saw nothing", shown(now)),
                Some(was) => write!(f, "{name} is {} where vmm last saw {}", shown(now), shown(was)),
            },
            (_, Some(now)) if name.starts_with("snapshot ") => write!(f, "{name} exists ({})", shown(now)),
            (_, Some(now)) => write!(f, "{name} was added ({})", shown(now)),
            (Some(was), None) => write!(f, "{name} was removed ({})", shown(was)),
            (None, None) => write!(f, "{name} is as it was"),
        }
    }
}

/// Two paths in one directory as the names of their files.
fn beside<'a>(a: &'a str, b: &'a str) -> (&'a str, &'a str) {
    match (a.rsplit_once('/'), b.rsplit_once('/')) {
        (Some((place, a)), Some((other, b))) if place == other => (a, b),
        _ => (a, b),
    }
}

fn shown(value: &str) -> String {
    let mut text: String = value.chars().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.len() < value.len() {
        text.push('…');
    }
    text
}

sha256_type!(
    /// SHA-256 of the facts of a definition.
    DefinitionDigest, "digest", "the definition"
);

/// A definition that an admin accepts: what the machine's record is to say, and the facts to compare with from then on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedDefinition {
    /// Virtual processors.
    pub vcpu: u32,
    /// Memory in MiB.
    pub memory: u32,
    /// The hardware address of its network interface.
    pub mac: MacAddress,
    /// Where each of its disks is on the host; `None` for one that is not attached.
    pub paths: Vec<(DiskId, Option<String>)>,
    /// The facts.
    pub facts: Facts,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(facts: &[(&str, &str)]) -> Facts {
        facts.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn told(was: &[(&str, &str)], now: &[(&str, &str)]) -> Vec<String> {
        facts(was).differences(&facts(now)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_difference_is_named_with_what_was_and_what_is() {
        let cases: [(&[_], &[_], &str); 7] = [
            (&[("memory", "1024 MiB")], &[("memory", "2048 MiB")], "memory is 2048 MiB where vmm last saw 1024 MiB"),
            (&[("disk vda", "/p/a")], &[("disk vda", "/p/a.s1")], "disk vda is on a.s1 instead of a"),
            (&[("disk vda", "/p/a")], &[("disk vda", "/q/a")], "disk vda is on /q/a instead of /p/a"),
            (&[], &[("snapshot s1", "internal")], "snapshot s1 exists (internal)"),
            (
                &[],
                &[("interface 52:54:00:00:00:01", "network default")],
                "interface 52:54:00:00:00:01 was added (network default)",
            ),
            (
                &[("disk vda", "/p")],
                &[("disk vda", "/p"), ("disk vda: driver cache", "none")],
                "disk vda: driver cache is none where vmm last saw nothing",
            ),
            (&[("rng", "virtio")], &[], "rng was removed (virtio)"),
        ];
        for (was, now, sentence) in cases {
            assert_eq!(told(was, now), [sentence]);
        }
    }

    #[test]
    fn of_a_device_that_came_or_went_only_that_is_told() {
        let device = [("rng", "virtio"), ("rng: backend", "/dev/urandom")];
        assert_eq!(told(&device, &[]), ["rng was removed (virtio)"]);
        assert_eq!(told(&[], &device), ["rng was added (virtio)"]);
        assert_eq!(told(&device, &device), [""; 0]);
    }

    #[test]
    fn the_facts_of_one_disk_are_taken_out_and_put_back() {
        let rest = facts(&[("disk vda", "/a"), ("memory", "1 MiB")]);
        let whole =
            facts(&[("disk vda", "/a"), ("disk vdb", "/b"), ("disk vdb: target bus", "virtio"), ("memory", "1 MiB")]);
        assert_eq!(whole.without_disk_at("/b"), rest);
        assert_eq!(rest.with_disk_of(&whole, "/b"), whole);
        assert_eq!(whole.without_disk_at("/c"), whole);
        assert_ne!(whole.digest(), rest.digest());
    }

    #[test]
    fn facts_are_kept_as_they_are_and_those_of_other_rules_are_not_read() {
        let whole = facts(&[("disk vda", "/a \"b\""), ("x", "")]);
        assert_eq!(Facts::from_kept(&whole.kept()).expect("it is read"), Some(whole));
        assert_eq!(Facts::from_kept(r#"{"rules":0,"facts":7}"#).expect("it is read"), None);
        assert!(Facts::from_kept("{").is_err());
    }
}
