//! Changing the own password. What is told is deleted from the chat at once, and never said again.

use vmm_core::{Actor, Error, Result, SecretString};

use crate::talk::context::Context;
use crate::talk::dialogue::{ANSWER_TIME, Question};
use crate::talk::exchange::{Answer, Asked};
use crate::talk::render::password as render;

/// Asks for the present password.
pub(crate) fn ask() -> Answer {
    Answer::asking(render::old(), Question::OldPassword)
}

/// Keeps the present password, and asks for the new one.
pub(crate) fn old(context: &Context, asked: &Asked, old: SecretString) -> Answer {
    context.secrets.keep_password(asked.from.person, old, ANSWER_TIME);
    Answer::asking(render::new(), Question::NewPassword).deleting(asked.message)
}

/// Changes the password.
pub(crate) async fn new(context: &Context, asked: &Asked, new: SecretString) -> Result<Answer> {
    let Actor::User { name, .. } = &asked.actor else { return Err(Error::Unauthenticated) };
    let change = async {
        let Some(old) = context.secrets.take_password(asked.from.person) else { return Ok(render::again().into()) };
        context.vmm.change_password(&asked.actor, name, Some(old), new).await?;
        Ok(render::changed().into())
    };
    Ok(context.once(asked, render::interrupted, change).await?.deleting(asked.message))
}
