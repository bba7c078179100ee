//! Budgets: what one account may hold at once, and what all accounts may hold together.
//!
//! A [`Budget`] names something that somebody can make wait, grow or repeat. Each holder has a share of it, and most
//! budgets have a limit for all holders together, of which an eighth is kept for admins and another one is closed to
//! whoever is not signed in. Places are held in this process's memory as long as their [`Place`] lives. What is stored
//! is counted in the records, by the transaction that adds to it.

mod turn;

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::attempts::network;
use crate::error::{Error, Result};
use crate::model::{Budget, BudgetLimits, Limit, Over, Role, UserId, VmId};
use crate::policy::Actor;

pub use turn::Turn;

/// The holder of places in budgets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Holder {
    /// An account; admins have reserved places.
    Account {
        /// Its id.
        id: UserId,
        /// Its role.
        role: Role,
    },
    /// Somebody who is not signed in, by the address that they come from.
    Anonymous(Option<IpAddr>),
    /// vmm itself, which has no share of its own.
    Vmm,
}

impl Holder {
    /// Returns the holder of the places that an actor at this address takes.
    pub fn new(actor: &Actor, from: Option<IpAddr>) -> Self {
        match actor {
            Actor::User { id, role, .. } => Self::Account { id: *id, role: *role },
            Actor::Anonymous => Self::Anonymous(from),
            Actor::System => Self::Vmm,
        }
    }

    fn key(self) -> Option<Key> {
        match self {
            Self::Account { id, .. } => Some(Key::Account(id)),
            Self::Anonymous(from) => Some(Key::Address(from.map(network))),
            Self::Vmm => None,
        }
    }

    /// Returns the number of eighths of the common limit that are closed to this holder.
    fn closed_eighths(self) -> u64 {
        match self {
            Self::Anonymous(_) => 2,
            Self::Account { role: Role::User, .. } => 1,
            Self::Account { role: Role::Admin, .. } | Self::Vmm => 0,
        }
    }
}

impl From<&Actor> for Holder {
    fn from(actor: &Actor) -> Self {
        Self::new(actor, None)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    Account(UserId),
    Address(Option<IpAddr>),
    Machine(VmId),
}

/// An amount of a budget.
#[derive(Clone, Copy, Debug)]
struct Claim {
    budget: Budget,
    key: Option<Key>,
    closed_eighths: u64,
    amount: u64,
}

impl Claim {
    fn new(budget: Budget, holder: Holder, amount: u64) -> Self {
        // Who signs in is nobody yet, and who takes rights away must not be kept waiting by those who have them.
        let open = matches!(budget, Budget::SignIns | Budget::SignInBodies | Budget::Revocations);
        let closed_eighths = if open { 0 } else { holder.closed_eighths() };
        Self { budget, key: holder.key(), closed_eighths, amount }
    }
}

/// Returns the number of the queue in which somebody with these claims waits: that of the last one's budget.
fn queue(claims: &[Claim]) -> usize {
    claims.last().map_or(0, |claim| claim.budget as usize)
}

/// The budgets of a desk in this process. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Budgets(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limits: BudgetLimits,
    state: Mutex<State>,
    refused: [AtomicU64; Budget::ALL.len()],
}

#[derive(Debug, Default)]
struct State {
    shares: HashMap<(Budget, Key), u64>,
    all: [u64; Budget::ALL.len()],
    /// Those who wait, in the order in which they get places. None of them could have what it waits for.
    ///
    /// They stand apart by the budget that they wait for, so that the end of a request looks at no waiting run.
    waiting: [VecDeque<Waiting>; Budget::ALL.len()],
}

#[derive(Debug)]
struct Waiting {
    claims: Vec<Claim>,
    place: oneshot::Sender<Place>,
}

/// A place that somebody holds. It is given back when it is dropped.
#[must_use]
#[derive(Debug)]
pub struct Place {
    shared: Arc<Shared>,
    claims: Vec<Claim>,
}

