//! Second factors of accounts.

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::error::Result;
use super::record::user;
use super::row::{Columns, all, execute, first};
use super::store::Store;
use crate::error::{self, Error, Kind};
use crate::model::{AuditEntry, ConfirmedFactor, Sealed, SecondFactor, SecondFactorProof, UserId};
use crate::repository::rules::now;
use crate::repository::{SecondFactorRepository, refusal};

#[async_trait]
impl SecondFactorRepository for Store {
    async fn get(&self, user: UserId) -> error::Result<Option<SecondFactor>> {
        self.read("reading a second factor", move |connection| get(connection, user)).await
    }

    async fn begin(&self, user: UserId, secret: Sealed, audit: AuditEntry) -> error::Result<()> {
        self.change("beginning a second factor", audit, move |tx| {
            let user = user::required(tx, user)?;
            if user.second_factor {
                return Err(refusal::has_second_factor(&user.name).into());
            }
            execute(
                tx,
                "INSERT INTO second_factor (user, secret) VALUES (?1, ?2)
                 ON CONFLICT (user) DO UPDATE SET secret = excluded.secret",
                params![user.id.0, secret.as_bytes()],
            )
            .map(drop)
        })
        .await
    }

    async fn confirm(&self, user: UserId, confirmed: ConfirmedFactor, audit: AuditEntry) -> error::Result<()> {
        self.change("confirming a second factor", audit, move |tx| {
            let ConfirmedFactor { step, recovery_codes, session } = confirmed;
            let (user, now) = (user::required(tx, user)?, now().timestamp_micros());
            let sql =
                "UPDATE second_factor SET confirmed_at = ?2, last_step = ?3 WHERE user = ?1 AND confirmed_at IS NULL";
            let step = i64::try_from(step).unwrap_or(i64::MAX);
            if execute(tx, sql, params![user.id.0, now, step])? == 0 {
                return Err(refusal::no_second_factor_begun(&user.name).into());
            }
            execute(tx, "UPDATE user SET second_factor = 1, revision = revision + 1 WHERE id = ?1", [user.id.0])?;
            for code in recovery_codes {
                execute(tx, "INSERT INTO recovery_code (user, hash) VALUES (?1, ?2)", params![user.id.0, code.0])?;
            }
            if let Some(session) = session {
                execute(tx, "UPDATE session SET second_factor_at = ?2 WHERE id = ?1", params![session.0, now])?;
            }
            Ok(())
        })
        .await
    }

    async fn use_up(&self, user: UserId, proof: SecondFactorProof) -> error::Result<bool> {
        self.write("using a second factor", move |tx| {
            let used = match proof {
                SecondFactorProof::Step(step) => {
                    let step = i64::try_from(step).unwrap_or(i64::MAX);
                    let sql = "UPDATE second_factor SET last_step = ?2
                               WHERE user = ?1 AND confirmed_at IS NOT NULL AND last_step < ?2";
                    execute(tx, sql, params![user.0, step])?
                }
                SecondFactorProof::RecoveryCode(hash) => {
                    execute(tx, "DELETE FROM recovery_code WHERE user = ?1 AND hash = ?2", params![user.0, hash.0])?
                }
            };
            Ok(used > 0)
        })
        .await
    }

    async fn remove(&self, user: UserId, audit: AuditEntry) -> error::Result<()> {
        self.change("removing a second factor", audit, move |tx| {
            let user = user::required(tx, user)?;
            if execute(tx, "DELETE FROM second_factor WHERE user = ?1", [user.id.0])? == 0 {
                return Err(Error::not_found(Kind::SecondFactor, user.name).into());
            }
            execute(tx, "DELETE FROM recovery_code WHERE user = ?1", [user.id.0])?;
            execute(tx, "UPDATE user SET second_factor = 0, revision = revision + 1 WHERE id = ?1", [user.id.0])?;
            Ok(())
        })
        .await
    }
}

fn get(connection: &Connection, user: UserId) -> Result<Option<SecondFactor>> {
    let sql = "SELECT secret, confirmed_at,
                      (SELECT count(*) FROM recovery_code WHERE recovery_code.user = ?1) AS recovery_codes
               FROM second_factor WHERE user = ?1";
    first(connection, sql, [user.0], |row| {
        Ok(SecondFactor {
            secret: Sealed::new(row.value::<Vec<u8>>("secret")?),
            confirmed_at: row.time_opt("confirmed_at")?,
            recovery_codes: row.value("recovery_codes")?,
        })
    })
}

/// The sealed secret of each, in order of account.
pub(super) fn secrets(connection: &Connection) -> Result<Vec<(UserId, Sealed)>> {
    all(connection, "SELECT user, secret FROM second_factor ORDER BY user", [], |row| {
        Ok((UserId(row.value("user")?), Sealed::new(row.value::<Vec<u8>>("secret")?)))
    })
}
