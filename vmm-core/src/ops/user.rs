//! Accounts.

use secrecy::SecretString;

use crate::error::{Error, Result};
use crate::model::{NewUser, Page, Revision, Role, User, UserChange, UserFilter, UserId, UserName, one_more};
use crate::policy::{Action, Actor, Target};
use crate::vmm::Vmm;

use super::changed;

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

/// What somebody wants changed of an account. What is `None` stays.
#[derive(Debug, Default)]
pub struct UserUpdate {
    /// Another name.
    pub name: Option<UserName>,
    /// Another password, 10 to 1,024 bytes.
    pub password: Option<SecretString>,
    /// Another Telegram account, or none any more.
    pub chat_id: Option<Option<i64>>,
    /// Another role.
    pub role: Option<Role>,
    /// Whether it is disabled from now on.
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
    /// `Stale` if its revision is not the one to `expect`; `Conflict` if the name or the chat is taken, and if no enabled
    /// admin would be left; `Invalid` if the password is too short or too long.
    pub async fn update_user(
        &self,
        actor: &Actor,
        name: &UserName,
        update: UserUpdate,
        expect: Option<Revision>,
    ) -> Result<User> {
        let user = self.sought(actor, Action::UserUpdate, name).await?;
        // With whatever else it comes, a new password is what decides who may set it.
        let password = update.password.is_some() && !self.allows(actor, Action::PasswordChange, &target(&user));
        let action = if password { Action::PasswordChange } else { Action::UserUpdate };
        self.change(actor, action, target(&user), |desk, mut audit| async move {
            audit.detail = changed_fields(&update);
            let UserUpdate { name, password, chat_id, role, disabled } = update;
            let password = match password {
                Some(password) => Some(desk.passwords().hash(password).await?),
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
    /// `Stale` if its revision is not the one to `expect`; `Conflict` while machines or requests name it, and for the last enabled admin.
    pub async fn delete_user(&self, actor: &Actor, name: &UserName, expect: Option<Revision>) -> Result<()> {
        let user = self.sought(actor, Action::UserDelete, name).await?;
        self.change(actor, Action::UserDelete, target(&user), |desk, audit| async move {
            desk.repository().users().delete(user.id, expect, audit).await
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
        let user = self.sought(actor, Action::PasswordChange, name).await?;
        let own = actor.user_id() == Some(user.id);
        self.change(actor, Action::PasswordChange, target(&user), |desk, audit| async move {
            let users = desk.repository().users();
            let right = match old {
                Some(old) => {
                    // A budget of its own, so that whoever found a token cannot guess the password with it.
                    let attempt = desk.attempts().begin(&format!("old password of {}", user.name), None)?;
                    let right = desk.passwords().verify(old, users.password(user.id).await?).await?;
                    if right {
                        attempt.right();
                    }
                    right
                }
                None if own => return Err(Error::invalid("old-password", "is missing")),
                None => true,
            };
            if !right {
                return Err(Error::invalid("old-password", "is not the present password"));
            }
            let password = Some(desk.passwords().hash(new).await?);
            users.update(user.id, UserChange { password, ..UserChange::default() }, None, audit).await.map(drop)
        })
        .await
    }

    async fn sought(&self, actor: &Actor, action: Action, name: &UserName) -> Result<User> {
        let lookup = self.lookup(actor)?;
        self.seek(actor, action, format!("user {name}"), lookup.user(name)).await
    }

    /// The account that an operation names: the actor's own if it names none. `None` if the policy would not even say
    /// whether there is such an account; then the gate refuses what is nobody's.
    pub(super) async fn account(&self, actor: &Actor, action: Action, of: Option<&UserName>) -> Result<Option<UserId>> {
        match (of, actor) {
            (None, _) => Ok(actor.user_id()),
            (Some(of), Actor::User { id, name, .. }) if of.is_same(name) => Ok(Some(*id)),
            (Some(of), _) if self.allows(actor, action, &Target::none()) => {
                self.lookup(actor)?.user(of).await.map(|user| Some(user.id))
            }
            (Some(_), _) => Ok(None),
        }
    }
}

/// What is changed, for the audit log; never a password.
fn changed_fields(update: &UserUpdate) -> String {
    let UserUpdate { name, password, chat_id, role, disabled } = update;
    changed([
        name.as_ref().map(|name| format!("name {name}")),
        password.as_ref().map(|_| "password".to_owned()),
        chat_id.map(|chat| chat.map_or("no chat_id".to_owned(), |chat| format!("chat_id {chat}"))),
        role.map(|role| format!("role {role}")),
        disabled.map(|disabled| if disabled { "disabled".to_owned() } else { "enabled".to_owned() }),
    ])
}

fn target(user: &User) -> Target {
    Target::of(user.id, format!("user {}", user.name))
}
