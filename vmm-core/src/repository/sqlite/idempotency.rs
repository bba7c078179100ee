//! Keys of calls that may be repeated.

use async_trait::async_trait;
use rusqlite::{Row, params};
use serde_json::{Value, json};

use super::error::{Error, Result};
use super::record::user;
use super::row::{Columns, execute, first};
use super::store::Store;
use crate::error;
use crate::model::{ClaimId, Claimed, KeptAnswer, NewClaim, Timestamp, UsedRight, UserId};
use crate::repository::{IdempotencyRepository, MOST_KEPT_ANSWERS, MOST_KEPT_BYTES};

#[async_trait]
impl IdempotencyRepository for Store {
    async fn claim(&self, claim: NewClaim) -> error::Result<Claimed> {
        self.write("claiming a key", move |tx| {
            let NewClaim { user, key, call, now, held_until, kept_until } = claim;
            let user = user::required(tx, user)?.id;
            execute(
                tx,
                "DELETE FROM idempotency_key WHERE kept_until <= ?1 OR held_until <= ?1",
                [now.timestamp_micros()],
            )?;
            let known = first(
                tx,
                "SELECT * FROM idempotency_key WHERE user = ?1 AND key = ?2",
                params![user.0, key.as_str()],
                |row| if row.value::<[u8; 32]>("fingerprint")? == call.0 { claimed(row) } else { Ok(Claimed::Other) },
            )?;
            if let Some(known) = known {
                return Ok(known);
            }
            execute(
                tx,
                "INSERT INTO idempotency_key (user, key, fingerprint, held_until, kept_until)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
                params![user.0, key.as_str(), call.0, held_until.timestamp_micros(), kept_until.timestamp_micros()],
            )?;
            Ok(Claimed::First(ClaimId(tx.last_insert_rowid())))
        })
        .await
    }

    async fn hold(&self, id: ClaimId, until: Timestamp) -> error::Result<()> {
        self.write("holding a key", move |tx| {
            let sql = "UPDATE idempotency_key SET held_until = ?2 WHERE id = ?1 AND held_until IS NOT NULL";
            execute(tx, sql, params![id.0, until.timestamp_micros()]).map(drop)
        })
        .await
    }

    async fn answer(&self, id: ClaimId, answer: Option<KeptAnswer>) -> error::Result<()> {
        self.write("keeping an answer", move |tx| {
            let answer = answer.filter(|answer| answer.body.len() <= MOST_KEPT_BYTES);
            let (status, media_type, body, rights) = match &answer {
                Some(KeptAnswer { status, media_type, body, rights }) => {
                    (Some(status), media_type.as_deref(), Some(body), Some(listed(rights)))
                }
                None => (None, None, None, None),
            };
            execute(
                tx,
                "UPDATE idempotency_key SET held_until = NULL, status = ?2, media_type = ?3, body = ?4, rights = ?5
                 WHERE id = ?1 AND held_until IS NOT NULL",
                params![id.0, status, media_type, body, rights],
            )?;
            execute(
                tx,
                "DELETE FROM idempotency_key WHERE held_until IS NULL AND id IN (
                     SELECT id FROM (
                         SELECT id, row_number() OVER newest AS place, total(length(body)) OVER newest AS bytes
                         FROM idempotency_key WHERE user = (SELECT user FROM idempotency_key WHERE id = ?1)
                         WINDOW newest AS (ORDER BY id DESC))
                     WHERE place > ?2 OR bytes > ?3)",
                params![id.0, MOST_KEPT_ANSWERS, MOST_KEPT_BYTES as f64],
            )
            .map(drop)
        })
        .await
    }

    async fn release(&self, id: ClaimId) -> error::Result<()> {
        self.write("releasing a key", move |tx| {
            execute(tx, "DELETE FROM idempotency_key WHERE id = ?1 AND held_until IS NOT NULL", [id.0]).map(drop)
        })
        .await
    }
}

fn claimed(row: &Row<'_>) -> Result<Claimed> {
    if row.value::<Option<i64>>("held_until")?.is_some() {
        return Ok(Claimed::Running);
    }
    let Some(status) = row.value::<Option<i64>>("status")? else { return Ok(Claimed::Withheld) };
    let status = u16::try_from(status).map_err(|source| Error::corrupt("status", source))?;
    let (media_type, body, rights) = (row.value("media_type")?, row.value("body")?, rights(row)?);
    Ok(Claimed::Answered(KeptAnswer { status, media_type, body, rights }))
}

fn listed(rights: &[UsedRight]) -> String {
    let right = |right: &UsedRight| json!([right.action, right.label, right.owner.map(|owner| owner.0)]);
    Value::from_iter(rights.iter().map(right)).to_string()
}

fn rights(row: &Row<'_>) -> Result<Vec<UsedRight>> {
    let text: String = row.value("rights")?;
    let rights: Vec<(String, String, Option<i64>)> =
        serde_json::from_str(&text).map_err(|source| Error::corrupt("rights", source))?;
    let right = |(action, label, owner): (_, _, Option<i64>)| UsedRight { action, label, owner: owner.map(UserId) };
    Ok(rights.into_iter().map(right).collect())
}
