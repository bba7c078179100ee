//! The mail of bots.

use async_trait::async_trait;
use rusqlite::{Row, Transaction, params};

use super::error::{Error, Result};
use super::mail_post::{ask, put};
use super::row::{Columns, all, execute, first};
use super::store::Store;
use crate::error;
use crate::mail::{KEPT_QUESTIONS, MOST_KNOWN_UPDATES, MailInbox, MailMenus, MailNotices, MailOutbox};
use crate::model::{
    Arrival, Attachment, BotId, BotUpdate, Button, NewPost, Post, PostId, Question, RequestEvent, RequestEventId,
    Timestamp, ToldMenu, UserId, WaitingPost,
};
use crate::repository::rules::{now, stored};

#[async_trait]
impl MailInbox for Store {
    async fn offset(&self, bot: BotId) -> error::Result<Option<i64>> {
        self.read("reading how far a bot has read", move |connection| {
            first(connection, "SELECT offset FROM bot WHERE id = ?1", [bot.0], |row| row.value("offset"))
                .map(Option::flatten)
        })
        .await
    }

    async fn receive(&self, bot: BotId, updates: Vec<BotUpdate>, arrival: Arrival) -> error::Result<Vec<i64>> {
        self.write("storing what a bot was sent", move |tx| {
            let Some(last) = updates.iter().map(|update| update.id).max() else { return Ok(Vec::new()) };
            let offset = match arrival {
                Arrival::Asked => Some(last.saturating_add(1)),
                Arrival::Sent => None,
            };
            execute(
                tx,
                "INSERT INTO bot (id, offset) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET offset = ?2",
                params![bot.0, offset],
            )?;
            let mut new = Vec::new();
            for BotUpdate { id, chat, content, begun: _ } in &updates {
                let sql = "INSERT OR IGNORE INTO bot_update (bot, id, chat, content) VALUES (?1, ?2, ?3, ?4)";
                if execute(tx, sql, params![bot.0, id, chat, content])? == 1 {
                    new.push(*id);
                }
            }
            let sql = "DELETE FROM bot_update WHERE bot = ?1 AND state = 'done' AND id < ?2";
            execute(tx, sql, [bot.0, last.saturating_sub(MOST_KNOWN_UPDATES.into())])?;
            Ok(new)
        })
        .await
    }

    async fn open(&self, bot: BotId) -> error::Result<Vec<BotUpdate>> {
        self.read("reading what a bot was sent", move |connection| {
            let sql = "SELECT id, chat, content, state = 'begun' AS begun FROM bot_update
                       WHERE bot = ?1 AND state <> 'done' ORDER BY id";
            all(connection, sql, [bot.0], update)
        })
        .await
    }

    async fn by_id(&self, bot: BotId, id: i64) -> error::Result<Option<BotUpdate>> {
        self.read("reading what a bot was sent", move |connection| {
            let sql = "SELECT id, chat, content, state = 'begun' AS begun FROM bot_update
                       WHERE bot = ?1 AND id = ?2 AND state <> 'done'";
            first(connection, sql, [bot.0, id], update)
        })
        .await
    }

    async fn begin(&self, bot: BotId, id: i64) -> error::Result<bool> {
        self.write("beginning what a bot was asked for", move |tx| {
            let sql = "UPDATE bot_update SET state = 'begun' WHERE bot = ?1 AND id = ?2 AND state = 'waiting'";
            Ok(execute(tx, sql, [bot.0, id])? == 1)
        })
        .await
    }

    async fn rewrite(&self, bot: BotId, id: i64, content: String) -> error::Result<()> {
        self.write("changing what a bot was asked for", move |tx| {
            let sql = "UPDATE bot_update SET content = ?3 WHERE bot = ?1 AND id = ?2 AND state <> 'done'";
            execute(tx, sql, params![bot.0, id, content]).map(drop)
        })
        .await
    }

    async fn finish(
        &self,
        bot: BotId,
        id: i64,
        posts: Vec<NewPost>,
        question: Option<Question>,
    ) -> error::Result<bool> {
        self.write("ending what a bot was asked for", move |tx| {
            // What was said may have been a secret.
            let sql =
                "UPDATE bot_update SET state = 'done', content = '' WHERE bot = ?1 AND id = ?2 AND state <> 'done'";
            let ended = execute(tx, sql, [bot.0, id])? == 1;
            if ended {
                posts.iter().try_for_each(|post| put(tx, bot, post))?;
                question.iter().try_for_each(|question| ask(tx, bot, question))?;
            }
            Ok(ended)
        })
        .await
    }
}

#[async_trait]
impl MailOutbox for Store {
    async fn post(&self, bot: BotId, posts: Vec<NewPost>, question: Option<Question>) -> error::Result<()> {
        self.write("storing what a bot has to send", move |tx| {
            posts.iter().try_for_each(|post| put(tx, bot, post))?;
            question.iter().try_for_each(|question| ask(tx, bot, question))
        })
        .await
    }

    async fn question(&self, bot: BotId, chat: i64, person: i64, now: Timestamp) -> error::Result<Option<Question>> {
        self.read("reading what a person is asked", move |connection| {
            let sql = "SELECT content, expires_at FROM bot_question
                       WHERE bot = ?1 AND chat = ?2 AND person = ?3 AND expires_at > ?4";
            let since = stored(now - KEPT_QUESTIONS).timestamp_micros();
            first(connection, sql, [bot.0, chat, person, since], |row| {
                Ok(Question { chat, person, content: row.value("content")?, expires_at: row.time("expires_at")? })
            })
        })
        .await
    }

