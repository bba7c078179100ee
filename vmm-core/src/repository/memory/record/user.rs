//! Records of accounts.

use super::super::state::{State, UserRow};
use crate::error::{Error, Kind, Result};
use crate::model::{NewUser, Revision, User, UserChange, UserId, UserName};
use crate::repository::refusal;
use crate::repository::rules::{ends_sessions, is_enabled_admin, now};

/// Returns the account of this id, which must be there.
pub(in super::super) fn required(state: &State, id: UserId) -> Result<&User> {
    by_id(state, id).ok_or_else(|| Error::not_found(Kind::User, id))
}

/// Returns the account of this id.
pub(in super::super) fn by_id(state: &State, id: UserId) -> Option<&User> {
    state.users.get(&id).map(|row| &row.user)
}

/// Returns the account of this name.
pub(in super::super) fn by_name<'a>(state: &'a State, name: &UserName) -> Option<&'a User> {
    state.users.find(|row| row.user.name.is_same(name)).map(|row| &row.user)
}

pub(in super::super) fn insert(state: &mut State, new: NewUser) -> Result<User> {
    let NewUser { name, password, chat_id, role } = new;
    refuse_taken(state, None, &name, chat_id)?;
    let id = UserId(state.users.next_id());
    let user = User {
        id,
        name,
        chat_id,
        role,
        disabled: false,
        second_factor: false,
        revision: Revision(1),
        created_at: now(),
    };
    state.users.insert(id, UserRow { user: user.clone(), password });
    Ok(user)
}

/// Changes an account, which must be there.
pub(in super::super) fn update(state: &mut State, id: UserId, change: UserChange) -> Result<User> {
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

/// Without an admin who can sign in nobody could ever make another one.
pub(in super::super) fn refuse_last_admin(state: &State, user: &User) -> Result<()> {
    let another = state.users.values().any(|row| is_enabled_admin(&row.user) && row.user.id != user.id);
    if is_enabled_admin(user) && !another { Err(refusal::last_admin(&user.name)) } else { Ok(()) }
}
