//! `vmm-http rotate-key`: a new master key in place of the old one.

use std::process::ExitCode;

use vmm_core::MasterKey;
use vmm_core::repository::sqlite::SqliteRepository;

use super::config::Config;
use super::{Failed, say};

/// Seals everything with a new key. While it does, nobody else can open the database.
pub(crate) async fn run(config: &Config) -> Result<ExitCode, Failed> {
    let shown = config.desk.database.display();
    if !config.desk.database.exists() {
        return Err(format!("{shown} is not there; run vmm-http init").into());
    }
    let repository = SqliteRepository::open_alone(&config.desk.database)
        .await
        .map_err(|error| format!("{shown} must be opened alone; stop every vmm program first: {error}"))?;
    MasterKey::rotate(&config.desk.master_key, &repository).await?;
    let key = config.desk.master_key.display();
    say(&format!(
        "made   master key {key}; everything is sealed with it\nBack it up: the old key opens nothing in this database."
    ))?;
    Ok(ExitCode::SUCCESS)
}