impl Budgets {
    pub(crate) fn new(limits: BudgetLimits) -> Self {
        let refused = std::array::from_fn(|_| AtomicU64::new(0));
        Self(Arc::new(Shared { limits, state: Mutex::default(), refused }))
    }

    pub(crate) fn limits(&self) -> &BudgetLimits {
        &self.0.limits
    }

    /// Takes a place.
    ///
    /// # Errors
    /// [`Error::OverBudget`] if the holder's share or all of it is taken.
    pub(crate) fn take(&self, budget: Budget, holder: Holder) -> Result<Place> {
        self.take_amount(budget, holder, 1, 0)
    }

    /// Takes an amount, which counts together with what is stored already.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub(crate) fn take_amount(&self, budget: Budget, holder: Holder, amount: u64, stored: u64) -> Result<Place> {
        let claims = vec![Claim::new(budget, holder, amount)];
        let mut state = self.0.state();
        match state.obstacle(&claims, &self.0.limits, stored) {
            Some(error) => Err(self.0.refuse(error)),
            None => Ok(state.give(&self.0, claims)),
        }
    }

    /// Waits for the place of a call that works on a machine over SSH.
    ///
    /// # Errors
    /// [`Error::OverBudget`] after `patience`, if there is any.
    pub(crate) async fn session(&self, holder: Holder, patience: Option<Duration>) -> Result<Place> {
        let claims = vec![Claim::new(Budget::Sessions, holder, 1)];
        let Some(patience) = patience else { return self.wait(claims).await };
        match timeout(patience, self.wait(claims.clone())).await {
            Ok(given) => given,
            Err(_) => {
                let error = self.0.state().obstacle(&claims, &self.0.limits, 0);
                let share = self.0.limits.get(Budget::Sessions).share;
                Err(self.0.refuse(error.unwrap_or_else(|| Error::over_budget(Budget::Sessions, Over::Share, share))))
            }
        }
    }

    /// Waits until a script may run on a machine: for the machine and for a place of the holder at one time, so that
    /// who waits for a busy machine takes nobody's place.
    ///
    /// # Errors
    /// None while the budgets are there.
    pub(crate) async fn run_on(&self, holder: Holder, machine: VmId) -> Result<Place> {
        let on = Claim { budget: Budget::MachineRuns, key: Some(Key::Machine(machine)), closed_eighths: 0, amount: 1 };
        self.wait(vec![on, Claim::new(Budget::RunPlaces, holder, 1)]).await
    }

    /// Takes what is claimed if nothing stands in the way, and counts no refusal otherwise.
    fn take_if_free(&self, claims: &[Claim]) -> Option<Place> {
        self.0.state().give_if_free(&self.0, claims)
    }

    async fn wait(&self, claims: Vec<Claim>) -> Result<Place> {
        let given = {
            let mut state = self.0.state();
            if let Some(place) = state.give_if_free(&self.0, &claims) {
                return Ok(place);
            }
            // Those who have stopped waiting would stay until a place is given back.
            let queue = queue(&claims);
            state.waiting[queue].retain(|waiting| !waiting.place.is_closed());
            let (place, given) = oneshot::channel();
            state.waiting[queue].push_back(Waiting { claims, place });
            given
        };
        given.await.map_err(|error| Error::internal("waiting for a place", error))
    }

    /// Returns the amount of a budget that a holder has in this process.
    pub(crate) fn held(&self, budget: Budget, holder: Holder) -> u64 {
        let key = holder.key();
        key.and_then(|key| self.0.state().shares.get(&(budget, key)).copied()).unwrap_or_default()
    }

    /// Counts a refusal that a transaction made.
    pub(crate) fn note(&self, error: &Error) {
        if let Error::OverBudget { budget, .. } = error
            && budget.is_stored()
        {
            self.0.refused[*budget as usize].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns how much of each budget all holders have together in this process.
    pub(crate) fn taken(&self) -> Vec<(Budget, u64)> {
        let state = self.0.state();
        Budget::ALL.iter().map(|budget| (*budget, state.all[*budget as usize])).collect()
    }

    /// Returns the number of times that each budget was refused since the process began.
    pub(crate) fn refusals(&self) -> Vec<(Budget, u64)> {
        Budget::ALL.iter().map(|budget| (*budget, self.0.refused[*budget as usize].load(Ordering::Relaxed))).collect()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a refusal of a place.
    fn refuse(&self, error: Error) -> Error {
        if let Error::OverBudget { budget, .. } = &error {
            self.refused[*budget as usize].fetch_add(1, Ordering::Relaxed);
        }
        error
    }
}

impl State {
    /// Returns the error that stands in the way of these claims, if any does.
    fn obstacle(&self, claims: &[Claim], limits: &BudgetLimits, stored: u64) -> Option<Error> {
        claims.iter().find_map(|Claim { budget, key, closed_eighths, amount }| {
            let Limit { share, all } = limits.get(*budget);
            let held = key.and_then(|key| self.shares.get(&(*budget, key)).copied()).unwrap_or_default();
            let own = stored.saturating_add(held).saturating_add(*amount);
            if key.is_some() && *amount > 0 && own > share {
                return Some(Error::over_budget(*budget, Over::Share, share));
            }
            // However few places there are, one is an eighth, and one is open to everybody.
            let open = all.map(|all| all.saturating_sub((all / 8).max(1) * closed_eighths).max(all.min(1)));
            let taken = self.all[*budget as usize].saturating_add(*amount);
            open.filter(|open| *amount > 0 && taken > *open)
                .map(|open| Error::over_budget(*budget, Over::Everybody, open))
        })
    }

    fn give_if_free(&mut self, shared: &Arc<Shared>, claims: &[Claim]) -> Option<Place> {
        let is_free = self.obstacle(claims, &shared.limits, 0).is_none();
        is_free.then(|| self.give(shared, claims.to_vec()))
    }

    fn give(&mut self, shared: &Arc<Shared>, claims: Vec<Claim>) -> Place {
        claims.iter().for_each(|claim| self.add(*claim));
        Place { shared: Arc::clone(shared), claims }
    }

    fn add(&mut self, Claim { budget, key, amount, .. }: Claim) {
        self.all[budget as usize] += amount;
        if let Some(key) = key {
            *self.shares.entry((budget, key)).or_default() += amount;
        }
    }

    fn remove(&mut self, Claim { budget, key, amount, .. }: Claim) {
        self.all[budget as usize] -= amount;
        if let Some(key) = key
            && let Some(share) = self.shares.get_mut(&(budget, key))
        {
            *share -= amount;
            if *share == 0 {
                self.shares.remove(&(budget, key));
            }
        }
    }

    /// Gives places to those who wait and can have them now. A holder who gets one stands behind all others with what
    /// else it waits for.
    fn admit(&mut self, queue: usize, shared: &Arc<Shared>) -> Vec<(oneshot::Sender<Place>, Place)> {
        let mut admitted = Vec::new();
        loop {
            let (mut served, mut again) = (HashSet::new(), VecDeque::new());
            for waiting in std::mem::take(&mut self.waiting[queue]) {
                if waiting.place.is_closed() {
                    continue;
                }
                let holder = waiting.claims.last().and_then(|claim| claim.key);
                if served.contains(&holder) {
                    again.push_back(waiting);
                } else if self.obstacle(&waiting.claims, &shared.limits, 0).is_some() {
                    self.waiting[queue].push_back(waiting);
                } else {
                    served.insert(holder);
                    let Waiting { claims, place } = waiting;
                    admitted.push((place, self.give(shared, claims)));
                }
            }
            self.waiting[queue].append(&mut again);
            if served.is_empty() {
                return admitted;
            }
        }
    }
}

impl Place {
    /// Takes more of the budget, which counts together with what is stored already.
    ///
    /// # Errors
    /// [`Error::OverBudget`]. The place stays as it is then.
    pub(crate) fn grow_beside(&mut self, amount: u64, stored: u64) -> Result<()> {
        let Some(claim) = self.claims.first_mut() else { return Ok(()) };
        let more = Claim { amount, ..*claim };
        let mut state = self.shared.state();
        if let Some(error) = state.obstacle(&[more], &self.shared.limits, stored) {
            return Err(self.shared.refuse(error));
        }
        state.add(more);
        claim.amount += amount;
        Ok(())
    }

    /// Takes more of the budget.
    ///
    /// # Errors
    /// [`Error::OverBudget`]. The place stays as it is then.
    pub fn grow(&mut self, amount: u64) -> Result<()> {
        self.grow_beside(amount, 0)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let admitted = {
            let mut state = self.shared.state();
            self.claims.iter().for_each(|claim| state.remove(*claim));
            let waited_for = self.claims.iter().any(|claim| claim.budget.is_waited_for());
            if waited_for { state.admit(queue(&self.claims), &self.shared) } else { Vec::new() }
        };
        for (waiting, place) in admitted {
            // The place of somebody who has gone is given back when it is dropped.
            let _ = waiting.send(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: i64) -> Holder {
        Holder::Account { id: UserId(id), role: Role::User }
    }

    fn admin(id: i64) -> Holder {
        Holder::Account { id: UserId(id), role: Role::Admin }
    }

    /// Everything that a holder gets of a budget.
    fn fill(budgets: &Budgets, budget: Budget, holder: Holder) -> Vec<Place> {
        std::iter::from_fn(|| budgets.take(budget, holder).ok()).take(1 << 16).collect()
    }

    fn over(result: Result<Place>) -> Option<(Budget, Over)> {
        match result {
            Err(Error::OverBudget { budget, over, .. }) => Some((budget, over)),
            _ => None,
        }
    }

    /// Budgets whose places are counted by number and held by accounts or addresses.
    fn of_places() -> impl Iterator<Item = Budget> {
        let others = [Budget::MachineRuns, Budget::SignInBodies];
        Budget::ALL.iter().copied().filter(move |budget| !budget.is_stored() && !others.contains(budget))
    }

    #[test]
    fn a_holder_who_has_a_whole_share_leaves_room_for_another_in_every_budget() {
        let mut limits = BudgetLimits::default();
        limits.set_share(Budget::Bodies, 8);
        limits.set_all(Budget::Bodies, 64);
        let budgets = Budgets::new(limits);
        for budget in of_places() {
            let share = budgets.limits().get(budget).share;
            let held = fill(&budgets, budget, user(1));
            assert_eq!(held.len() as u64, share, "{budget}");
            assert_eq!(over(budgets.take(budget, user(1))), Some((budget, Over::Share)));
            assert!(budgets.take(budget, user(2)).is_ok(), "{budget}");
            drop(held);
            assert_eq!(budgets.held(budget, user(1)), 0, "{budget}");
        }
    }

    #[test]
    fn an_admin_has_a_place_in_every_budget_when_twenty_accounts_hold_all_that_they_may() {
        let mut limits = BudgetLimits::default();
        limits.set_share(Budget::Bodies, 8);
        limits.set_all(Budget::Bodies, 64);
        let budgets = Budgets::new(limits);
        let open = [Budget::SignIns, Budget::SignInBodies, Budget::Revocations];
        for budget in of_places().filter(|budget| !open.contains(budget)) {
            let held: Vec<_> = (1..=20).map(|id| fill(&budgets, budget, user(id))).collect();
            let full = Some((budget, Over::Everybody));
            let everything = budgets.limits().get(budget).share * 20 > budgets.limits().get(budget).all.unwrap_or(0);
            assert_eq!(over(budgets.take(budget, user(21))), full.filter(|_| everything), "{budget}");
            assert!(budgets.take(budget, admin(22)).is_ok(), "{budget}");
            drop(held);
        }
    }

    #[test]
    fn what_all_holders_have_is_told_together() {
        let budgets = Budgets::new(BudgetLimits::default());
        let taken = || budgets.taken().into_iter().find(|(budget, _)| *budget == Budget::Streams).map(|(_, held)| held);
        let held = [fill(&budgets, Budget::Streams, user(1)), fill(&budgets, Budget::Streams, user(2))];
        assert_eq!(taken(), Some(2 * budgets.limits().get(Budget::Streams).share));
        drop(held);
        assert_eq!(taken(), Some(0));
    }

    #[test]
    fn who_is_not_signed_in_takes_no_place_that_accounts_are_sure_of() {
        let budgets = Budgets::new(BudgetLimits::default());
        let address = |last| Holder::Anonymous(Some(IpAddr::from([10, 0, 0, last])));
        let held: Vec<_> = (0..100).map(|last| fill(&budgets, Budget::Requests, address(last))).collect();
        assert_eq!(over(budgets.take(Budget::Requests, address(101))), Some((Budget::Requests, Over::Everybody)));
        assert!(budgets.take(Budget::Requests, user(1)).is_ok());
        drop(held);
    }

    #[test]
    fn the_addresses_of_one_network_have_one_share() {
        let budgets = Budgets::new(BudgetLimits::default());
        let from = |text: &str| Holder::Anonymous(Some(text.parse().expect("an address")));
        let held = fill(&budgets, Budget::SignIns, from("2001:db8::1"));
        assert_eq!(over(budgets.take(Budget::SignIns, from("2001:db8::2"))), Some((Budget::SignIns, Over::Share)));
        assert!(budgets.take(Budget::SignIns, from("2001:db8:0:1::1")).is_ok());
        drop(held);
    }

    #[test]
    fn what_is_on_its_way_counts_together_with_what_is_stored() {
        let budgets = Budgets::new(BudgetLimits::default());
        let quota = budgets.limits().get(Budget::StoredBytes).share;
        let mut first = budgets.take_amount(Budget::StoredBytes, user(1), 100, quota - 150).expect("room");
        let refused = budgets.take_amount(Budget::StoredBytes, user(1), 51, quota - 150);
        assert_eq!(over(refused), Some((Budget::StoredBytes, Over::Share)));
        first.grow_beside(50, quota - 150).expect("room");
        assert!(first.grow_beside(1, quota - 150).is_err());
        assert!(budgets.take_amount(Budget::StoredBytes, user(2), 51, 0).is_ok(), "another account's");
        drop(first);
        assert_eq!(budgets.held(Budget::StoredBytes, user(1)), 0);
    }

    #[tokio::test]
    async fn who_waits_for_a_busy_machine_takes_no_place_from_a_run_on_another_one() {
        let budgets = Budgets::new(BudgetLimits::default());
        let (busy, other) = (VmId(1), VmId(2));
        let mut running = Vec::new();
        for _ in 0..budgets.limits().get(Budget::MachineRuns).share {
            running.push(budgets.run_on(user(1), busy).await.expect("a place"));
        }
        let waiting: Vec<_> = (0..70)
            .map(|_| {
                let budgets = budgets.clone();
                tokio::spawn(async move { budgets.run_on(user(1), busy).await })
            })
            .collect();
        while budgets.0.state().waiting[Budget::RunPlaces as usize].len() < 70 {
            tokio::task::yield_now().await;
        }
        drop(budgets.run_on(user(1), other).await.expect("a place"));
        running.clear();
        for waited in waiting {
            drop(waited.await.expect("no panic").expect("a place"));
        }
        assert_eq!(budgets.held(Budget::RunPlaces, user(1)), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_in_vain_is_told_the_budget_and_leaves_nothing_behind() {
        let budgets = Budgets::new(BudgetLimits::default());
        let held = fill(&budgets, Budget::Sessions, user(1));
        let refused = budgets.session(user(1), Some(Duration::from_secs(30))).await;
        assert_eq!(over(refused), Some((Budget::Sessions, Over::Share)));
        drop(held);
        assert_eq!(
            (budgets.held(Budget::Sessions, user(1)), budgets.0.state().waiting[Budget::Sessions as usize].len()),
            (0, 0)
        );
        assert_eq!(
            budgets.refusals().into_iter().find(|(budget, _)| *budget == Budget::Sessions).map(|r| r.1),
            Some(2)
        );
    }
}
