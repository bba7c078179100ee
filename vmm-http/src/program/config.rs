//! Settings of the program, from a TOML file and from the environment over it.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use vmm_core::config::{Addresses, Count, DeskConfig, LogFormat, SettingError, SettingSource};

/// Why the program cannot use its settings.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error(transparent)]
    Setting(#[from] SettingError),
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
            /// The settings with which the desk is opened.
            pub(crate) desk: DeskConfig,
            $(pub(crate) $key: $kind,)+
        }

        impl Config {
            /// Every key but the desk's, as it stands in the file. The variable is `VMM_` and the key in capitals.
            #[cfg(test)]
            const OWN_KEYS: &'static [&'static str] = &[$(stringify!($key)),+];

            fn read(source: &mut SettingSource) -> Result<Self, SettingError> {
                let desk = DeskConfig::read(source)?;
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
        Self::checked(SettingSource::load(file, environment)?)
    }

    /// Takes the settings, and checks what follows from more than one.
    fn checked(mut source: SettingSource) -> Result<Self, ConfigError> {
        let config = Self::read(&mut source)?;
        if config.tls_files()?.is_none() && !config.listen.ip().is_loopback() && !config.allow_plain_http {
            return Err(ConfigError::PlainHttp(config.listen));
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(file: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let source = SettingSource::read(file, "vmm.toml", environment).map_err(|error| error.to_string())?;
        Config::checked(source).map_err(|error| error.to_string())
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
        for key in DeskConfig::KEYS.iter().chain(Config::OWN_KEYS) {
            let variable = format!("`VMM_{}`", key.to_uppercase());
            let row = manual.lines().find(|line| line.starts_with(&format!("| `{key}` |")));
            assert!(row.is_some_and(|row| row.contains(&variable)), "docs/OPERATIONS.md has no row for {key}");
        }
    }
}
