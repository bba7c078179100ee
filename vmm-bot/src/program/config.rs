//! Settings of the program: the desk's, which vmm-http reads from the same file, and the bot's own in its table `bot`.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::{Table, Value};
use vmm_core::{DeskConfig, SecretString, Vmm};

use super::output::Failed;

/// Read if no file is named and this one exists.
const DEFAULT_FILE: &str = "/etc/vmm/vmm.toml";

/// The settings.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) desk: DeskConfig,
    /// What is logged, as `tracing-subscriber` has it.
    pub(crate) log: String,
    pub(crate) bot: Bot,
}

/// What the bot is.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Bot {
    /// A file with the token, readable by its owner only.
    token_file: Option<PathBuf>,
    /// Another server than Telegram's.
    pub(crate) api_url: Option<String>,
    /// The address to which Telegram sends updates; without it, Telegram is asked for them.
    pub(crate) webhook_url: Option<String>,
    /// Where requests to it come in.
    webhook_listen: Option<String>,
    /// The token itself, from the environment alone.
    #[serde(skip)]
    token: Option<SecretString>,
}

impl Bot {
    const KEYS: &'static [&'static str] = &["token_file", "api_url", "webhook_url", "webhook_listen"];
    const TOKEN: &'static str = "VMM_BOT_TOKEN";
    /// Unless another one is set.
    const WEBHOOK_LISTEN: &'static str = "127.0.0.1:8082";

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
        if right { Ok(token.to_owned().into()) } else { Err("the token is not one of @BotFather's".to_owned()) }
    }

    /// Where requests to the webhook come in, from a proxy in front.
    pub(crate) fn webhook_listen(&self) -> Result<SocketAddr, String> {
        let listen = self.webhook_listen.as_deref().unwrap_or(Self::WEBHOOK_LISTEN);
        listen.parse().map_err(|_| {
            format!("webhook_listen is {listen:?}, which is not an address and port like {}", Self::WEBHOOK_LISTEN)
        })
    }

    /// Whether others than the owner of the token's file can read it.
    pub(crate) fn exposed(&self) -> Option<&Path> {
        use std::os::unix::fs::PermissionsExt as _;
        let file = self.token_file.as_deref().filter(|_| self.token.is_none())?;
        let mode = std::fs::metadata(file).ok()?.permissions().mode();
        (mode & 0o077 != 0).then_some(file)
    }
}

impl Config {
    const LOG: &'static str = "log";

    /// Opens the desk, which `vmm-http init` has made.
    pub(crate) async fn open(&self) -> Result<Vmm, Failed> {
        Vmm::open_ready(&self.desk).await.map_err(|error| match error.needs_set_up() {
            true => format!("this desk is not set up: {error}; run vmm-http init").into(),
            false => error.into(),
        })
    }

    /// Reads the file, which must exist if it is named, and puts the environment over it.
    pub(crate) fn load(file: Option<&Path>, mut environment: HashMap<String, String>) -> Result<Self, String> {
        let default = Path::new(DEFAULT_FILE);
        let file = file.or(Some(default).filter(|file| file.exists()));
        let table = match file {
            Some(file) => std::fs::read_to_string(file)
                .map_err(|error| error.to_string())
                .and_then(|text| text.parse().map_err(|error: toml::de::Error| error.to_string()))
                .map_err(|error| format!("the configuration file {} cannot be read: {error}", file.display()))?,
            None => Table::new(),
        };
        let origin = file.map_or("the environment".to_owned(), |file| file.display().to_string());
        let token = environment.remove(Bot::TOKEN).map(|token| token.trim().to_owned().into());
        let mut config = Self::read(table, &environment).map_err(|error| format!("{origin}: {}", error.trim_end()))?;
        config.bot.token = token;
        Ok(config)
    }

    fn read(mut table: Table, environment: &HashMap<String, String>) -> Result<Self, String> {
        let mut own = match table.remove("bot") {
            Some(Value::Table(own)) => own,
            None => Table::new(),
            Some(_) => return Err("bot is not a table; write [bot] and its settings below".to_owned()),
        };
        let over = |table: &mut Table, keys: &[&str], prefix: &str| {
            for key in keys {
                if let Some(value) = environment.get(&format!("{prefix}{}", key.to_uppercase())) {
                    table.insert((*key).to_owned(), Value::String(value.clone()));
                }
            }
        };
        over(&mut table, DeskConfig::KEYS, "VMM_");
        over(&mut table, &[Self::LOG], "VMM_");
        over(&mut own, Bot::KEYS, "VMM_BOT_");
        // Keys that are vmm-http's alone are left to it.
        let mut desk = DeskConfig::default();
        for key in DeskConfig::KEYS {
            if let Some(value) = table.get(*key) {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                desk.set(key, &text).map_err(|right| format!("{key} is {value}, which is not {right}"))?;
            }
        }
        let log = match table.remove(Self::LOG) {
            Some(Value::String(log)) => log,
            Some(value) => return Err(format!("log is {value}, which is not a text")),
            None => "info".to_owned(),
        };
        let bot = own.try_into().map_err(|error| format!("table bot: {error}"))?;
        Ok(Self { desk, log, bot })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(file: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Config::read(file.parse().expect("a test writes TOML"), &environment)
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
        let error = config("[bot]\nwebhook_listen = \"8082\"", &[]).expect("settings").bot.webhook_listen();
        let error = error.expect_err("no address");
        assert!(error.contains("8082") && error.contains("127.0.0.1:8082"), "{error}");
        let error = config("", &[]).expect("defaults").bot.token().expect_err("no token");
        assert!(error.contains("VMM_BOT_TOKEN_FILE"), "{error}");
    }

    #[test]
    fn the_token_shows_nowhere() {
        let environment = HashMap::from([("VMM_BOT_TOKEN".to_owned(), "1:AAsecretsecretsecretsecret".to_owned())]);
        let config = Config::load(None, environment).expect("right settings");
        assert!(config.bot.token().is_ok());
        assert!(!format!("{config:?}").contains("secretsecret"));
        let wrong = Bot { token_file: Some("Cargo.toml".into()), ..Bot::default() };
        assert!(!wrong.token().expect_err("no token").contains("package"));
    }
}
