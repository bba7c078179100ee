//! Accounts.

use secrecy::SecretString;

use crate::error::{Error, Result};
use crate::model::{NewUser, Role, User, UserName};
use crate::policy::{Action, Actor, Target};
use crate::vmm::Vmm;

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

    /// Every account, in order of name.
    ///
    /// # Errors
    /// `Forbidden` for anyone but an admin.
    pub async fn users(&self, actor: &Actor) -> Result<Vec<User>> {
        self.read(actor, Action::UserRead, &Target::none())?.repository().users().list().await
    }

    /// The actor that stands for an account, for a program that knows by its own means who asks.
    ///
    /// # Errors
    /// `NotFound` if there is no such account.
    pub async fn actor(&self, name: &UserName) -> Result<Actor> {
        Ok(Actor::from(&self.lookup(&Actor::System)?.user(name).await?))
    }

    /// Removes an account.
    ///
    /// # Errors
    /// `Conflict` while machines or requests name it, and for the last admin.
    pub async fn delete_user(&self, actor: &Actor, name: &UserName) -> Result<()> {
        let user = self.lookup(actor)?.user(name).await?;
        self.change(actor, Action::UserDelete, target(&user), |desk, audit| async move {
            desk.repository().users().delete(user.id, audit).await
        })
        .await
    }

    /// Changes a password and ends the account's logins. An admin may leave out another account's old password.
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
        let user = self.lookup(actor)?.user(name).await?;
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
            users.set_password(user.id, desk.passwords().hash(new).await?, audit).await
        })
        .await
    }
}

fn target(user: &User) -> Target {
    Target::of(user.id, format!("user {}", user.name))
}
