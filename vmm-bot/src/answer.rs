//! What is answered: an arm for each command and button, and one call to the desk in each.

use vmm_core::model::{VmFilter, VmId, VmName};
use vmm_core::{Actor, Error, Result, SecretString, Vmm};

use crate::command::Command;
use crate::dialogue::{Intent, Switch};
use crate::post::Reply;
use crate::render;
use crate::sender::From;

/// How many machines a message shows.
const PAGE: u32 = 10;

/// Binds a person to the account that a code was made for.
pub(crate) async fn link(vmm: &Vmm, actor: Option<&Actor>, code: &SecretString, person: i64) -> Result<Reply> {
    match vmm.link_chat(code, person).await {
        Ok(user) => Ok(render::help::linked(&user)),
        Err(Error::Unauthenticated) => Ok(render::help::bad_code(actor)),
        Err(error) => Err(error),
    }
}

/// Answers a command of this person, who is bound to an account.
pub(crate) async fn command(vmm: &Vmm, actor: &Actor, command: Command, from: From) -> Result<Reply> {
    match command {
        Command::Link(code) => link(vmm, Some(actor), &code, from.person).await,
        Command::Start | Command::Help => Ok(render::help::help(actor)),
        Command::Unlink => vmm.unlink_chat(actor, None).await.map(|()| render::help::unlinked()),
        Command::Vms => page(vmm, actor, None, Vec::new()).await,
        Command::Vm(name) => card(vmm, actor, &name, from.private).await,
        Command::Monitor(name) => monitor(vmm, actor, &name).await,
    }
}

/// Answers a press that asks for something to be shown.
pub(crate) async fn press(vmm: &Vmm, actor: &Actor, intent: Intent, private: bool) -> Result<Reply> {
    match intent {
        Intent::Page { after, trail } => page(vmm, actor, after, trail).await,
        Intent::Card { vm } => card(vmm, actor, &VmName::new(vm)?, private).await,
        Intent::Monitor { vm } => monitor(vmm, actor, &VmName::new(vm)?).await,
        Intent::Ask { vm, switch } => Ok(render::power::question(&vm, switch)),
        Intent::Confirmed { vm, switch } => self::switch(vmm, actor, &vm, switch).await,
    }
}

/// Switches a machine.
pub(crate) async fn switch(vmm: &Vmm, actor: &Actor, vm: &str, switch: Switch) -> Result<Reply> {
    vmm.power(actor, &VmName::new(vm)?, switch.into()).await?;
    Ok(render::power::done(vm, switch))
}

async fn page(vmm: &Vmm, actor: &Actor, after: Option<i64>, trail: Vec<Option<i64>>) -> Result<Reply> {
    let filter = VmFilter { after: after.map(VmId), limit: Some(PAGE), ..VmFilter::default() };
    let page = vmm.vms(actor, &filter).await?;
    Ok(render::vms::list(&page, after, trail))
}

async fn card(vmm: &Vmm, actor: &Actor, name: &VmName, private: bool) -> Result<Reply> {
    let (vm, disks) = vmm.vm(actor, name).await?;
    Ok(render::vms::card(&vm, &disks, private))
}

async fn monitor(vmm: &Vmm, actor: &Actor, name: &VmName) -> Result<Reply> {
    Ok(render::monitor::figures(&vmm.monitor(actor, name).await?))
}
