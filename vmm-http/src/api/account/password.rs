//! What people set for themselves.

use poem_openapi::{Object, OpenApi};
use vmm_core::SecretString;
use vmm_core::model::UserName;

use crate::api::answer::Done;
use crate::api::tag::Tag;
use crate::error::Failure;
use crate::layer::auth::Caller;
use crate::wire::batch;
use crate::wire::body::Body;
use crate::wire::secret::Secret;

pub(crate) struct ConfigApi;

/// A password to change.
#[derive(Debug, Object)]
#[oai(rename = "PasswordChange", deny_unknown_fields)]
struct PasswordChange {
    /// Whose.
    #[oai(validator(max_length = 128))]
    user: String,
    /// An admin may leave out another account's.
    #[oai(rename = "old-password")]
    old_password: Option<Secret>,
    /// 10 to 1024 characters.
    #[oai(rename = "new-password")]
    new_password: Secret,
}

/// Passwords to change.
#[derive(Debug, Object)]
#[oai(rename = "PasswordChanges", deny_unknown_fields)]
struct PasswordChanges {
    #[oai(rename = "update-password", validator(min_items = 1, max_items = 100))]
    update_password: Vec<PasswordChange>,
}

fn read(change: PasswordChange) -> vmm_core::Result<(UserName, Option<SecretString>, SecretString)> {
    let user = batch::named("user", UserName::new(change.user))?;
    Ok((user, change.old_password.map(|old| old.0), change.new_password.0))
}

#[OpenApi(tag = "Tag::User")]
impl ConfigApi {
    /// Change passwords. Ends all logins of the accounts, but not their API tokens: `DELETE /access` ends those too.
    ///
    /// The first documentation's forms are accepted too: the method `UPDATE`, the outer key `update password`, and
    /// `old=pass` or `old-pass` for `old-password`.
    #[oai(path = "/config/update-password", method = "put", operation_id = "updatePassword")]
    async fn update_password(&self, caller: Caller, body: Body<PasswordChanges>) -> Result<Done, Failure> {
        let login = &caller.0;
        let changes = batch::read("update-password", body.0.update_password, read)?;
        batch::in_order("update-password", changes, |(user, old, new)| async move {
            login.vmm.change_password(&login.actor, &user, old, new).await
        })
        .await?;
        Ok(Done::Done)
    }
}
