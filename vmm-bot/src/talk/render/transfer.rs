//! Files that were carried from and to machines.

use vmm_core::TransferReport;

use super::errand::{Shown, again, head, logins};
use super::{code, escape};
use crate::talk::reply::Reply;

/// Renders that a file has arrived.
pub(crate) fn carried(shown: &Shown, report: &TransferReport) -> Reply {
    let TransferReport { bytes, sha256, duration, .. } = report;
    let told = format!("✅ {bytes} bytes after {:.1} s.\nSHA-256: {}", duration.as_secs_f64(), code(sha256));
    Reply::text(head(shown, &told)).rows(vec![again(shown), logins(shown)])
}

/// A file from a machine.
pub(crate) fn file(shown: &Shown, name: String, content: Vec<u8>) -> Reply {
    Reply::text(format!("From {}.", code(&shown.vm))).document(name, content)
}

/// Renders that an uploaded file could not be fetched from Telegram.
pub(crate) fn not_there(shown: &Shown, reason: &str) -> Reply {
    Reply::text(head(shown, &format!("⚠️ {}", escape(reason)))).rows(vec![again(shown), logins(shown)])
}

/// Asks for a file to put onto a machine.
pub(crate) fn which_file() -> Reply {
    Reply::text("Send the file as a document, with this command as its caption.")
}
