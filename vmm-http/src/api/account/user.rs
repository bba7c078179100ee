//! Accounts.

use chrono::{DateTime, Utc};
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Enum, Object, OpenApi};
use vmm_core::model::{AccountPassword, NamePrefix, Role, User, UserFilter, UserName};
use vmm_core::{SecretString, UserDraft, UserUpdate};

use crate::api::answer::{Done, Tagged};
use crate::api::tag::Tag;
use crate::error::Failure;
use crate::layer::auth::Caller;
use crate::wire::batch;
use crate::wire::body::Body;
use crate::wire::cursor;
use crate::wire::if_match::IfMatch;
use crate::wire::patch_field::PatchField;
use crate::wire::secret::Secret;
use crate::wire::text::TextOf;

pub(crate) struct UserApi;

/// The role of an account.
#[derive(Clone, Copy, Debug, Default, Enum)]
#[oai(rename = "Role", rename_all = "lowercase")]
enum RoleWord {
    #[default]
    User,
    Admin,
}

impl From<Role> for RoleWord {
    fn from(role: Role) -> Self {
        match role {
            Role::User => Self::User,
            Role::Admin => Self::Admin,
        }
    }
}

impl From<RoleWord> for Role {
    fn from(word: RoleWord) -> Self {
        match word {
            RoleWord::User => Self::User,
            RoleWord::Admin => Self::Admin,
        }
    }
}

/// An account to make.
#[derive(Debug, Object)]
#[oai(rename = "NewUser", deny_unknown_fields)]
struct NewUserBody {
    /// Letters, digits, dots, dashes and underscores.
    name: TextOf<UserName>,
    /// 10 to 1024 characters.
    password: Secret<AccountPassword>,
    /// The linked Telegram account.
    chat_id: Option<i64>,
    #[oai(default)]
    role: RoleWord,
}

impl TryFrom<NewUserBody> for UserDraft {
    type Error = vmm_core::Error;

    fn try_from(body: NewUserBody) -> vmm_core::Result<Self> {
        let NewUserBody { name, password, chat_id, role } = body;
        Ok(Self { name: UserName::new(name)?, password: password.into(), chat_id, role: role.into() })
    }
}

/// Accounts to make.
#[derive(Debug, Object)]
#[oai(rename = "NewUsers", deny_unknown_fields)]
struct NewUsersBody {
    #[oai(validator(min_items = 1, max_items = 100))]
    user: Vec<NewUserBody>,
}

/// A change of an account. Absent fields stay as they are.
#[derive(Debug, Object)]
#[oai(rename = "UserChange", deny_unknown_fields)]
struct UserChangeBody {
    /// The account's present name.
    name: TextOf<UserName>,
    /// Another name.
    new_name: Option<TextOf<UserName>>,
    /// Another password, 10 to 1024 characters.
    password: Option<Secret<AccountPassword>>,
    /// The present password; needed with another one for one's own account.
    old_password: Option<Secret>,
    /// The linked Telegram account; `null` unlinks it.
    chat_id: PatchField<i64>,
    role: Option<RoleWord>,
    /// True to disable the account: nobody can sign in with it, and its sessions and tokens stop working.
    disabled: Option<bool>,
}

fn change(body: UserChangeBody) -> vmm_core::Result<(UserName, UserUpdate)> {
    let UserChangeBody { name, new_name, password, old_password, chat_id, role, disabled } = body;
    let update = UserUpdate {
        name: batch::named("new_name", new_name.map(UserName::new).transpose())?,
        password: password.map(SecretString::from),
        old_password: old_password.map(SecretString::from),
        chat_id: chat_id.change(),
        role: role.map(Into::into),
        disabled,
    };
    Ok((UserName::new(name)?, update))
}

/// Accounts to change.
#[derive(Debug, Object)]
#[oai(rename = "UserChanges", deny_unknown_fields)]
struct UserChangesBody {
    #[oai(validator(min_items = 1, max_items = 100))]
    user: Vec<UserChangeBody>,
}

/// An account.
#[derive(Debug, Object)]
#[oai(rename = "User", skip_serializing_if_is_none)]
pub(super) struct UserBody {
    id: i64,
    name: String,
    /// The linked Telegram account.
    chat_id: Option<i64>,
    role: RoleWord,
    /// True if nobody can sign in with the account.
    disabled: bool,
    /// Whether it needs a second factor to sign in.
    second_factor: bool,
    /// The number of changes; in quotes, its `ETag`.
    revision: i64,
    created_at: DateTime<Utc>,
}

impl From<User> for UserBody {
    fn from(user: User) -> Self {
        Self {
            id: user.id.0,
            name: user.name.to_string(),
            chat_id: user.chat_id,
            role: user.role.into(),
            disabled: user.disabled,
            second_factor: user.second_factor,
            revision: user.revision.0,
            created_at: user.created_at,
        }
    }
}

/// Accounts.
#[derive(Debug, Object)]
#[oai(rename = "Users", skip_serializing_if_is_none)]
struct UsersBody {
    user: Vec<UserBody>,
    /// The cursor of the next page; absent on the last one.
    next: Option<String>,
}

/// A password to change.
#[derive(Debug, Object)]
#[oai(rename = "PasswordChange", deny_unknown_fields)]
struct PasswordChange {
    /// The name of the account.
    user: TextOf<UserName>,
    /// The present password. An admin can leave it out for another account.
    #[oai(rename = "old-password")]
    old_password: Option<Secret>,
    /// 10 to 1024 characters.
    #[oai(rename = "new-password")]
    new_password: Secret<AccountPassword>,
}

