//! Turns: which requests are worked on at this moment.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout};

use super::{Budgets, Claim, Holder};
use crate::model::Budget;

/// The shortest turn that somebody waited for, so that an account that never stops asking leaves processor time to the
/// others.
const LEAST: Duration = Duration::from_millis(25);

/// After which time a turn passes on although its request is not done. Such a request mostly waits for a host, and a
/// silent host must not use up the turns.
const LONGEST: Duration = Duration::from_millis(250);

/// The time that a request waits for its turn before it is worked on without one.
const PATIENCE: Duration = Duration::from_secs(20);

/// The turn of a request to be worked on. The request ends it by dropping it.
#[derive(Debug)]
pub struct Turn {
    _ends: oneshot::Sender<()>,
}

impl Budgets {
    /// Waits until it is the turn of a request of this holder. Returns `None` for a request that has waited too long
    /// and is worked on without a turn.
    pub(crate) async fn turn(&self, holder: Holder) -> Option<Turn> {
        let claims = vec![Claim::new(Budget::Turns, holder, 1)];
        let (place, least) = match self.take_if_free(&claims) {
            Some(place) => (place, Duration::ZERO),
            None => (timeout(PATIENCE, self.wait(claims)).await.ok()?.ok()?, LEAST),
        };
        let (ends, ended) = oneshot::channel();
        tokio::spawn(async move {
            let began = Instant::now();
            // A turn ends when its request drops the sender.
            let _ = timeout(LONGEST, ended).await;
            sleep_until(began + least).await;
            drop(place);
        });
        Some(Turn { _ends: ends })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{BudgetLimits, Role, UserId};

    fn user(id: i64) -> Holder {
        Holder::Account { id: UserId(id), role: Role::User }
    }

    /// Budgets with one turn for everybody.
    fn with_one_turn() -> Budgets {
        let mut limits = BudgetLimits::default();
        limits.set_all(Budget::Turns, 1);
        Budgets::new(limits)
    }

    /// Begins to wait for a turn, which `told` gets with the holder's id.
    async fn ask(budgets: &Budgets, id: i64, told: &tokio::sync::mpsc::UnboundedSender<(i64, Option<Turn>)>) {
        let waiting = || budgets.0.state().waiting[Budget::Turns as usize].len();
        let (asking, told, before) = (budgets.clone(), told.clone(), waiting());
        tokio::spawn(async move {
            let turn = asking.turn(user(id)).await;
            told.send((id, turn)).expect("the test reads them");
        });
        while waiting() == before {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_account_that_always_waits_for_its_turn_is_answered_forty_times_a_second() {
        let budgets = with_one_turn();
        let first = budgets.turn(user(1)).await;
        let (told, mut turns) = tokio::sync::mpsc::unbounded_channel();
        for _ in 0..40 {
            ask(&budgets, 1, &told).await;
        }
        let began = Instant::now();
        drop(first);
        for _ in 0..40 {
            drop(turns.recv().await);
        }
        let (passed, expected) = (began.elapsed(), LEAST * 39);
        assert!(passed >= expected && passed < expected + LEAST * 4, "{passed:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn turns_go_round_among_those_who_wait() {
        let budgets = with_one_turn();
        let first = budgets.turn(user(1)).await;
        let (told, mut turns) = tokio::sync::mpsc::unbounded_channel();
        for id in [1, 1, 1, 2, 3, 2] {
            ask(&budgets, id, &told).await;
        }
        drop(first);
        let mut order = Vec::new();
        while order.len() < 6 {
            let (id, turn) = turns.recv().await.expect("a turn");
            order.push(id);
            drop(turn);
        }
        assert_eq!(order, [1, 2, 3, 1, 2, 1]);
    }

    #[tokio::test(start_paused = true)]
    async fn requests_that_wait_for_a_silent_host_pass_their_turns_on() {
        let budgets = with_one_turn();
        let mut silent = Vec::new();
        let began = Instant::now();
        for _ in 0..20 {
            silent.push(budgets.turn(user(1)).await.expect("a turn"));
        }
        assert!(budgets.turn(user(2)).await.is_some());
        assert!(began.elapsed() < LONGEST * 21, "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_has_waited_for_its_turn_in_vain_is_worked_on_all_the_same() {
        let budgets = with_one_turn();
        let _held = budgets.take(Budget::Turns, user(1)).expect("the turn");
        let refusals = || budgets.refusals().into_iter().map(|(_, times)| times).sum::<u64>();
        let before = refusals();
        assert!(budgets.turn(user(2)).await.is_none());
        assert_eq!(refusals(), before);
    }
}
