//! The settings as somebody has written them: a TOML file, and variables of the environment over it.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{fmt, io};

use secrecy::SecretString;
use toml::{Table, Value};

use super::DeskConfig;
use super::value::SettingValue;
use crate::text::distance;

/// The file that is read if no file is named and this one exists.
const DEFAULT_FILE: &str = "/etc/vmm/vmm.toml";
/// The prefix of the environment variable of a setting.
const PREFIX: &str = "VMM_";

/// Settings of the front ends, all of which read one file: each reads its own and leaves those of the others.
const OF_FRONT_ENDS: &[&str] = &[
    "listen",
    "allow_plain_http",
    "tls_certificate",
    "tls_key",
    "trusted_proxies",
    "concurrent_connections",
    "header_deadline",
    "body_deadline",
    "idle_deadline",
    "stall_deadline",
    "connection_lifetime",
    "stop_deadline",
    "log",
    "log_format",
    "bot.token_file",
    "bot.api_url",
    "bot.webhook_url",
    "bot.webhook_listen",
];

/// Why settings cannot be read: which setting is wrong, what is wrong, and what would be right.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingError {
    /// The file cannot be read.
    #[error("the configuration file {} cannot be read: {error}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The file is not written in TOML.
    #[error("the configuration file {origin} is not TOML: {reason}")]
    NotToml {
        /// The file.
        origin: String,
        /// The mistake and its place.
        reason: String,
    },
    /// A table of settings is something else.
    #[error("{origin}: {key} is not a table; write [{key}] and its settings below")]
    NotTable {
        /// The file.
        origin: String,
        /// The name of the table.
        key: String,
    },
    /// No program has such a setting.
    #[error("{origin}: {key} is not a setting{}", suggestion(*meant))]
    Unknown {
        /// The file.
        origin: String,
        /// The name that was written.
        key: String,
        /// The setting whose name is nearly that.
        meant: Option<&'static str>,
    },
    /// A setting has a value that it cannot have.
    #[error("{origin}: {key} is {value}, which is not {right}")]
    Wrong {
        /// The file or the variable.
        origin: String,
        /// The name of the setting.
        key: &'static str,
        /// The value as it was written.
        value: String,
        /// The values that would be right.
        right: String,
    },
}

fn suggestion(meant: Option<&str>) -> String {
    match meant {
        Some(meant) => format!("; did you mean {meant}?"),
        None => "; docs/OPERATIONS.md lists the settings".to_owned(),
    }
}

/// The settings of a file and of the environment, before anybody has read them. A variable stands over the file.
///
/// The setting `pool` has the variable `VMM_POOL`, and `api_url` in the table `bot` is called `bot.api_url` here and
/// has the variable `VMM_BOT_API_URL`. Nothing here reads the environment; whoever has one hands it in.
pub struct SettingSource {
    /// The name of the file in error messages.
    origin: String,
    file: BTreeMap<String, Value>,
    environment: HashMap<String, String>,
}

