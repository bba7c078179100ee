//! Accounts.

use async_trait::async_trait;

use super::file;
use super::record::user::{by_id, by_name, insert, refuse_last_admin, required, update};
use super::record::{request, script};
use super::state::State;
use super::store::Store;
use super::table::{fits, folded, page};
use crate::error::{Kind, Result};
use crate::model::{
    AuditEntry, NewUser, PasswordHash, Revision, Stored, User, UserChange, UserFilter, UserId, UserName,
};
use crate::repository::rules::expected;
use crate::repository::{UserRepository, refusal};

#[async_trait]
impl UserRepository for Store {
    async fn create(&self, user: NewUser, audit: AuditEntry) -> Result<User> {
        self.change(&audit, |state| insert(state, user))
    }

    async fn by_id(&self, id: UserId) -> Result<Option<User>> {
        Ok(self.read(|state| by_id(state, id).cloned()))
    }

    async fn by_name(&self, name: &UserName) -> Result<Option<User>> {
        Ok(self.read(|state| by_name(state, name).cloned()))
    }

    async fn by_chat(&self, chat: i64) -> Result<Option<User>> {
        Ok(self.read(|state| state.users.find(|row| row.user.chat_id == Some(chat)).map(|row| row.user.clone())))
    }

    async fn list(&self, filter: &UserFilter) -> Result<Vec<User>> {
        let UserFilter { role, disabled, name_prefix, after, limit } = filter;
        let (prefix, after) = (name_prefix.as_ref().map(folded), after.as_ref().map(folded));
        let is_wanted = |user: &&User| {
            let name = folded(&user.name);
            fits(role.as_ref(), &user.role)
                && fits(disabled.as_ref(), &user.disabled)
                && prefix.as_ref().is_none_or(|prefix| name.starts_with(prefix))
                && after.as_ref().is_none_or(|after| name > *after)
        };
        Ok(self.read(|state| {
            let mut users: Vec<_> = state.users.values().map(|row| &row.user).filter(is_wanted).collect();
            users.sort_by_key(|user| folded(&user.name));
            page(users.into_iter().cloned(), *limit)
        }))
    }

    async fn stored(&self, id: UserId) -> Result<Stored> {
        Ok(self.read(|state| {
            let ((files, file_bytes), (scripts, script_bytes)) = (file::stored(state, id), script::stored(state, id));
            Stored { files, file_bytes, scripts, script_bytes, open_requests: request::open(state, id) }
        }))
    }

    async fn password(&self, id: UserId) -> Result<Option<PasswordHash>> {
        Ok(self.read(|state| state.users.get(&id).map(|row| row.password.clone())))
    }

    async fn update(
        &self,
        id: UserId,
        change: UserChange,
        expect: Option<Revision>,
        audit: AuditEntry,
    ) -> Result<User> {
        self.change(&audit, |state| {
            let user = required(state, id)?;
            expected(Kind::User, &user.name, user.revision, expect)?;
            update(state, id, change)
        })
    }

    async fn delete(&self, id: UserId, expect: Option<Revision>, audit: AuditEntry) -> Result<()> {
        self.change(&audit, |state| {
            let user = required(state, id)?;
            expected(Kind::User, &user.name, user.revision, expect)?;
            refuse_while_named(state, user)?;
            refuse_last_admin(state, user)?;
            remove(state, id);
            Ok(())
        })
    }
}

/// Removes an account and all that goes with it.
fn remove(state: &mut State, id: UserId) {
    state.sessions.remove_if(|row| row.session.user == id);
    state.tokens.remove_if(|row| row.token.user == id);
    state.files.remove_if(|file| file.user == id);
    state.claims.remove_if(|row| row.user == id);
    state.bot_buttons.remove_if(|row| row.button.user == id);
    super::record::schedule::remove_if(state, |schedule| schedule.made_by == id);
    state.link_codes.remove(&id);
    state.second_factors.remove(&id);
    state.users.remove(&id);
}

fn refuse_while_named(state: &State, user: &User) -> Result<()> {
    let (id, name) = (user.id, &user.name);
    let names = |row: &super::state::RequestRow| row.request.requester == id || row.decided_by == Some(id);
    if let Some(row) = state.vms.find(|row| row.vm.user == id) {
        Err(refusal::user_has_vm(name, &row.vm.name))
    } else if let Some(row) = state.requests.find(names) {
        Err(refusal::user_has_request(name, &row.request.id))
    } else if let Some(script) = script::of_owner(state, id) {
        Err(refusal::user_has_script(name, script))
    } else {
        Ok(())
    }
}
