//! The link from a person in Telegram to an account.

use vmm_core::{Actor, Error, Result, SecretString};

use crate::talk::context::Context;
use crate::talk::exchange::{Answer, Asked};
use crate::talk::render::link as render;
use crate::talk::reply::Reply;

/// Links a person to the account that a code was made for.
pub(crate) async fn link(context: &Context, actor: Option<&Actor>, code: &SecretString, person: i64) -> Result<Reply> {
    match context.vmm.link_chat(code, person).await {
        Ok(user) => {
            // They were given to the account that this chat spoke for until now.
            context.secrets.forget_all(person);
            Ok(render::linked(&user))
        }
        Err(Error::Unauthenticated) => Ok(render::bad_code(actor)),
        Err(error) => Err(error),
    }
}

/// Unlinks this person from their account.
pub(super) async fn unlink(context: &Context, asked: &Asked) -> Result<Answer> {
    context.vmm.unlink_chat(&asked.actor, None).await?;
    context.secrets.forget_all(asked.from.person);
    Ok(render::unlinked().into())
}
