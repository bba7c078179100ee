//! `vmm-bot check`: tries everything that the bot needs, and says what to do about what is missing.

use std::process::ExitCode;

use teloxide::prelude::Requester;
use teloxide::types::WebhookInfo;
use url::Url;
use vmm_bot::{Bot, Webhook, hidden};
use vmm_core::{Actor, Vmm};

use super::config::Config;
use super::output::{Failed, say};

struct Report {
    healthy: bool,
}

impl Report {
    fn tell(&mut self, subject: &str, finding: Result<String, String>) -> Result<(), Failed> {
        let (word, text) = match finding {
            Ok(text) => ("ok     ", text),
            Err(text) => {
                self.healthy = false;
                ("problem", text)
            }
        };
        Ok(say(&format!("{word} {subject}: {text}"))?)
    }
}

/// Tries everything. The exit code is 1 if there is a problem.
pub(crate) async fn run(config: &Config) -> Result<ExitCode, Failed> {
    let mut report = Report { healthy: true };
    for part in Vmm::MISSING {
        report.tell("program", Err(format!("it was built without {part}; build it with its default features")))?;
    }
    report.tell("token", token(config))?;
    match bot(config) {
        Ok(bot) => {
            report.tell("telegram", telegram(&bot).await)?;
            report.tell("updates", updates(config, &bot).await)?;
        }
        Err(error) => report.tell("telegram", Err(error))?,
    }
    match config.open().await {
        Ok(vmm) => {
            report.tell("desk", Ok(format!("{} opens", config.desk.database.display())))?;
            let host = vmm.host(&Actor::System).await;
            let advice = "make sure that libvirtd runs and that this user may connect to it";
            let finding = host.map(|host| format!("{} on {}", host.hypervisor, host.name));
            report.tell("hypervisor", finding.map_err(|error| format!("{error}; {advice}")))?;
        }
        Err(error) => report.tell("desk", Err(error.to_string()))?,
    }
    Ok(if report.healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn token(config: &Config) -> Result<String, String> {
    config.bot.token()?;
    match config.bot.exposed() {
        Some(file) => Err(format!("other users of this computer can read {0}; run chmod 600 {0}", file.display())),
        None => Ok("it is set, and no other user can read it".to_owned()),
    }
}

fn bot(config: &Config) -> Result<Bot, String> {
    vmm_bot::client(&config.bot.token()?, config.bot.api_url.as_deref())
}

async fn telegram(bot: &Bot) -> Result<String, String> {
    let me = bot
        .get_me()
        .await
        .map_err(|error| format!("{}; make sure that this computer reaches api.telegram.org", hidden(&error)))?;
    Ok(format!("it knows the bot as @{}", me.username()))
}

/// Checks how updates arrive, and what Telegram knows of the webhook.
async fn updates(config: &Config, bot: &Bot) -> Result<String, String> {
    let WebhookInfo { url, pending_update_count: waiting, last_error_date, last_error_message, .. } =
        bot.get_webhook_info().await.map_err(|error| hidden(&error))?;
    let set = url.as_ref().map(Url::as_str);
    let Some(wanted) = &config.bot.webhook_url else {
        let removed = set.map_or(String::new(), |url| format!("; it will remove the webhook {url}"));
        return Ok(format!("vmm-bot run asks Telegram for them, {waiting} wait{removed}"));
    };
    let webhook = Webhook::new(bot, wanted)?;
    let listen = config.bot.webhook_listen;
    if set != Some(webhook.url()) {
        return Ok(format!(
            "Telegram does not send them to {wanted} yet, {waiting} wait; vmm-bot run will ask it to, and listen at \
             {listen}"
        ));
    }
    match last_error_date.zip(last_error_message) {
        Some((at, message)) if waiting > 0 => Err(format!(
            "{waiting} wait, because {wanted} failed at {at}: {message}; make that address lead to {listen}, where \
             vmm-bot listens"
        )),
        Some((at, message)) => {
            Ok(format!("Telegram sends them to {wanted}, {waiting} wait; the last failure was at {at}: {message}"))
        }
        None => Ok(format!("Telegram sends them to {wanted}, {waiting} wait")),
    }
}
