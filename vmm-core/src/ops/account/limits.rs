//! The limits of an account, and the amounts that it holds.

use crate::budget::Holder;
use crate::desk::Vmm;
use crate::error::{Error, Result};
use crate::model::Budget;
use crate::policy::{Action, Actor, Target};

/// A budget of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BudgetUse {
    /// Which one.
    pub budget: Budget,
    /// The limit of the account.
    pub limit: u64,
    /// The amount that the account has. What is held in memory is that of the process that was asked.
    pub taken: u64,
}

impl Vmm {
    /// The actor's budgets, each with its limit and how much of it is taken.
    ///
    /// # Errors
    /// `Unauthenticated` for nobody, `Unsupported` for vmm itself, which has none.
    pub async fn limits(&self, actor: &Actor) -> Result<Vec<BudgetUse>> {
        let account = match actor {
            Actor::User { id, .. } => *id,
            Actor::Anonymous => return Err(Error::Unauthenticated),
            Actor::System => return Err(Error::Unsupported("budgets of vmm itself")),
        };
        let desk = self.read(actor, Action::LimitsRead, &Target::of(account, "limits"))?;
        let stored = desk.repository().users().stored(account).await?;
        let budgets = desk.budgets();
        let of_accounts =
            |budget: &&Budget| !matches!(budget, Budget::SignIns | Budget::SignInBodies | Budget::MachineRuns);
        let used = Budget::ALL.iter().filter(of_accounts).map(|budget| BudgetUse {
            budget: *budget,
            limit: budgets.limits().get(*budget).share,
            taken: budgets.held(*budget, Holder::from(actor)) + stored.of(*budget),
        });
        Ok(used.collect())
    }
}
