//! Accounts.

use secrecy::SecretString;

use crate::attempts::Door;
use crate::desk::{Desk, Vmm};
use crate::error::{Error, Kind, Result};
use crate::model::{NewUser, Page, Revision, Role, User, UserChange, UserFilter, UserId, UserName, one_more};
use crate::policy::{Action, Actor, Target};

use crate::ops::changed;

/// An account that somebody asks for.
#[derive(Debug)]
pub struct UserDraft {
    /// Its name.
    pub name: UserName,
    /// Its password, 10 to 1,024 bytes.
    pub password: SecretString,
    /// The Telegram account bound to it.
    pub chat_id: Option<i64>,
    /// Its role.
    pub role: Role,
}

/// A change of an account. What is `None` stays.
#[derive(Debug, Default)]
pub struct UserUpdate {
    /// Another name.
    pub name: Option<UserName>,
    /// Another password, 10 to 1,024 bytes.
    pub password: Option<SecretString>,
    /// The present password, which must be given with another one for the actor's own account.
    pub old_password: Option<SecretString>,
    /// Another Telegram account; `Some(None)` unlinks it.
    pub chat_id: Option<Option<i64>>,
    /// Another role.
    pub role: Option<Role>,
    /// The new state: true disables the account.
    pub disabled: Option<bool>,
}

impl Vmm {
    /// Makes an account.
    ///
    /// # Errors
    /// `Conflict` if the name or the chat is taken, `Invalid` if the password is too short or too long.
    pub async fn create_user(&self, actor: &Actor, draft: UserDraft) -> Result<User> {
        let target = Target::new(format!("user {}", draft.name));
        self.change(actor, Action::UserCreate, target, |desk, audit| async move {
            let UserDraft { name, password, chat_id, role } = draft;
            let password = desk.passwords().hash(password).await?;
            desk.repository().users().create(NewUser { name, password, chat_id, role }, audit).await
        })
        .await
    }

    /// Accounts, in order of name.
    ///
    /// # Errors
    /// `Forbidden` for anyone but an admin.
    pub async fn users(&self, actor: &Actor, filter: &UserFilter) -> Result<Page<User, UserName>> {
        let desk = self.read(actor, Action::UserRead, &Target::none())?;
        let asked = UserFilter { limit: one_more(filter.limit), ..filter.clone() };
        let users = desk.repository().users().list(&asked).await?;
        Ok(Page::cut(users, filter.limit, |user| user.name.clone()))
    }

    /// One account.
    ///
    /// # Errors
    /// `Forbidden` for anyone but an admin, whether there is such an account or not; `NotFound` if there is none.
    pub async fn user(&self, actor: &Actor, name: &UserName) -> Result<User> {
        self.read(actor, Action::UserRead, &Target::none())?;
        self.lookup(actor)?.user(name).await
    }

    /// The account of an actor as it is at this moment.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] if the account is gone or disabled, or the actor has none.
    pub async fn own_user(&self, actor: &Actor) -> Result<User> {
        let id = actor.user_id().ok_or(Error::Unauthenticated)?;
        let user = self.lookup(actor)?.user_by_id(id).await?;
        user.filter(|user| !user.disabled).ok_or(Error::Unauthenticated)
    }

    /// The actor that stands for an account, for a program that knows by its own means who asks.
    ///
    /// # Errors
    /// `NotFound` if there is no such account, `Unauthenticated` if it is disabled.
    pub async fn actor(&self, name: &UserName) -> Result<Actor> {
        let user = self.lookup(&Actor::System)?.user(name).await?;
        if user.disabled { Err(Error::Unauthenticated) } else { Ok(Actor::from(&user)) }
    }

    /// Changes an account. Another role, another password, and being disabled or enabled end its logins.
    ///
    /// # Errors
    /// `Stale` if its revision is not the one to `expect`; `Conflict` if the name or the chat is taken, and if no
    /// enabled admin would be left; `Invalid` if the password is too short or too long, and without the present one for
    /// the actor's own account.
    pub async fn update_user(
        &self,
        actor: &Actor,
        name: &UserName,
        update: UserUpdate,
        expect: Option<Revision>,
    ) -> Result<User> {
        // With whatever else it comes, a new password is what decides who may set it.
        let action = if update.password.is_some() { Action::PasswordChange } else { Action::UserUpdate };
        let (target, user) = self.named_account(actor, Action::UserUpdate, name).await?;
        let action = if self.allows(actor, action, &target) { Action::UserUpdate } else { action };
        self.change(actor, action, target, |desk, mut audit| async move {
            audit.detail = changed_fields(&update).into();
            let user = there(user, name)?;
            let UserUpdate { name, password, old_password, chat_id, role, disabled } = update;
            let password = match password {
                Some(new) => {
                    check_present_password(&desk, actor, &user, "old_password", old_password).await?;
                    Some(desk.passwords().hash(new).await?)
                }
                None => None,
            };
            let change = UserChange { name, password, chat_id, role, disabled };
            desk.repository().users().update(user.id, change, expect, audit).await
        })
        .await
    }

