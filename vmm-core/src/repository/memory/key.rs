//! The secrets that are sealed with the master key.

use async_trait::async_trait;

use super::state::State;
use super::store::Store;
use crate::error::Result;
use crate::model::{AuditEntry, Resealed, ScriptId, Sealed, UserId};
use crate::repository::{KeyRepository, refusal};

#[async_trait]
impl KeyRepository for Store {
    async fn machines_secret(&self) -> Result<Option<Sealed>> {
        Ok(self.read(|state| state.machines_secret.clone()))
    }

    async fn keep_machines_secret(&self, secret: Sealed) -> Result<Sealed> {
        self.write(|state| Ok(state.machines_secret.get_or_insert(secret).clone()))
    }

    async fn passwords(&self) -> Result<Vec<(ScriptId, Sealed)>> {
        Ok(self.read(passwords))
    }

    async fn second_factors(&self) -> Result<Vec<(UserId, Sealed)>> {
        Ok(self.read(second_factors))
    }

    async fn replace(&self, resealed: Resealed, audit: AuditEntry) -> Result<()> {
        self.change(&audit, |state| {
            let Resealed { was, machines_secret, passwords: new, second_factors: factors } = resealed;
            let same_scripts = passwords(state).iter().map(|(id, _)| id).eq(new.iter().map(|(id, _)| id));
            let present = second_factors(state);
            let same_accounts = present.iter().map(|(user, _)| user).eq(factors.iter().map(|(user, _)| user));
            if state.machines_secret.as_ref() != Some(&was) || !same_scripts || !same_accounts {
                return Err(refusal::sealed_meanwhile());
            }
            state.machines_secret = Some(machines_secret);
            for (id, password) in new {
                if let Some(login) = state.scripts.get_mut(&id.0).and_then(|row| row.login.as_mut()) {
                    login.password = password;
                }
            }
            for (user, secret) in factors {
                if let Some(row) = state.second_factors.get_mut(&user) {
                    row.secret = secret;
                }
            }
            Ok(())
        })
    }
}

fn second_factors(state: &State) -> Vec<(UserId, Sealed)> {
    state.second_factors.iter().map(|(user, row)| (*user, row.secret.clone())).collect()
}

fn passwords(state: &State) -> Vec<(ScriptId, Sealed)> {
    let sealed = state.scripts.values().filter_map(|row| Some((row.script.id, row.login.as_ref()?.password.clone())));
    sealed.collect()
}
