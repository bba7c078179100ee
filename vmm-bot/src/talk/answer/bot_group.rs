//! Groups that an admin allows.

use vmm_core::{Error, Result};

use crate::talk::context::Context;
use crate::talk::exchange::{Answer, Asked};
use crate::talk::render::bot_group as render;

/// Allows the group that this is said in.
pub(super) async fn allow(context: &Context, asked: &Asked) -> Result<Answer> {
    if asked.from.private {
        return Ok(render::in_a_group().into());
    }
    let group = context.vmm.allow_group(&asked.actor, context.id, asked.from.chat, &asked.title).await?;
    Ok(render::allowed(&group).into())
}

/// Ends what the group is allowed that this is said in.
pub(super) async fn disallow(context: &Context, asked: &Asked) -> Result<Answer> {
    if asked.from.private {
        return Ok(render::in_a_group().into());
    }
    match context.vmm.disallow_group(&asked.actor, context.id, asked.from.chat).await {
        Ok(()) => Ok(render::disallowed().into()),
        Err(Error::NotFound { .. }) => Ok(render::not_allowed().into()),
        Err(error) => Err(error),
    }
}

/// The allowed groups.
pub(super) async fn list(context: &Context, asked: &Asked) -> Result<Answer> {
    let groups = context.vmm.groups(&asked.actor, Some(context.id)).await?;
    Ok(render::list(&groups).into())
}

/// Ends what a group of the list is allowed.
pub(super) async fn end(context: &Context, asked: &Asked, chat: i64) -> Result<Answer> {
    match context.vmm.disallow_group(&asked.actor, context.id, chat).await {
        // Somebody was quicker.
        Ok(()) | Err(Error::NotFound { .. }) => list(context, asked).await,
        Err(error) => Err(error),
    }
}
