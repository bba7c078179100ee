//! The access to a person's account.

use vmm_core::Result;

use crate::talk::context::Context;
use crate::talk::exchange::{Answer, Asked};
use crate::talk::render::access as render;

/// Ends the logins of this person's account and deletes its API tokens, and with `everything` all other access to it.
pub(super) async fn revoke(context: &Context, asked: &Asked, everything: bool) -> Result<Answer> {
    let revoked = context.vmm.revoke_access(&asked.actor, None, everything).await?;
    if everything {
        context.secrets.forget_all(asked.from.person);
    }
    Ok(render::revoked(&revoked).into())
}
