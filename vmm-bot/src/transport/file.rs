//! Files that people have uploaded, and their download from Telegram.

use serde::{Deserialize, Serialize};
use teloxide::net::Download;
use teloxide::prelude::Requester;
use teloxide::types::FileId;
use teloxide::{Bot, DownloadError};
use tokio::time::timeout;

use super::client::{LONGEST_CALL, hidden};

/// The largest file that Telegram gives, in bytes.
const LARGEST_DOWNLOAD: u32 = 20 << 20;

/// A file that was uploaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Document {
    /// The id by which Telegram gives it.
    pub(crate) file: String,
    /// Its name, as its sender has it: it can hold anything.
    pub(crate) name: String,
    /// Its size in bytes.
    pub(crate) size: u32,
}

/// Returns the content of an uploaded file, or what to tell its sender about why it cannot be had.
pub(crate) async fn download(bot: &Bot, document: &Document) -> Result<Vec<u8>, String> {
    if document.size > LARGEST_DOWNLOAD {
        return Err(format!(
            "Telegram gives me files of up to {} MB, and this one is larger. Send a smaller one.",
            LARGEST_DOWNLOAD >> 20
        ));
    }
    let fetched = async {
        let file = bot.get_file(FileId(document.file.clone())).await.map_err(|error| hidden(&error))?;
        let mut bytes = Vec::with_capacity(document.size as usize);
        bot.download_file(&file.path, &mut bytes).await.map_err(|error| match error {
            // The library has taken the token out of the address.
            DownloadError::Network(source) => format!("network: {source}"),
            DownloadError::Io(source) => source.to_string(),
        })?;
        Ok::<_, String>(bytes)
    };
    let reason = match timeout(LONGEST_CALL, fetched).await {
        Ok(Ok(bytes)) => return Ok(bytes),
        Ok(Err(reason)) => reason,
        Err(_) => "no answer in time".to_owned(),
    };
    Err(format!("I could not get the file from Telegram ({reason}). Please send it again."))
}
