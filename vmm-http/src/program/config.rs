//! Settings of the program, from a TOML file and from the environment over it.

use std::collections::HashMap;
use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use vmm_core::config::{self, DeskConfig};

/// Read if no file is named and this one exists.
const DEFAULT_FILE: &str = "/etc/vmm/vmm.toml";

/// What is wrong with a setting, and what would be right.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("the configuration file {0} cannot be read: {1}")]
    Unreadable(PathBuf, std::io::Error),
    #[error("the configuration file {0} is not TOML: {1}")]
    NotToml(PathBuf, Box<toml::de::Error>),
    #[error("{origin}: {key} is not a setting; the settings are {}", Config::keys().collect::<Vec<_>>().join(", "))]
    Unknown { origin: String, key: String },
    #[error("{origin}: {key} is {value}, which is not {wanted}")]
    Wrong { origin: String, key: &'static str, value: String, wanted: &'static str },
    #[error(
        "listen is {0}, which others can reach, and their passwords would cross the network in plain text; set \
         tls_certificate and tls_key, listen on 127.0.0.1 behind a proxy with TLS, or set allow_plain_http = true"
    )]
    PlainHttp(SocketAddr),
    #[error("{0} is not set, but {1} is; TLS needs both")]
    HalfTls(&'static str, &'static str),
}

/// Declares the settings with their defaults. The documentation of each stands in docs/OPERATIONS.md.
macro_rules! settings {
    ($($key:ident: $kind:ty = $default:expr;)+) => {
        /// The settings, one field for each key.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(crate) struct Config {
            /// What the desk is opened with.
            pub(crate) desk: DeskConfig,
            $(pub(crate) $key: $kind,)+
        }

        impl Config {
            /// Every key but the desk's, as it stands in the file. The variable is `VMM_` and the key in capitals.
            const OWN_KEYS: &'static [&'static str] = &[$(stringify!($key)),+];

            fn read(source: &mut Source) -> Result<Self, ConfigError> {
                let desk = source.take_desk()?;
                Ok(Self { desk, $($key: source.take(stringify!($key))?.unwrap_or_else(|| $default),)+ })
            }
        }
    };
}

settings! {
    listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8080));
    allow_plain_http: bool = false;
    tls_certificate: Option<PathBuf> = None;
    tls_key: Option<PathBuf> = None;
    trusted_proxies: Addresses = Addresses(Vec::new());
    concurrent_connections: Count = Count(4096);
    header_deadline: Duration = Duration::from_secs(10);
    body_deadline: Duration = Duration::from_secs(10);
    idle_deadline: Duration = Duration::from_secs(15);
    stall_deadline: Duration = Duration::from_secs(11);
    connection_lifetime: Option<Duration> = None;
    stop_deadline: Duration = Duration::from_secs(10);
    log: String = "info".to_owned();
    log_format: LogFormat = LogFormat::Text;
}

impl Config {
    /// Every key.
    fn keys() -> impl Iterator<Item = &'static str> {
        DeskConfig::KEYS.iter().chain(Self::OWN_KEYS).copied()
    }

    /// The certificate and its key, if there are both.
    pub(crate) fn tls_files(&self) -> Result<Option<(&Path, &Path)>, ConfigError> {
        match (&self.tls_certificate, &self.tls_key) {
            (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
            (None, None) => Ok(None),
            (None, Some(_)) => Err(ConfigError::HalfTls("tls_certificate", "tls_key")),
            (Some(_), None) => Err(ConfigError::HalfTls("tls_key", "tls_certificate")),
        }
    }

    /// Reads the file, which must exist if it is named, and puts the environment over it.
    pub(crate) fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        let file = file.or_else(|| Some(Path::new(DEFAULT_FILE)).filter(|file| file.exists()));
        let table = file.map(read_table).transpose()?.unwrap_or_default();
        let environment = environment
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let origin = file.map(|file| file.display().to_string()).unwrap_or_default();
        Source { table, origin, environment }.read()
    }
}

fn read_table(file: &Path) -> Result<toml::Table, ConfigError> {
    let text = std::fs::read_to_string(file).map_err(|error| ConfigError::Unreadable(file.to_owned(), error))?;
    text.parse().map_err(|error| ConfigError::NotToml(file.to_owned(), Box::new(error)))
}

struct Source {
    table: toml::Table,
    origin: String,
    environment: HashMap<String, String>,
}

impl Source {
    fn read(mut self) -> Result<Config, ConfigError> {
        let config = Config::read(&mut self)?;
        // The settings of vmm-bot, which reads the same file.
        if self.table.get("bot").is_some_and(toml::Value::is_table) {
            self.table.remove("bot");
        }
        if let Some(key) = self.table.keys().next() {
            return Err(ConfigError::Unknown { origin: self.origin, key: key.clone() });
        }
        if config.tls_files()?.is_none() && !config.listen.ip().is_loopback() && !config.allow_plain_http {
            return Err(ConfigError::PlainHttp(config.listen));
        }
        Ok(config)
    }

    fn take_desk(&mut self) -> Result<DeskConfig, ConfigError> {
        let mut desk = DeskConfig::default();
        for key in DeskConfig::KEYS {
            self.take_with(key, |text| desk.set(key, text))?;
        }
        Ok(desk)
    }

    fn take<T: Setting>(&mut self, key: &'static str) -> Result<Option<T>, ConfigError> {
        self.take_with(key, |text| T::from_text(text).ok_or(T::WANTED))
    }