impl fmt::Debug for SettingSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SettingSource").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl SettingSource {
    /// Reads the file that is named, or else `/etc/vmm/vmm.toml` if that exists.
    ///
    /// # Errors
    /// If the named file cannot be read, if the file is not TOML, or if it has a setting that no program knows.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, SettingError> {
        let environment = environment
            .into_iter()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        match file.or_else(|| Some(Path::new(DEFAULT_FILE)).filter(|file| file.exists())) {
            None => Self::read("", "the environment", environment),
            Some(file) => match std::fs::read_to_string(file) {
                Ok(text) => Self::read(&text, file.display(), environment),
                Err(error) => Err(SettingError::Unreadable { file: file.to_owned(), error }),
            },
        }
    }

    /// Reads a text in TOML, which errors name as `origin`.
    ///
    /// # Errors
    /// If the text is not TOML, or has a setting that no program knows.
    pub fn read(
        text: &str,
        origin: impl fmt::Display,
        environment: HashMap<String, String>,
    ) -> Result<Self, SettingError> {
        let origin = origin.to_string();
        let table: Table = match text.parse() {
            Ok(table) => table,
            Err(error) => {
                let reason = toml::de::Error::to_string(&error).trim_end().to_owned();
                return Err(SettingError::NotToml { origin, reason });
            }
        };
        let mut file = BTreeMap::new();
        for (key, value) in table {
            match value {
                Value::Table(settings) => {
                    file.extend(settings.into_iter().map(|(name, value)| (format!("{key}.{name}"), value)));
                }
                _ if is_table(&key) => return Err(SettingError::NotTable { origin, key }),
                value => drop(file.insert(key, value)),
            }
        }
        match file.keys().find(|key| !known().any(|known| known == *key)) {
            Some(key) => Err(SettingError::Unknown { meant: nearest(key), origin, key: key.clone() }),
            None => Ok(Self { origin, file, environment }),
        }
    }

    /// Takes the value of a setting; `None` if nobody has set it.
    ///
    /// # Errors
    /// If the setting cannot have that value.
    pub fn take<T: SettingValue>(&mut self, key: &'static str) -> Result<Option<T>, SettingError> {
        self.take_with(key, |text| T::from_text(text).ok_or_else(|| T::RIGHT.to_owned()))
    }

    /// Takes a secret from a variable of the environment, which is the only place where it may stand.
    pub fn take_secret(&mut self, variable: &str) -> Option<SecretString> {
        self.environment.remove(variable).map(|secret| secret.trim().to_owned().into())
    }

    /// Takes the value of a setting that `read` reads, which fails with what would be right.
    pub(super) fn take_with<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, SettingError> {
        debug_assert!(known().any(|known| known == key), "{key} stands in no list of settings");
        let variable = format!("{PREFIX}{}", key.replace('.', "_").to_uppercase());
        let (in_file, in_environment) = (self.file.remove(key), self.environment.remove(&variable));
        let (origin, text, value) = match (in_environment, in_file) {
            (Some(text), _) => (variable, text.clone(), format!("{text:?}")),
            (None, Some(Value::String(text))) => (self.origin.clone(), text.clone(), format!("{text:?}")),
            // A number and a truth value are written as text has them; no setting takes anything else.
            (None, Some(value)) => (self.origin.clone(), value.to_string(), value.to_string()),
            (None, None) => return Ok(None),
        };
        read(&text).map(Some).map_err(|right| SettingError::Wrong { origin, key, value, right })
    }
}

/// Returns the names of all settings that a program has.
fn known() -> impl Iterator<Item = &'static str> {
    DeskConfig::KEYS.iter().chain(OF_FRONT_ENDS).copied()
}

fn is_table(key: &str) -> bool {
    known().any(|known| known.split_once('.').is_some_and(|(table, _)| table == key))
}

