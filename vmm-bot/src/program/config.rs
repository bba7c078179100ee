//! Settings of the program: the desk's, which vmm-http reads from the same file, and the bot's own in its table `bot`.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use vmm_core::config::{DeskConfig, SettingError, SettingSource};
use vmm_core::{SecretString, Vmm};

use super::output::Failed;

/// The settings.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) desk: DeskConfig,
    /// The filter of the log, in the form of `tracing-subscriber`.
    pub(crate) log: String,
    pub(crate) bot: Bot,
}

/// The settings of the bot.
#[derive(Debug)]
pub(crate) struct Bot {
    /// A file with the token, readable by its owner only.
    token_file: Option<PathBuf>,
    /// Another server than Telegram's.
    pub(crate) api_url: Option<String>,
    /// The address to which Telegram sends updates; without it, Telegram is asked for them.
    pub(crate) webhook_url: Option<String>,
    /// The address on which the webhook receives requests from a proxy.
    pub(crate) webhook_listen: SocketAddr,
    /// The token itself, from the environment alone.
    token: Option<SecretString>,
}

impl Bot {
    const TOKEN: &'static str = "VMM_BOT_TOKEN";
    const WEBHOOK_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8082);

    fn read(source: &mut SettingSource) -> Result<Self, SettingError> {
        Ok(Self {
            token_file: source.take("bot.token_file")?,
            api_url: source.take("bot.api_url")?,
            webhook_url: source.take("bot.webhook_url")?,
            webhook_listen: source.take("bot.webhook_listen")?.unwrap_or(Self::WEBHOOK_LISTEN),
            token: source.take_secret(Self::TOKEN),
        })
    }

    /// The token.
    pub(crate) fn token(&self) -> Result<SecretString, String> {
        let text = match (&self.token, &self.token_file) {
            (Some(token), _) => return Ok(token.clone()),
            (None, Some(file)) => {
                std::fs::read_to_string(file).map_err(|error| format!("token_file {}: {error}", file.display()))?
            }
            (None, None) => {
                return Err("the bot has no token; write it to a file that you alone can read, and name that in \
                            VMM_BOT_TOKEN_FILE or as token_file in the table bot"
                    .to_owned());
            }
        };
        let token = text.trim();
        // A token is digits, a colon and letters; anything else is another file.
        let right = token.split_once(':').is_some_and(|(id, secret)| id.parse::<u64>().is_ok() && secret.len() > 20);
        if right { Ok(token.to_owned().into()) } else { Err("the token is not one that @BotFather gives".to_owned()) }
    }

    /// Returns the token's file if others than its owner can read it.
    pub(crate) fn exposed(&self) -> Option<&Path> {
        use std::os::unix::fs::PermissionsExt as _;
        let file = self.token_file.as_deref().filter(|_| self.token.is_none())?;
        let mode = std::fs::metadata(file).ok()?.permissions().mode();
        (mode & 0o077 != 0).then_some(file)
    }
}

impl Config {
    /// Opens the desk, which `vmm-http init` has made.
    pub(crate) async fn open(&self) -> Result<Vmm, Failed> {
        Vmm::open_ready(&self.desk).await.map_err(|error| match error.needs_set_up() {
            true => format!("this desk is not set up: {error}; run vmm-http init").into(),
            false => error.into(),
        })
    }

    /// Reads the file, which must exist if it is named, and puts the environment over it.
    pub(crate) fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<Self, SettingError> {
        Self::read(&mut SettingSource::load(file, environment)?)
    }

    /// Takes the settings; those that vmm-http alone has are left to it.
    fn read(source: &mut SettingSource) -> Result<Self, SettingError> {
        let desk = DeskConfig::read(source)?;
        let log = source.take("log")?.unwrap_or_else(|| "info".to_owned());
        Ok(Self { desk, log, bot: Bot::read(source)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(file: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let source = SettingSource::read(file, "vmm.toml", environment);
        source.and_then(|mut source| Config::read(&mut source)).map_err(|error| error.to_string())
    }

    #[test]
    fn the_environment_stands_over_the_file_and_both_over_the_default() {
        let file = "listen = \"127.0.0.1:8080\"\npool = \"images\"\nnetwork = \"lab\"\n[bot]\napi_url = \"http://a/\"";
        let read = config(file, &[("VMM_POOL", "fast"), ("VMM_BOT_API_URL", "http://b/")]).expect("right settings");
        assert_eq!((read.desk.pool.as_str(), read.desk.network.as_str()), ("fast", "lab"));
        assert_eq!(read.bot.api_url.as_deref(), Some("http://b/"));
        // A run that ends in the bot makes the same room as one that ends in vmm-http.
        assert_eq!(config("runs_kept = 7", &[]).expect("right settings").desk.settings.runs_kept, 7);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = config("[bot]\ntokn_file = \"x\"", &[]).expect_err("no setting");
        assert!(error.contains("tokn_file") && error.contains("token_file"), "{error}");
        let error = config("virt_type = \"xen\"", &[]).expect_err("no type");
        assert!(error.contains("xen") && error.contains("kvm"), "{error}");
        assert!(config("bot = 1", &[]).is_err());
        let error = config("[bot]\nwebhook_listen = \"8082\"", &[]).expect_err("no address");
        assert!(error.contains("bot.webhook_listen is \"8082\", which is not an address and port like"), "{error}");
        let error = config("pol = \"x\"", &[]).expect_err("no setting");
        assert!(error.contains("did you mean pool?"), "{error}");
        let error = config("", &[]).expect("defaults").bot.token().expect_err("no token");
        assert!(error.contains("VMM_BOT_TOKEN_FILE"), "{error}");
    }

    #[test]
    fn the_token_shows_nowhere() {
        let config = config("", &[("VMM_BOT_TOKEN", "1:AAsecretsecretsecretsecret")]).expect("right settings");
        assert!(config.bot.token().is_ok());
        assert!(!format!("{config:?}").contains("secretsecret"));
        let wrong = self::config("[bot]\ntoken_file = \"Cargo.toml\"", &[]).expect("right settings");
        assert!(!wrong.bot.token().expect_err("no token").contains("package"));
    }
}
