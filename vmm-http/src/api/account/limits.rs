//! The budgets of an account.

use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use vmm_core::BudgetUse;

use crate::api::tag::Tag;
use crate::error::Failure;
use crate::layer::auth::Caller;

pub(crate) struct LimitsApi;

/// A budget of the account.
#[derive(Debug, Object)]
#[oai(rename = "BudgetUse")]
struct BudgetUseBody {
    /// The name of the budget, as `budget` of a problem has it.
    budget: String,
    /// The things that the budget counts.
    counts: String,
    /// The most that the account may have.
    limit: u64,
    /// The amount that the account has, this call included.
    taken: u64,
}

impl From<BudgetUse> for BudgetUseBody {
    fn from(used: BudgetUse) -> Self {
        let BudgetUse { budget, limit, taken, .. } = used;
        Self { budget: budget.to_string(), counts: budget.counts().to_owned(), limit, taken }
    }
}

/// The budgets of the account.
#[derive(Debug, Object)]
#[oai(rename = "Limits")]
struct LimitsBody {
    limit: Vec<BudgetUseBody>,
}

#[OpenApi(tag = "Tag::User")]
impl LimitsApi {
    /// Get the budgets of one's own account, and how much of each it uses.
    ///
    /// An account that exceeds its share gets 429; a call that exceeds what all accounts together may use gets 503. The
    /// problem names the `budget`.
    #[oai(path = "/limits", method = "get", operation_id = "getLimits")]
    async fn get(&self, caller: Caller) -> Result<Json<LimitsBody>, Failure> {
        let login = caller.0;
        let limit = login.vmm.limits(&login.actor).await?.into_iter().map(BudgetUseBody::from).collect();
        Ok(Json(LimitsBody { limit }))
    }
}
