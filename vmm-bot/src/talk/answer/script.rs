//! Named scripts: kept from a file, shown, deleted, and asked to run.

use std::sync::Arc;

use vmm_core::model::{RunId, ScriptContent, ScriptFilter, ScriptName};
use vmm_core::{Result, ScriptDraft};

use super::{login, run};
use crate::talk::context::Context;
use crate::talk::dialogue::{RunWish, ScriptStep, Task};
use crate::talk::exchange::{Answer, Asked};
use crate::talk::render::escape;
use crate::talk::render::script as render;
use crate::talk::reply::Reply;
use crate::transport::file::{self, Document};

/// The largest number of scripts in a list.
const LISTED: u32 = 10;

/// Lists the scripts.
pub(crate) async fn list(context: &Context, asked: &Asked) -> Result<Answer> {
    let filter = ScriptFilter { limit: Some(LISTED), ..ScriptFilter::default() };
    Ok(render::list(&context.vmm.scripts(&asked.actor, &filter).await?).into())
}

/// Keeps an uploaded file as a script of this name.
pub(crate) async fn keep(
    context: &Context,
    asked: &Asked,
    document: Document,
    name: ScriptName,
    words: &[String],
) -> Result<Answer> {
    let most = ScriptContent::LONGEST;
    if usize::try_from(document.size).is_ok_and(|size| size > most) {
        let reason = format!("The file has {} bytes. A script can have at most {most}.", document.size);
        return Ok(Reply::text(reason).into());
    }
    let bytes = match file::download(&context.bot, &document).await {
        Ok(bytes) => bytes,
        Err(reason) => return Ok(Reply::text(escape(&reason)).into()),
    };
    let (command, targets) = words.split_first().map_or((None, &[][..]), |(first, rest)| (Some(first), rest));
    let draft = ScriptDraft {
        name: name.clone(),
        file: document.name.parse()?,
        command: command.map(|command| command.parse()).transpose()?,
        content: Some(ScriptContent::from_bytes(bytes)?),
        targets: run::targets(targets)?,
        user: None,
        password: None,
    };
    let create = async {
        let saved = context.vmm.create_script(&asked.actor, draft).await?;
        Ok(render::saved(&saved, &asked.actor).into())
    };
    context.once(asked, || render::interrupted(&format!("saving the script {name}")), create).await
}

/// Does what a button says.
pub(crate) async fn step(context: &Arc<Context>, asked: &Asked, step: ScriptStep) -> Result<Answer> {
    match step {
        ScriptStep::Show { name } => {
            let (script, _) = context.vmm.script(&asked.actor, &ScriptName::new(name)?, None).await?;
            Ok(render::card(&script, &asked.actor).into())
        }
        ScriptStep::Run { wish } => login::begin(context, asked, Task::Run { wish }).await,
        ScriptStep::ShowRun { run } => run::show(context, asked, RunId(run)).await,
        ScriptStep::Delete { name } => Ok(render::ask_to_delete(&name).into()),
        ScriptStep::Deleted { name } => {
            let delete = async {
                context.vmm.delete_script(&asked.actor, &ScriptName::new(name.clone())?).await?;
                Ok(render::deleted(&name).into())
            };
            context.once(asked, || render::interrupted(&format!("deleting the script {name}")), delete).await
        }
    }
}

/// Runs a script on the machines that were asked for.
pub(super) async fn on(context: &Arc<Context>, asked: &Asked, script: String, text: &str) -> Result<Answer> {
    let on: Vec<_> = text.split([' ', ',', '\n']).filter(|word| !word.is_empty()).map(str::to_owned).collect();
    run::targets(&on)?;
    login::begin(context, asked, Task::Run { wish: RunWish::Script { name: script, on } }).await
}
