//! `vmm-http verify-audit`: whether somebody has changed, removed or added rows of the audit log.

use std::process::ExitCode;
use std::str::FromStr;

use vmm_core::model::{AuditId, AuditVerdict};
use vmm_core::{Actor, Vmm};

use super::config::Config;
use super::{Failed, say};

/// A row and the beginning of its hash, as they were kept elsewhere: `1234:9f86d081…`.
#[derive(Clone, Debug)]
pub(crate) struct KeptHead {
    row: AuditId,
    hash: String,
}

impl FromStr for KeptHead {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("{text} is not a row and at least 12 hexadecimal digits of its hash, like 17:9f86d081884c");
        let (row, hash) = text.split_once(':').ok_or_else(wrong)?;
        let digits = (12..=64).contains(&hash.len()) && hash.chars().all(|digit| digit.is_ascii_hexdigit());
        let row = row.parse().map_err(|_| wrong())?;
        if digits { Ok(Self { row: AuditId(row), hash: hash.to_ascii_lowercase() }) } else { Err(wrong()) }
    }
}

/// Verifies every row, and compares what was kept elsewhere. The exit code is 1 if something does not fit.
pub(crate) async fn run(config: &Config, kept: &[KeptHead]) -> Result<ExitCode, Failed> {
    let vmm = Vmm::open_ready(&config.desk).await?;
    let AuditVerdict { fits, first_wrong } = vmm.verify_audit(&Actor::System).await?;
    if let Some(wrong) = first_wrong {
        say(&format!(
            "wrong  row {wrong} of the audit log is the first that does not fit: it was changed, removed or written by \
             another program, or rows before it were removed. {} rows before it fit. Compare with a backup and with the \
             hashes in the log and in your monitoring",
            fits.rows
        ))?;
        return Ok(ExitCode::FAILURE);
    }
    for KeptHead { row, hash } in kept {
        let there = vmm.audit_hash(&Actor::System, *row).await?.map(|hash| hash.to_string());
        if !there.as_ref().is_some_and(|there| there.starts_with(hash)) {
            let there = there.unwrap_or_else(|| "not there".to_owned());
            say(&format!(
                "wrong  row {row} is {there}, and not {hash}: the audit log has changed since that hash was kept"
            ))?;
            return Ok(ExitCode::FAILURE);
        }
    }
    say(&format!("ok     {} rows of the audit log fit; the newest one is {}:{}", fits.rows, fits.rows, fits.hash))?;
    Ok(ExitCode::SUCCESS)
}
