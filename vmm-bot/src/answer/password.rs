//! Changing the own password. What is told is deleted from the chat at once, and never said again.

use vmm_core::{Actor, Error, Result, SecretString};

use crate::dialogue::{ANSWER_TIME, Question};
use crate::parts::{Answer, Asked, Parts};
use crate::render::password as render;

/// Asks for the present password.
pub(crate) fn ask() -> Answer {
    Answer::asking(render::old(), Question::OldPassword)
}

/// Keeps the present password, and asks for the new one.
pub(crate) fn old(parts: &Parts, asked: &Asked, old: SecretString) -> Answer {
    parts.secrets.keep_password(asked.from.person, old, ANSWER_TIME);
    Answer::asking(render::new(), Question::NewPassword).deleting(asked.message)
}

/// Changes the password.
pub(crate) async fn new(parts: &Parts, asked: &Asked, new: SecretString) -> Result<Answer> {
    let Actor::User { name, .. } = &asked.actor else { return Err(Error::Unauthenticated) };
    let change = async {
        let Some(old) = parts.secrets.take_password(asked.from.person) else { return Ok(render::again().into()) };
        parts.vmm.change_password(&asked.actor, name, Some(old), new).await?;
        Ok(render::changed().into())
    };
    Ok(parts.once(asked, render::interrupted, change).await?.deleting(asked.message))
}
