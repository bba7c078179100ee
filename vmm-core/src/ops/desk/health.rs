//! The health of the desk's parts.

use crate::desk::{Desk, Health, PartHealth, Vmm};
use crate::error::Result;
use crate::host::Host;
use crate::model::OsFilter;
use crate::policy::{Action, Actor, Target};

impl Vmm {
    /// Returns whether every part of the desk answers. Each is asked once a second at most, however many want to know.
    pub async fn health(&self) -> Health {
        let desk = self.unguarded();
        desk.health(|| look(&desk)).await
    }

    /// The host: its name, its figures and its capabilities.
    ///
    /// # Errors
    /// `Forbidden` for anyone but an admin, `Unavailable` if the host does not answer.
    pub async fn host(&self, actor: &Actor) -> Result<Host> {
        self.read(actor, Action::HostRead, &Target::none())?.hypervisor().host().describe().await
    }
}

async fn look(desk: &Desk) -> Health {
    let one = OsFilter { limit: Some(1), ..OsFilter::default() };
    let (database, hypervisor) = tokio::join!(desk.repository().oses().list(&one), desk.hypervisor().host().describe());
    Health { database: part("database", database), hypervisor: part("hypervisor", hypervisor) }
}

fn part<T>(name: &'static str, answer: Result<T>) -> PartHealth {
    match answer {
        Ok(_) => PartHealth::Up,
        Err(error) => {
            tracing::warn!(part = name, %error, "a part of the desk does not answer");
            PartHealth::Down
        }
    }
}
