//! Posts of bots, and the questions that go with them.

use rusqlite::{Transaction, params};

use super::error::Result;
use super::row::{execute, exists};
use crate::mail::KEPT_QUESTIONS;
use crate::model::{Attachment, BotId, NewPost, PostPlace, Question};
use crate::repository::rules::{LIVE, now, stored};

/// Stores a post.
pub(super) fn put(tx: &Transaction<'_>, bot: BotId, new: &NewPost) -> Result<()> {
    let NewPost { chat, content, attachment, buttons, place } = new;
    let at = now();
    execute(tx, "DELETE FROM bot_button WHERE expires_at <= ?1", [at.timestamp_micros()])?;
    let (changes, live) = match place {
        PostPlace::New => (None, None),
        PostPlace::Change(message) => (Some(*message), None),
        PostPlace::Live { name, message } => (*message, Some(name)),
        PostPlace::Known(name) if has_live(tx, bot, *chat, name)? => (None, Some(name)),
        PostPlace::Known(_) => return Ok(()),
    };
    match live {
        None => void(tx, bot, *chat, changes)?,
        Some(_) if !buttons.is_empty() => {}
        Some(name) => {
            let sql = "DELETE FROM bot_button WHERE bot = ?1 AND chat = ?2 AND live = ?3";
            execute(tx, sql, params![bot.0, chat, name])?;
        }
    }
    if let Some(name) = live {
        execute(tx, "DELETE FROM bot_live WHERE changed_at <= ?1", [(at - LIVE).timestamp_micros()])?;
        if changes.is_some() {
            void(tx, bot, *chat, changes)?;
            let sql = "INSERT INTO bot_live (bot, chat, name, message, changed_at) VALUES (?1, ?2, ?3, ?4, ?5)
                       ON CONFLICT (bot, chat, name) DO UPDATE SET message = ?4, changed_at = ?5";
            execute(tx, sql, params![bot.0, chat, name, changes, at.timestamp_micros()])?;
        }
    }
    let sql = "INSERT INTO bot_post (bot, chat, content, changes, live, due_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    execute(tx, sql, params![bot.0, chat, content, changes, live, at.timestamp_micros()])?;
    let post = tx.last_insert_rowid();
    if let Some(Attachment { name, bytes }) = attachment {
        let sql = "INSERT INTO bot_attachment (post, name, content) VALUES (?1, ?2, ?3)";
        execute(tx, sql, params![post, name, bytes])?;
    }
    for button in buttons {
        execute(
            tx,
            "INSERT INTO bot_button (id, bot, chat, post, message, live, user, content, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                button.id,
                bot.0,
                chat,
                post,
                changes,
                live,
                button.user.0,
                button.content,
                stored(button.expires_at).timestamp_micros()
            ],
        )?;
    }
    Ok(())
}

/// Returns whether a message has this name, or one that will have it waits to be sent.
fn has_live(tx: &Transaction<'_>, bot: BotId, chat: i64, name: &str) -> Result<bool> {
    let sql = "SELECT 1 FROM bot_live WHERE bot = ?1 AND chat = ?2 AND name = ?3
               UNION ALL SELECT 1 FROM bot_post WHERE bot = ?1 AND chat = ?2 AND live = ?3";
    exists(tx, sql, params![bot.0, chat, name])
}

/// Forgets the buttons under a message.
fn void(tx: &Transaction<'_>, bot: BotId, chat: i64, message: Option<i64>) -> Result<()> {
    let sql = "DELETE FROM bot_button WHERE bot = ?1 AND chat = ?2 AND message = ?3";
    execute(tx, sql, params![bot.0, chat, message]).map(drop)
}

/// Stores what a person in a chat is asked from now on.
pub(super) fn ask(tx: &Transaction<'_>, bot: BotId, question: &Question) -> Result<()> {
    let Question { chat, person, content, expires_at } = question;
    let sql = "DELETE FROM bot_question WHERE bot = ?1 AND chat = ?2 AND person = ?3";
    execute(tx, sql, [bot.0, *chat, *person])?;
    if let Some(content) = content {
        let old = (now() - KEPT_QUESTIONS).timestamp_micros();
        execute(tx, "DELETE FROM bot_question WHERE expires_at <= ?1", [old])?;
        let sql = "INSERT INTO bot_question (bot, chat, person, content, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)";
        execute(tx, sql, params![bot.0, chat, person, content, stored(*expires_at).timestamp_micros()])?;
    }
    Ok(())
}
