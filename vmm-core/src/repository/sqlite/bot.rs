//! What a chat bot has to remember.

use async_trait::async_trait;
use rusqlite::{Row, Transaction, params};

use super::error::{Error, Result};
use super::row::{Columns, all, execute, first, now, stored};
use super::store::Store;
use crate::error;
use crate::model::{BotId, BotUpdate, Button, NewPost, Post, PostId, Timestamp, UserId};
use crate::repository::{BotRepository, MOST_KNOWN_UPDATES};

#[async_trait]
impl BotRepository for Store {
    async fn offset(&self, bot: BotId) -> error::Result<Option<i64>> {
        self.read("reading how far a bot has read", move |connection| {
            first(connection, "SELECT offset FROM bot WHERE id = ?1", [bot.0], |row| row.value("offset"))
        })
        .await
    }

    async fn receive(&self, bot: BotId, updates: Vec<BotUpdate>) -> error::Result<usize> {
        self.write("storing what a bot was sent", move |tx| {
            let Some(last) = updates.iter().map(|update| update.id).max() else { return Ok(0) };
            execute(
                tx,
                "INSERT INTO bot (id, offset) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET offset = max(offset, ?2)",
                [bot.0, last.saturating_add(1)],
            )?;
            let mut new = 0;
            for BotUpdate { id, chat, content } in &updates {
                new += execute(
                    tx,
                    "INSERT OR IGNORE INTO bot_update (bot, id, chat, content) VALUES (?1, ?2, ?3, ?4)",
                    params![bot.0, id, chat, content],
                )?;
            }
            execute(
                tx,
                "DELETE FROM bot_update WHERE bot = ?1 AND state = 'done' AND id < (
                     SELECT id FROM bot_update WHERE bot = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
                params![bot.0, MOST_KNOWN_UPDATES],
            )?;
            Ok(new)
        })
        .await
    }

    async fn open_updates(&self, bot: BotId) -> error::Result<Vec<BotUpdate>> {
        self.read("reading what a bot was sent", move |connection| {
            let sql = "SELECT id, chat, content FROM bot_update WHERE bot = ?1 AND state <> 'done' ORDER BY id";
            all(connection, sql, [bot.0], |row| {
                Ok(BotUpdate { id: row.value("id")?, chat: row.value("chat")?, content: row.value("content")? })
            })
        })
        .await
    }

    async fn begin_update(&self, bot: BotId, id: i64) -> error::Result<bool> {
        self.write("beginning what a bot was asked for", move |tx| {
            let sql = "UPDATE bot_update SET state = 'begun' WHERE bot = ?1 AND id = ?2 AND state = 'waiting'";
            Ok(execute(tx, sql, [bot.0, id])? == 1)
        })
        .await
    }

    async fn finish_update(&self, bot: BotId, id: i64, posts: Vec<NewPost>) -> error::Result<bool> {
        self.write("ending what a bot was asked for", move |tx| {
            // What was said may have been a secret.
            let sql =
                "UPDATE bot_update SET state = 'done', content = '' WHERE bot = ?1 AND id = ?2 AND state <> 'done'";
            let ended = execute(tx, sql, [bot.0, id])? == 1;
            for post in posts.iter().filter(|_| ended) {
                put(tx, bot, post)?;
            }
            Ok(ended)
        })
        .await
    }

    async fn post(&self, bot: BotId, posts: Vec<NewPost>) -> error::Result<()> {
        self.write("storing what a bot has to send", move |tx| posts.iter().try_for_each(|post| put(tx, bot, post)))
            .await
    }

    async fn next_posts(&self, bot: BotId) -> error::Result<Vec<Post>> {
        self.read("reading what a bot has to send", move |connection| {
            let sql = "SELECT id, chat, content, due_at, attempts FROM bot_post
                       WHERE bot = ?1 AND id IN (SELECT min(id) FROM bot_post WHERE bot = ?1 GROUP BY chat) ORDER BY id";
            all(connection, sql, [bot.0], post)
        })
        .await
    }

    async fn postpone(&self, id: PostId, until: Timestamp) -> error::Result<()> {
        self.write("postponing what a bot has to send", move |tx| {
            let sql = "UPDATE bot_post SET due_at = ?2, attempts = attempts + 1 WHERE id = ?1";
            execute(tx, sql, [id.0, stored(until).timestamp_micros()]).map(drop)
        })
        .await
    }

    async fn close_post(&self, id: PostId, message: Option<i64>) -> error::Result<()> {
        self.write("recording what a bot has sent", move |tx| {
            if message.is_some() {
                execute(tx, "UPDATE bot_button SET message = ?2 WHERE post = ?1", params![id.0, message])?;
            }
            execute(tx, "DELETE FROM bot_post WHERE id = ?1", [id.0]).map(drop)
        })
        .await
    }

    async fn button(&self, bot: BotId, id: &str) -> error::Result<Option<Button>> {
        let id = id.to_owned();
        self.read("reading a button", move |connection| {
            let sql = "SELECT chat, message, user, content, expires_at FROM bot_button WHERE bot = ?1 AND id = ?2";
            first(connection, sql, params![bot.0, id], |row| {
                Ok(Button {
                    chat: row.value("chat")?,
                    message: row.value("message")?,
                    user: UserId(row.value("user")?),
                    content: row.value("content")?,
                    expires_at: row.time("expires_at")?,
                })
            })
        })
        .await
    }
}

fn put(tx: &Transaction<'_>, bot: BotId, new: &NewPost) -> Result<()> {
    let NewPost { chat, content, buttons, changes } = new;
    let at = now().timestamp_micros();
    execute(tx, "DELETE FROM bot_button WHERE expires_at <= ?1", [at])?;
    if let Some(message) = changes {
        let sql = "DELETE FROM bot_button WHERE bot = ?1 AND chat = ?2 AND message = ?3";
        execute(tx, sql, [bot.0, *chat, *message])?;
    }
    let sql = "INSERT INTO bot_post (bot, chat, content, due_at) VALUES (?1, ?2, ?3, ?4)";
    execute(tx, sql, params![bot.0, chat, content, at])?;
    let post = tx.last_insert_rowid();
    for button in buttons {
        execute(
            tx,
            "INSERT INTO bot_button (id, bot, chat, post, message, user, content, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                button.id,
                bot.0,
                chat,
                post,
                changes,
                button.user.0,
                button.content,
                stored(button.expires_at).timestamp_micros()
            ],
        )?;
    }
    Ok(())
}

fn post(row: &Row<'_>) -> Result<Post> {
    let attempts = u32::try_from(row.value::<i64>("attempts")?).map_err(|source| Error::corrupt("attempts", source))?;
    Ok(Post {
        id: PostId(row.value("id")?),
        chat: row.value("chat")?,
        content: row.value("content")?,
        due_at: row.time("due_at")?,
        attempts,
    })
}