    /// Removes an account.
    ///
    /// # Errors
    /// `Stale` if its revision is not the one to `expect`; `Conflict` while machines or requests name it, and for the
    /// last enabled admin.
    pub async fn delete_user(&self, actor: &Actor, name: &UserName, expect: Option<Revision>) -> Result<()> {
        let (target, user) = self.named_account(actor, Action::UserDelete, name).await?;
        self.change(actor, Action::UserDelete, target, |desk, audit| async move {
            desk.repository().users().delete(there(user, name)?.id, expect, audit).await
        })
        .await
    }

    /// Changes a password and ends the account's logins. Its API tokens go on; after a leak,
    /// [`revoke_access`](Self::revoke_access) ends those too. An admin may leave out another account's old password.
    ///
    /// # Errors
    /// `Invalid` if the old password is wrong or the new one too short or too long.
    pub async fn change_password(
        &self,
        actor: &Actor,
        name: &UserName,
        old: Option<SecretString>,
        new: SecretString,
    ) -> Result<()> {
        let (target, user) = self.named_account(actor, Action::PasswordChange, name).await?;
        self.change(actor, Action::PasswordChange, target, |desk, audit| async move {
            let user = there(user, name)?;
            check_present_password(&desk, actor, &user, "old-password", old).await?;
            let change = UserChange { password: Some(desk.passwords().hash(new).await?), ..UserChange::default() };
            desk.repository().users().update(user.id, change, None, audit).await.map(drop)
        })
        .await
    }

    /// The account that an operation names, and the operation's target. Without the account the target is nobody's, and
    /// the gate refuses an actor who may not do this to others: such an actor does not learn which accounts exist.
    ///
    /// # Errors
    /// `NotFound` for an actor who may do this to any account; the failure is recorded.
    async fn named_account(&self, actor: &Actor, action: Action, name: &UserName) -> Result<(Target, Option<User>)> {
        let label = format!("user {name}");
        let user = self.find_or_audit_failure(actor, action, &label, self.find_account(actor, action, name)).await?;
        Ok((Target { label, owner: user.as_ref().map(|user| user.id) }, user))
    }

    /// Looks an account up. `None` if there is none and the actor may not do this to others.
    pub(in crate::ops) async fn find_account(
        &self,
        actor: &Actor,
        action: Action,
        name: &UserName,
    ) -> Result<Option<User>> {
        match self.lookup(actor)?.user(name).await {
            Err(Error::NotFound { .. }) if !self.allows(actor, action, &Target::none()) => Ok(None),
            found => found.map(Some),
        }
    }

    /// The id of the account that an operation names: the actor's own if it names none. `None` as for
    /// [`find_account`](Self::find_account); then the gate refuses what is nobody's.
    pub(in crate::ops) async fn account(
        &self,
        actor: &Actor,
        action: Action,
        of: Option<&UserName>,
    ) -> Result<Option<UserId>> {
        match of {
            None => Ok(actor.user_id()),
            Some(name) => Ok(self.find_account(actor, action, name).await?.map(|user| user.id)),
        }
    }
}

/// The account that the gate let an operation through for.
fn there(user: Option<User>, name: &UserName) -> Result<User> {
    user.ok_or_else(|| Error::not_found(Kind::User, name))
}

/// Checks the present password of an account whose password is about to change. Whoever changes their own must give it,
/// so that nobody who comes by a session can keep the account.
pub(super) async fn check_present_password(
    desk: &Desk,
    actor: &Actor,
    user: &User,
    field: &str,
    given: Option<SecretString>,
) -> Result<()> {
    let Some(given) = given else {
        let own = actor.user_id() == Some(user.id);
        return if own { Err(Error::invalid(field, "is missing; give your present password")) } else { Ok(()) };
    };
    // A budget of its own, so that whoever found a session cannot guess the password with it.
    let attempt = desk.attempts().begin(Door::PresentPassword(user.id), None)?;
    if !desk.passwords().verify(given, desk.repository().users().password(user.id).await?).await? {
        return Err(Error::invalid(field, "is not the present password"));
    }
    attempt.right();
    Ok(())
}

/// Returns the names of the changed fields, for the audit log; never a password.
fn changed_fields(update: &UserUpdate) -> String {
    let UserUpdate { name, password, old_password: _, chat_id, role, disabled } = update;
    changed([
        name.as_ref().map(|name| format!("name {name}")),
        password.as_ref().map(|_| "password".to_owned()),
        chat_id.map(|chat| chat.map_or("no chat_id".to_owned(), |chat| format!("chat_id {chat}"))),
        role.map(|role| format!("role {role}")),
        disabled.map(|disabled| if disabled { "disabled".to_owned() } else { "enabled".to_owned() }),
    ])
}
