//! Groups that an admin has allowed.

use async_trait::async_trait;
use rusqlite::{Row, Transaction, params};

use super::error::Result;
use super::row::{Columns, all, execute, first};
use super::store::Store;
use crate::error::{self, Kind};
use crate::model::{AuditEntry, BotGroup, BotId, NewBotGroup};
use crate::repository::rules::now;
use crate::repository::{BotGroupRepository, MOST_GROUPS, refusal};

#[async_trait]
impl BotGroupRepository for Store {
    async fn allow(&self, group: NewBotGroup, audit: AuditEntry) -> error::Result<BotGroup> {
        self.change("allowing a group", audit, move |tx| insert(tx, group)).await
    }

    async fn by_chat(&self, bot: BotId, chat: i64) -> error::Result<Option<BotGroup>> {
        self.read("reading an allowed group", move |connection| {
            first(connection, "SELECT * FROM bot_group WHERE bot = ?1 AND chat = ?2", [bot.0, chat], group)
        })
        .await
    }

    async fn list(&self, bot: Option<BotId>) -> error::Result<Vec<BotGroup>> {
        self.read("listing allowed groups", move |connection| {
            let sql = "SELECT * FROM bot_group WHERE ?1 IS NULL OR bot = ?1 ORDER BY bot, allowed_at, chat";
            all(connection, sql, [bot.map(|bot| bot.0)], group)
        })
        .await
    }

    async fn disallow(&self, bot: BotId, chat: i64, audit: AuditEntry) -> error::Result<()> {
        self.change("ending what a group is allowed", audit, move |tx| {
            let removed = execute(tx, "DELETE FROM bot_group WHERE bot = ?1 AND chat = ?2", [bot.0, chat])?;
            if removed == 0 {
                return Err(error::Error::not_found(Kind::Group, chat).into());
            }
            execute(tx, "DELETE FROM bot_button WHERE bot = ?1 AND chat = ?2", [bot.0, chat])?;
            execute(tx, "DELETE FROM bot_question WHERE bot = ?1 AND chat = ?2", [bot.0, chat]).map(drop)
        })
        .await
    }
}

fn insert(tx: &Transaction<'_>, new: NewBotGroup) -> Result<BotGroup> {
    let NewBotGroup { bot, chat, title, allowed_by } = new;
    let sql = "SELECT count(*) FROM bot_group WHERE bot = ?1 AND chat <> ?2";
    let others: i64 = tx.query_row(sql, [bot.0, chat], |row| row.get(0))?;
    if others >= i64::from(MOST_GROUPS) {
        return Err(refusal::too_many_groups(chat).into());
    }
    let allowed_at = now();
    execute(
        tx,
        "INSERT INTO bot_group (bot, chat, title, allowed_by, allowed_at) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (bot, chat) DO UPDATE SET title = ?3, allowed_by = ?4, allowed_at = ?5",
        params![bot.0, chat, title, allowed_by, allowed_at.timestamp_micros()],
    )?;
    Ok(BotGroup { bot, chat, title, allowed_by, allowed_at })
}

fn group(row: &Row<'_>) -> Result<BotGroup> {
    Ok(BotGroup {
        bot: BotId(row.value("bot")?),
        chat: row.value("chat")?,
        title: row.value("title")?,
        allowed_by: row.value("allowed_by")?,
        allowed_at: row.time("allowed_at")?,
    })
}