    async fn waiting(&self, bot: BotId, after: Option<PostId>) -> error::Result<Vec<WaitingPost>> {
        self.read("reading what a bot has to send", move |connection| {
            let sql = "SELECT id, chat, due_at FROM bot_post WHERE bot = ?1 AND id > ?2 ORDER BY id";
            all(connection, sql, [bot.0, after.map_or(0, |post| post.0)], |row| {
                Ok(WaitingPost { id: PostId(row.value("id")?), chat: row.value("chat")?, due_at: row.time("due_at")? })
            })
        })
        .await
    }

    async fn by_id(&self, id: PostId) -> error::Result<Option<Post>> {
        self.read("reading something that a bot has to send", move |connection| {
            let sql = "
                SELECT p.id, p.chat, p.content, p.attempts, coalesce(p.changes, l.message) AS message,
                    p.live IS NOT NULL AND EXISTS (
                        SELECT 1 FROM bot_post q
                        WHERE q.bot = p.bot AND q.chat = p.chat AND q.live = p.live AND q.id > p.id) AS superseded
                FROM bot_post p LEFT JOIN bot_live l ON l.bot = p.bot AND l.chat = p.chat AND l.name = p.live
                WHERE p.id = ?1";
            first(connection, sql, [id.0], post)
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

    async fn attachment(&self, id: PostId) -> error::Result<Option<Attachment>> {
        self.read("reading a file that a bot has to send", move |connection| {
            first(connection, "SELECT name, content FROM bot_attachment WHERE post = ?1", [id.0], |row| {
                Ok(Attachment { name: row.value("name")?, bytes: row.value("content")? })
            })
        })
        .await
    }

    async fn close(&self, id: PostId, message: Option<i64>) -> error::Result<()> {
        self.write("recording what a bot has sent", move |tx| {
            if let Some(message) = message {
                execute(tx, "UPDATE bot_button SET message = ?2 WHERE post = ?1", [id.0, message])?;
                let sql = "INSERT INTO bot_live (bot, chat, name, message, changed_at)
                           SELECT bot, chat, live, ?2, ?3 FROM bot_post WHERE id = ?1 AND live IS NOT NULL
                           ON CONFLICT (bot, chat, name) DO UPDATE SET message = ?2, changed_at = ?3";
                execute(tx, sql, [id.0, message, now().timestamp_micros()])?;
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

#[async_trait]
impl MailNotices for Store {
    async fn follow(&self, bot: BotId) -> error::Result<()> {
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

    async fn events(&self, bot: BotId, limit: u32) -> error::Result<Vec<RequestEvent>> {
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

#[async_trait]
impl MailMenus for Store {
    async fn list(&self, bot: BotId) -> error::Result<Vec<ToldMenu>> {
        self.read("reading what menus are known", move |connection| {
            all(connection, "SELECT chat, content FROM bot_menu WHERE bot = ?1 ORDER BY chat", [bot.0], |row| {
                Ok(ToldMenu { chat: row.value("chat")?, content: row.value("content")? })
            })
        })
        .await
    }

    async fn begin(&self, bot: BotId, chat: i64) -> error::Result<()> {
        self.write("beginning to tell of a menu", move |tx| know_menu(tx, bot, chat, None)).await
    }

    async fn end(&self, bot: BotId, chat: i64, content: Option<String>) -> error::Result<()> {
        self.write("recording what is known of a menu", move |tx| match content {
            Some(content) => know_menu(tx, bot, chat, Some(&content)),
            None => execute(tx, "DELETE FROM bot_menu WHERE bot = ?1 AND chat = ?2", [bot.0, chat]).map(drop),
        })
        .await
    }
}

fn know_menu(tx: &Transaction<'_>, bot: BotId, chat: i64, content: Option<&str>) -> Result<()> {
    let sql = "INSERT INTO bot_menu (bot, chat, content) VALUES (?1, ?2, ?3)
               ON CONFLICT (bot, chat) DO UPDATE SET content = ?3";
    execute(tx, sql, params![bot.0, chat, content]).map(drop)
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

fn update(row: &Row<'_>) -> Result<BotUpdate> {
    Ok(BotUpdate {
        id: row.value("id")?,
        chat: row.value("chat")?,
        content: row.value("content")?,
        begun: row.value("begun")?,
    })
}

fn post(row: &Row<'_>) -> Result<Post> {
    let attempts = u32::try_from(row.value::<i64>("attempts")?).map_err(|source| Error::corrupt("attempts", source))?;
    Ok(Post {
        id: PostId(row.value("id")?),
        chat: row.value("chat")?,
        content: row.value("content")?,
        attempts,
        message: row.value("message")?,
        superseded: row.value("superseded")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::KEPT_REQUEST_EVENTS;

    #[tokio::test]
    async fn the_newest_events_are_kept() {
        let directory = tempfile::tempdir().expect("a directory");
        let (store, _) = Store::open(&directory.path().join("vmm.db")).expect("a new file");
        let kept = store.write("recording many events", |tx| {
            tx.execute_batch(
                "INSERT INTO user (name, password, role, created_at) VALUES ('bob', '', 'user', 0);
                 INSERT INTO request (id, requester, description, spec, understood, pool, host, host_vcpus, host_memory,
                                      host_disk_free, plan_hash, state, created_at, changed_at)
                 SELECT 'req-' || value, 1, '', '', '[]', 'pool', 'host', 1, 1, 1, printf('%064d', 0), 'pending', 0, 0
                 FROM (WITH RECURSIVE number (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM number LIMIT 10100)
                       SELECT value FROM number);",
            )?;
            Ok(tx.query_row("SELECT min(id), count(*) FROM request_event", [], |row| Ok((row.get(0)?, row.get(1)?)))?)
        });
        assert_eq!(kept.await.expect("room"), (101, KEPT_REQUEST_EVENTS));
    }
}
