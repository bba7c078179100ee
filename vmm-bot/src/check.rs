//! `vmm-bot check`: tries everything that the bot needs, and says what to do about what is missing.

use std::process::ExitCode;

use teloxide::prelude::Requester;
use vmm_bot::hidden;
use vmm_core::{Actor, Vmm};

use crate::config::Config;
use crate::{Failed, say};

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
        report.tell("program", Err(format!("was built without {part}; build it with its default features")))?;
    }
    report.tell("token", token(config))?;
    report.tell("telegram", telegram(config).await)?;
    match config.open().await {
        Ok(vmm) => {
            report.tell("desk", Ok(format!("{} can be used", config.desk.database.display())))?;
            let host = vmm.host(&Actor::System).await;
            let advice = "check that libvirtd runs and this user may reach it";
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
        Some(file) => Err(format!("others can read {}: chmod 600", file.display())),
        None => Ok("is there, and nobody else can read it".to_owned()),
    }
}

async fn telegram(config: &Config) -> Result<String, String> {
    let bot = vmm_bot::client(&config.bot.token()?, config.bot.api_url.as_deref())?;
    let me = bot.get_me().await.map_err(|error| format!("{}; see that api.telegram.org is reached", hidden(&error)))?;
    let webhook = bot.get_webhook_info().await.map_err(|error| hidden(&error))?;
    let takes = if webhook.url.is_some() { ", whose webhook vmm-bot run removes" } else { "" };
    Ok(format!("knows the bot as @{}{takes}", me.username()))
}
