//! Groups that an admin allows.

use vmm_core::{Error, Result};

use crate::parts::{Answer, Asked, Parts};
use crate::render::group as render;

/// Allows the group that this is said in.
pub(super) async fn allow(parts: &Parts, asked: &Asked) -> Result<Answer> {
    if asked.from.private {
        return Ok(render::in_a_group().into());
    }
    let group = parts.vmm.allow_group(&asked.actor, parts.id, asked.from.chat, &asked.title).await?;
    Ok(render::allowed(&group).into())
}

/// Ends what the group is allowed that this is said in.
pub(super) async fn disallow(parts: &Parts, asked: &Asked) -> Result<Answer> {
    if asked.from.private {
        return Ok(render::in_a_group().into());
    }
    match parts.vmm.disallow_group(&asked.actor, parts.id, asked.from.chat).await {
        Ok(()) => Ok(render::disallowed().into()),
        Err(Error::NotFound { .. }) => Ok(render::not_allowed().into()),
        Err(error) => Err(error),
    }
}

/// The allowed groups.
pub(super) async fn list(parts: &Parts, asked: &Asked) -> Result<Answer> {
    let groups = parts.vmm.groups(&asked.actor, Some(parts.id)).await?;
    Ok(render::list(&groups).into())
}

/// Ends what a group of the list is allowed.
pub(super) async fn end(parts: &Parts, asked: &Asked, chat: i64) -> Result<Answer> {
    match parts.vmm.disallow_group(&asked.actor, parts.id, chat).await {
        // Somebody was quicker.
        Ok(()) | Err(Error::NotFound { .. }) => list(parts, asked).await,
        Err(error) => Err(error),
    }
}
