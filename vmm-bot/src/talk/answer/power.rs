//! The power of machines.

use vmm_core::Result;
use vmm_core::model::VmName;

use crate::talk::context::Context;
use crate::talk::dialogue::Switch;
use crate::talk::exchange::{Answer, Asked};
use crate::talk::render::power as render;

/// Switches a machine, unless a process that was killed has begun to.
pub(super) async fn switch(context: &Context, asked: &Asked, vm: &str, switch: Switch) -> Result<Answer> {
    let act = async {
        let switched = context.vmm.power(&asked.actor, &VmName::new(vm)?, switch.into()).await?;
        Ok(render::done(vm, switch, &switched).into())
    };
    context.once(asked, || render::interrupted(vm, switch), act).await
}