/// Returns the setting that was meant by a name that is nearly its own, or that is its own outside or inside a table.
fn nearest(key: &str) -> Option<&'static str> {
    let name = key.rsplit_once('.').map_or(key, |(_, name)| name);
    let misplaced = || known().find(|known| known.rsplit_once('.').map_or(*known, |(_, own)| own) == name);
    let close = || known().min_by_key(|known| distance(key, known)).filter(|known| distance(key, known) <= 2);
    misplaced().or_else(close)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(file: &str, environment: &[(&str, &str)]) -> Result<SettingSource, String> {
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        SettingSource::read(file, "vmm.toml", environment).map_err(|error| error.to_string())
    }

    #[test]
    fn the_environment_stands_over_the_file_and_both_over_the_default() {
        let file = "pool = \"images\"\nnetwork = \"lab\"\nruns_kept = 7\nlisten = \"[::1]:80\"";
        let mut source = source(file, &[("VMM_POOL", "fast"), ("PATH", "/bin")]).expect("right settings");
        let desk = DeskConfig::read(&mut source).expect("right settings");
        assert_eq!((desk.pool.as_str(), desk.network.as_str()), ("fast", "lab"));
        assert_eq!((desk.settings.runs_kept, desk.libvirt_uri), (7, DeskConfig::default().libvirt_uri));
    }

    #[test]
    fn a_setting_of_a_table_is_named_by_both_names() {
        let mut in_file = source("[bot]\napi_url = \"http://a/\"", &[]).expect("right settings");
        assert_eq!(in_file.take::<String>("bot.api_url").expect("a text").as_deref(), Some("http://a/"));
        let mut in_both = source("[bot]\napi_url = \"http://a/\"", &[("VMM_BOT_API_URL", "http://b/")]).expect("right");
        assert_eq!(in_both.take::<String>("bot.api_url").expect("a text").as_deref(), Some("http://b/"));
        assert_eq!(in_both.take::<String>("bot.webhook_url").expect("none"), None);
    }

    #[test]
    fn an_error_names_the_setting_what_is_wrong_and_what_is_right() {
        for (file, parts) in [
            (
                "file_limit = \"1GB\"",
                &["vmm.toml: file_limit is \"1GB\"", "which is not a size like 500MiB or 2GiB"][..],
            ),
            ("concurrent_jobs = 0", &["vmm.toml: concurrent_jobs is 0", "a whole number from 1 to 100000"]),
            ("virt_type = \"xen\"", &["virt_type is \"xen\"", "auto, kvm or qemu"]),
            ("pool = \"\"", &["pool is \"\"", "which is not a text"]),
        ] {
            let mut source = source(file, &[]).expect("known settings");
            let error = DeskConfig::read(&mut source).expect_err("a wrong setting").to_string();
            assert!(parts.iter().all(|part| error.contains(part)), "{error}");
        }
        let mut variable = source("", &[("VMM_BOOT_DEADLINE", "soon")]).expect("known settings");
        let error = DeskConfig::read(&mut variable).expect_err("a wrong setting").to_string();
        assert!(error.starts_with("VMM_BOOT_DEADLINE: boot_deadline is \"soon\", which is not a time"), "{error}");
        assert!(
            source("pool = ", &[]).expect_err("no TOML").starts_with("the configuration file vmm.toml is not TOML")
        );
        assert!(source("bot = 1", &[]).expect_err("no table").contains("write [bot] and its settings below"));
    }

    #[test]
    fn an_unknown_setting_is_refused_with_the_one_that_was_meant() {
        for (file, key, meant) in [
            ("databse = \"x\"", "databse", "did you mean database?"),
            ("lisen = \"x\"", "lisen", "did you mean listen?"),
            ("[bot]\ntokn_file = \"x\"", "bot.tokn_file", "did you mean bot.token_file?"),
            ("token_file = \"x\"", "token_file", "did you mean bot.token_file?"),
            ("[bot]\npool = \"x\"", "bot.pool", "did you mean pool?"),
            ("[bot]\ntoken = \"secret\"", "bot.token", "docs/OPERATIONS.md lists the settings"),
            ("colour = \"x\"", "colour", "docs/OPERATIONS.md lists the settings"),
        ] {
            let error = source(file, &[]).expect_err("no setting");
            assert_eq!(error, format!("vmm.toml: {key} is not a setting; {meant}"));
        }
    }

    #[test]
    fn a_secret_of_the_environment_shows_nowhere() {
        let mut source = source("", &[("VMM_BOT_TOKEN", " 1:AAsecret\n")]).expect("right settings");
        assert!(!format!("{source:?}").contains("secret"));
        let token = source.take_secret("VMM_BOT_TOKEN").expect("a token");
        assert_eq!(secrecy::ExposeSecret::expose_secret(&token), "1:AAsecret");
        assert!(source.take_secret("VMM_BOT_TOKEN").is_none());
    }
}
