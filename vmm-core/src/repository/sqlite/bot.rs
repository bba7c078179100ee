//! What a chat bot has to remember.

use async_trait::async_trait;
use rusqlite::{Row, Transaction, params};

use super::error::{Error, Result};
use super::row::{Columns, all, execute, first, now, stored};
use super::store::Store;
use crate::error;
use crate::model::{BotId, BotUpdate, Button, NewPost, Post, PostId, RequestEvent, RequestEventId, Timestamp, UserId};
use crate::repository::{BotRepository, MOST_KNOWN_UPDATES};

#[async_trait]
impl BotRepository for Store {
    async fn offset(&self, bot: BotId) -> error::Result<Option<i64>> {
        self.read("reading how far a bot has read", move |connection| {
            first(connection, "SELECT offset FROM bot WHERE id = ?1", [bot.0], |row| row.value("offset"))
                .map(Option::flatten)
        })
        .await
    }

    async fn receive(&self, bot: BotId, updates: Vec<BotUpdate>) -> error::Result<usize> {
        self.write("storing what a bot was sent", move |tx| {
            let Some(last) = updates.iter().map(|update| update.id).max() else { return Ok(0) };
            execute(
                tx,
                "INSERT INTO bot (id, offset) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET offset = max(coalesce(offset, 0), ?2)",
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

    async fn follow_requests(&self, bot: BotId) -> error::Result<()> {
        self.write("beginning to follow requests", move |tx| {
            execute(
                tx,
                "INSERT INTO bot (id, request_event) VALUES (?1, (SELECT coalesce(max(id), 0) FROM request_event))
                 ON CONFLICT (id) DO UPDATE SET request_event = excluded.request_event WHERE request_event IS NULL",
                [bot.0],
            )
            .map(drop)
        })
        .await
    }

    async fn request_events(&self, bot: BotId, limit: u32) -> error::Result<Vec<RequestEvent>> {
        self.read("reading what happened to requests", move |connection| {
            all(
                connection,
                "SELECT event.*, request.id AS request_id, user.name AS actor_name FROM request_event event
                 JOIN request ON request.number = event.request LEFT JOIN user ON user.id = event.actor
                 WHERE event.id > (SELECT request_event FROM bot WHERE id = ?1) ORDER BY event.id LIMIT ?2",
                [bot.0, i64::from(limit)],
                event,
            )
        })
        .await
    }

    async fn tell(&self, bot: BotId, event: RequestEventId, posts: Vec<NewPost>) -> error::Result<bool> {
        self.write("telling what happened to a request", move |tx| {
            let sql = "UPDATE bot SET request_event = ?2 WHERE id = ?1 AND request_event < ?2";
            let moved = execute(tx, sql, [bot.0, event.0])? == 1;
            for post in posts.iter().filter(|_| moved) {
                put(tx, bot, post)?;
            }
            Ok(moved)
        })
        .await
    }
}

fn event(row: &Row<'_>) -> Result<RequestEvent> {
    let actor_name = row.parsed_opt("actor_name")?;
    Ok(RequestEvent {
        id: RequestEventId(row.value("id")?),
        request: row.parsed("request_id")?,
        kind: row.parsed("event")?,
        plan_hash: row.parsed("plan_hash")?,
        actor: row.value::<Option<_>>("actor")?.map(UserId).filter(|_| actor_name.is_some()),
        actor_name,
        reason: row.value("reason")?,
        at: row.time("at")?,
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository::KEPT_REQUEST_EVENTS;

    #[tokio::test]
    async fn the_newest_events_are_kept() {
        let directory = tempfile::tempdir().expect("a directory");
        let (store, _) = Store::open(&directory.path().join("vmm.db")).expect("a new file");
        let kept = store.write("recording many events", |tx| {
            tx.execute_batch(
                "INSERT INTO user (name, password, role, created_at) VALUES ('bob', '', 'user', 0);
                 INSERT INTO request (id, requester, description, spec, host, host_vcpus, host_memory, plan_hash, state,
                                      created_at, changed_at)
                 SELECT 'req-' || value, 1, '', '', 'host', 1, 1, printf('%064d', 0), 'pending', 0, 0
                 FROM (WITH RECURSIVE number (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM number LIMIT 10100)
                       SELECT value FROM number);",
            )?;
            Ok(tx.query_row("SELECT min(id), count(*) FROM request_event", [], |row| Ok((row.get(0)?, row.get(1)?)))?)
        });
        assert_eq!(kept.await.expect("room"), (101, KEPT_REQUEST_EVENTS));
    }
}