    /// Reads what the variable has, or else the file.
    fn take_with<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&str) -> Result<T, &'static str>,
    ) -> Result<Option<T>, ConfigError> {
        let variable = format!("VMM_{}", key.to_uppercase());
        let (in_file, in_environment) = (self.table.remove(key), self.environment.remove(&variable));
        let (origin, text, value) = match (in_environment, in_file) {
            (Some(text), _) => (variable, text.clone(), format!("{text:?}")),
            (None, Some(toml::Value::String(text))) => (self.origin.clone(), text.clone(), format!("{text:?}")),
            // What is no number or truth in text is none of what any setting takes.
            (None, Some(value)) => (self.origin.clone(), value.to_string(), value.to_string()),
            (None, None) => return Ok(None),
        };
        read(&text).map(Some).map_err(|wanted| ConfigError::Wrong { origin, key, value, wanted })
    }
}

/// A kind of value, as it is written in the file and in a variable.
trait Setting: Sized {
    /// What is right, to stand behind "which is not".
    const WANTED: &'static str;

    fn from_text(text: &str) -> Option<Self>;
}

impl Setting for String {
    const WANTED: &'static str = "a text";

    fn from_text(text: &str) -> Option<Self> {
        Some(text.to_owned()).filter(|text| !text.is_empty())
    }
}

impl Setting for PathBuf {
    const WANTED: &'static str = "a path";

    fn from_text(text: &str) -> Option<Self> {
        Some(Self::from(text)).filter(|path| !path.as_os_str().is_empty())
    }
}

impl<T: Setting> Setting for Option<T> {
    const WANTED: &'static str = T::WANTED;

    fn from_text(text: &str) -> Option<Self> {
        T::from_text(text).map(Some)
    }
}

impl Setting for SocketAddr {
    const WANTED: &'static str = "an address and port like 127.0.0.1:8080";

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Setting for bool {
    const WANTED: &'static str = "true or false";

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

/// A number of things, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count(pub(crate) usize);

impl Setting for Count {
    const WANTED: &'static str = "a whole number from 1 to 100000";

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok().filter(|count| (1..=100_000).contains(count)).map(Self)
    }
}

/// Addresses, none or several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Addresses(pub(crate) Vec<IpAddr>);

impl Setting for Addresses {
    const WANTED: &'static str = "addresses like 127.0.0.1 with commas between them";

    fn from_text(text: &str) -> Option<Self> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(|part| part.parse().ok()).collect::<Option<_>>().map(Self)
    }
}

impl Setting for Duration {
    const WANTED: &'static str = config::TIME;

    fn from_text(text: &str) -> Option<Self> {
        config::time(text).ok()
    }
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

impl Setting for LogFormat {
    const WANTED: &'static str = "text or json";

    fn from_text(text: &str) -> Option<Self> {
        match text {
            "text" => Some(Self::Text),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(file: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
        let table = file.parse().expect("a test writes TOML");
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Source { table, origin: "vmm.toml".to_owned(), environment }.read().map_err(|error| error.to_string())
    }

    #[test]
    fn the_environment_stands_over_the_file_and_both_over_the_default() {
        let read = config("pool = \"images\"\nnetwork = \"lab\"", &[("VMM_POOL", "fast")]).expect("right settings");
        assert_eq!((read.desk.pool.as_str(), read.desk.network.as_str()), ("fast", "lab"));
        assert!(config("[bot]\ntoken_file = \"/etc/vmm/bot.token\"", &[]).is_ok(), "another program's");
        assert_eq!(config("body_deadline = \"15m\"", &[]).expect("right").body_deadline, Duration::from_secs(900));
        assert_eq!(config("runs_kept = 7", &[]).expect("right").desk.settings.runs_kept, 7);
    }

    #[test]
    fn an_error_names_the_key_the_value_and_what_would_be_right() {
        for (file, environment, parts) in [
            ("listen = \"nowhere\"", None, ["vmm.toml", "listen", "nowhere", "127.0.0.1:8080"]),
            ("file_limit = \"1GB\"", None, ["vmm.toml", "file_limit", "1GB", "2GiB"]),
            ("concurrent_jobs = 0", None, ["vmm.toml", "concurrent_jobs", "0", "from 1"]),
            ("", Some(("VMM_BOOT_DEADLINE", "soon")), ["VMM_BOOT_DEADLINE", "boot_deadline", "soon", "10m"]),
            ("", Some(("VMM_VIRT_TYPE", "xen")), ["VMM_VIRT_TYPE", "virt_type", "xen", "qemu"]),
            ("databse = \"x\"", None, ["vmm.toml", "databse", "not a setting", "database"]),
        ] {
            let error = config(file, environment.as_slice()).expect_err("a wrong setting");
            assert!(parts.iter().all(|part| error.contains(part)), "{error}");
        }
    }

    #[test]
    fn plain_http_stays_on_this_machine_unless_allowed() {
        let error = config("listen = \"0.0.0.0:8080\"", &[]).expect_err("an open address");
        assert!(error.contains("allow_plain_http"), "{error}");
        assert!(config("listen = \"0.0.0.0:8080\"\nallow_plain_http = true", &[]).is_ok());
        assert!(config("listen = \"0.0.0.0:8080\"\ntls_certificate = \"c\"\ntls_key = \"k\"", &[]).is_ok());
        let error = config("tls_certificate = \"c\"", &[]).expect_err("half of it");
        assert!(error.contains("tls_key is not set"), "{error}");
    }

    #[test]
    fn every_setting_stands_in_the_manual() {
        let manual = include_str!("../../../docs/OPERATIONS.md");
        for key in Config::keys() {
            let variable = format!("`VMM_{}`", key.to_uppercase());
            let row = manual.lines().find(|line| line.starts_with(&format!("| `{key}` |")));
            assert!(row.is_some_and(|row| row.contains(&variable)), "docs/OPERATIONS.md has no row for {key}");
        }
    }
}