/// Passwords to change.
#[derive(Debug, Object)]
#[oai(rename = "PasswordChanges", deny_unknown_fields)]
struct PasswordChanges {
    #[oai(rename = "update-password", validator(min_items = 1, max_items = 100))]
    update_password: Vec<PasswordChange>,
}

fn password_change(change: PasswordChange) -> vmm_core::Result<(UserName, Option<SecretString>, SecretString)> {
    let user = batch::named("user", UserName::new(change.user))?;
    Ok((user, change.old_password.map(SecretString::from), change.new_password.into()))
}

#[OpenApi(tag = "Tag::User")]
impl UserApi {
    /// Make accounts. Admins only. Needs a session.
    #[oai(path = "/db/user", method = "post", operation_id = "createUsers")]
    async fn create(&self, caller: Caller, body: Body<NewUsersBody>) -> Result<Json<UsersBody>, Failure> {
        let login = caller.0;
        let drafts = batch::read("user", body.0.user, UserDraft::try_from)?;
        let create = |draft| login.vmm.create_user(&login.actor, draft);
        let users = batch::in_order("user", drafts, create).await?;
        Ok(Json(UsersBody { user: users.into_iter().map(UserBody::from).collect(), next: None }))
    }

    /// List accounts in order of name. Admins only.
    #[oai(path = "/db/user", method = "get", operation_id = "listUsers")]
    async fn list(
        &self,
        caller: Caller,
        /// Only those with this role.
        role: Query<Option<RoleWord>>,
        /// Only those that are disabled, or only those that are not.
        disabled: Query<Option<bool>>,
        /// Only those whose names begin so, without regard to case.
        #[oai(validator(max_length = 128))]
        name_prefix: Query<Option<String>>,
        /// The `next` of a page, to get the page after it.
        #[oai(validator(max_length = 512))]
        after: Query<Option<String>>,
        /// The largest number of items in the page; 100 if absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<Option<u32>>,
    ) -> Result<Json<UsersBody>, Failure> {
        let login = caller.0;
        let filter = UserFilter {
            role: role.0.map(Into::into),
            disabled: disabled.0,
            name_prefix: name_prefix.0.map(NamePrefix::new).transpose()?,
            after: cursor::read("user", after.0, |key| key.parse().ok())?,
            limit: Some(limit.0.unwrap_or(cursor::DEFAULT_LIMIT)),
        };
        let page = login.vmm.users(&login.actor, &filter).await?;
        let next = page.next.as_ref().map(|key| cursor::write("user", key));
        Ok(Json(UsersBody { user: page.into_iter().map(UserBody::from).collect(), next }))
    }

    /// Get an account. Admins only.
    #[oai(path = "/db/user/:name", method = "get", operation_id = "getUser")]
    async fn get(&self, caller: Caller, name: Path<TextOf<UserName>>) -> Result<Tagged<UserBody>, Failure> {
        let login = caller.0;
        let user = login.vmm.user(&login.actor, &UserName::new(name.0)?).await?;
        let revision = user.revision;
        Ok(Tagged::new(user.into(), revision))
    }

    /// Change accounts; absent fields stay as they are. Admins only. Needs a session.
    ///
    /// A new role, a new password, disabling and enabling end an account's sessions.
    #[oai(path = "/db/user", method = "put", operation_id = "updateUsers")]
    async fn update(
        &self,
        caller: Caller,
        /// The `ETag` of the record as it was read. If the record has changed since, the answer is 412.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
        body: Body<UserChangesBody>,
    ) -> Result<Json<UsersBody>, Failure> {
        let login = &caller.0;
        let expect = if_match.of_batch(body.0.user.len())?;
        let changes = batch::read("user", body.0.user, change)?;
        let users = batch::in_order("user", changes, |(name, update)| async move {
            login.vmm.update_user(&login.actor, &name, update, expect).await
        });
        Ok(Json(UsersBody { user: users.await?.into_iter().map(UserBody::from).collect(), next: None }))
    }

    /// Delete an account that no machine and no request names. Admins only. Needs a session.
    #[oai(path = "/db/user", method = "delete", operation_id = "deleteUser")]
    async fn delete(
        &self,
        caller: Caller,
        name: Query<TextOf<UserName>>,
        /// The `ETag` of the record as it was read. If the record has changed since, the answer is 412.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
    ) -> Result<Done, Failure> {
        let login = caller.0;
        login.vmm.delete_user(&login.actor, &UserName::new(name.0)?, if_match.0).await?;
        Ok(Done::Done)
    }
    /// Change passwords. Ends all sessions of the accounts, but not their API tokens: `DELETE /access` ends those too.
    ///
    /// These forms are accepted too: the method `UPDATE`, the outer key `update password`, and
    /// `old=pass` or `old-pass` for `old-password`.
    #[oai(path = "/config/update-password", method = "put", operation_id = "updatePassword")]
    async fn update_password(&self, caller: Caller, body: Body<PasswordChanges>) -> Result<Done, Failure> {
        let login = &caller.0;
        let changes = batch::read("update-password", body.0.update_password, password_change)?;
        batch::in_order("update-password", changes, |(user, old, new)| async move {
            login.vmm.change_password(&login.actor, &user, old, new).await
        })
        .await?;
        Ok(Done::Done)
    }
}
