//! Second factors of accounts.

use async_trait::async_trait;

use super::record::user;
use super::state::{SecondFactorRow, State};
use super::store::Store;
use crate::error::{Error, Kind, Result};
use crate::model::{AuditEntry, ConfirmedFactor, Revision, Sealed, SecondFactor, SecondFactorProof, UserId};
use crate::repository::rules::now;
use crate::repository::{SecondFactorRepository, refusal};

#[async_trait]
impl SecondFactorRepository for Store {
    async fn get(&self, user: UserId) -> Result<Option<SecondFactor>> {
        Ok(self.read(|state| {
            state.second_factors.get(&user).map(|row| SecondFactor {
                secret: row.secret.clone(),
                confirmed_at: row.confirmed_at,
                recovery_codes: row.recovery_codes.len().try_into().unwrap_or(u32::MAX),
            })
        }))
    }

    async fn begin(&self, user: UserId, secret: Sealed, audit: AuditEntry) -> Result<()> {
        self.change(&audit, |state| {
            let user = user::required(state, user)?;
            if user.second_factor {
                return Err(refusal::has_second_factor(&user.name));
            }
            let row = SecondFactorRow { secret, confirmed_at: None, last_step: 0, recovery_codes: Vec::new() };
            let user = user.id;
            state.second_factors.insert(user, row);
            Ok(())
        })
    }

    async fn confirm(&self, user: UserId, confirmed: ConfirmedFactor, audit: AuditEntry) -> Result<()> {
        self.change(&audit, |state| {
            let ConfirmedFactor { step, recovery_codes, session } = confirmed;
            let name = user::required(state, user)?.name.clone();
            let begun = state.second_factors.get_mut(&user).filter(|row| row.confirmed_at.is_none());
            let row = begun.ok_or_else(|| refusal::no_second_factor_begun(&name))?;
            *row = SecondFactorRow { confirmed_at: Some(now()), last_step: step, recovery_codes, ..row.clone() };
            set(state, user, true);
            if let Some(row) = session.and_then(|session| state.sessions.get_mut(&session)) {
                row.session.second_factor_at = Some(now());
            }
            Ok(())
        })
    }

    async fn use_up(&self, user: UserId, proof: SecondFactorProof) -> Result<bool> {
        self.write(|state| {
            let confirmed = state.second_factors.get_mut(&user).filter(|row| row.confirmed_at.is_some());
            let Some(row) = confirmed else { return Ok(false) };
            Ok(match proof {
                SecondFactorProof::Step(step) => {
                    let counts = step > row.last_step;
                    row.last_step = row.last_step.max(step);
                    counts
                }
                SecondFactorProof::RecoveryCode(hash) => {
                    let before = row.recovery_codes.len();
                    row.recovery_codes.retain(|code| *code != hash);
                    row.recovery_codes.len() < before
                }
            })
        })
    }

    async fn remove(&self, user: UserId, audit: AuditEntry) -> Result<()> {
        self.change(&audit, |state| {
            let name = user::required(state, user)?.name.clone();
            if !state.second_factors.remove(&user) {
                return Err(Error::not_found(Kind::SecondFactor, name));
            }
            set(state, user, false);
            Ok(())
        })
    }
}

/// Records on the account whether it has a second factor.
fn set(state: &mut State, user: UserId, has: bool) {
    if let Some(row) = state.users.get_mut(&user) {
        row.user.second_factor = has;
        row.user.revision = Revision(row.user.revision.0 + 1);
    }
}
