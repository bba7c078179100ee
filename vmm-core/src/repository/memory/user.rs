//! Accounts.

use async_trait::async_trait;

use super::state::{State, UserRow};
use super::store::Store;
use super::table::{fits, folded, page};
use super::{file, request, script};
use crate::error::{Error, Kind, Result};
use crate::model::{
    AuditEntry, NewUser, PasswordHash, Revision, Stored, User, UserChange, UserFilter, UserId, UserName,
};
use crate::repository::rules::{ends_sessions, expected, is_enabled_admin, now};
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

/// Returns the account of this id, which must be there.
pub(super) fn required(state: &State, id: UserId) -> Result<&User> {
    by_id(state, id).ok_or_else(|| Error::not_found(Kind::User, id))
}

/// Returns the account of this id.
pub(super) fn by_id(state: &State, id: UserId) -> Option<&User> {
    state.users.get(&id).map(|row| &row.user)
}

/// Returns the account of this name.
pub(super) fn by_name<'a>(state: &'a State, name: &UserName) -> Option<&'a User> {
    state.users.find(|row| row.user.name.is_same(name)).map(|row| &row.user)
}

fn insert(state: &mut State, new: NewUser) -> Result<User> {
    let NewUser { name, password, chat_id, role } = new;
    refuse_taken(state, None, &name, chat_id)?;
    let id = UserId(state.users.next_id());
    let user = User { id, name, chat_id, role, disabled: false, revision: Revision(1), created_at: now() };
    state.users.insert(id, UserRow { user: user.clone(), password });
    Ok(user)
}

/// Changes an account, which must be there.
pub(super) fn update(state: &mut State, id: UserId, change: UserChange) -> Result<User> {
    let before = required(state, id)?;
    let ends_sessions = ends_sessions(before, &change);
    let UserChange { name, password, chat_id, role, disabled } = change;
    let after = User {
        name: name.unwrap_or_else(|| before.name.clone()),
        chat_id: chat_id.unwrap_or(before.chat_id),
        role: role.unwrap_or(before.role),
        disabled: disabled.unwrap_or(before.disabled),
        revision: Revision(before.revision.0 + 1),
        ..before.clone()
    };
    if !is_enabled_admin(&after) {
        refuse_last_admin(state, before)?;
    }
    refuse_taken(state, Some(id), &after.name, after.chat_id)?;
    if let Some(row) = state.users.get_mut(&id) {
        row.user = after.clone();
        row.password = password.unwrap_or_else(|| row.password.clone());
    }
    if ends_sessions {
        state.sessions.remove_if(|row| row.session.user == id);
    }
    Ok(after)
}

/// Removes an account and all that goes with it.
fn remove(state: &mut State, id: UserId) {
    state.sessions.remove_if(|row| row.session.user == id);
    state.tokens.remove_if(|row| row.token.user == id);
    state.files.remove_if(|file| file.user == id);
    state.claims.remove_if(|row| row.user == id);
    state.bot_buttons.remove_if(|row| row.button.user == id);
    super::schedule::remove_if(state, |schedule| schedule.made_by == id);
    state.link_codes.remove(&id);
    state.users.remove(&id);
}

/// Refuses a name or a chat that another account than `own` has.
fn refuse_taken(state: &State, own: Option<UserId>, name: &UserName, chat_id: Option<i64>) -> Result<()> {
    let others = || state.users.values().map(|row| &row.user).filter(|user| Some(user.id) != own);
    if others().any(|user| user.name.is_same(name)) {
        return Err(refusal::name_taken(Kind::User, name));
    }
    match others().find(|user| chat_id.is_some() && user.chat_id == chat_id) {
        Some(holder) => Err(refusal::chat_bound(name, &holder.name)),
        None => Ok(()),
    }
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

/// Without an admin who can sign in nobody could ever make another one.
fn refuse_last_admin(state: &State, user: &User) -> Result<()> {
    let another = state.users.values().any(|row| is_enabled_admin(&row.user) && row.user.id != user.id);
    if is_enabled_admin(user) && !another { Err(refusal::last_admin(&user.name)) } else { Ok(()) }
}
