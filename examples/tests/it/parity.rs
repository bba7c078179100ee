//! HTTP and the bot say the same to the same person, and do the same.

mod action;
mod chat;
mod http;
mod scene;

use std::collections::{BTreeMap, BTreeSet};

use action::{Action, Verdict, Wish};
use scene::{MACHINES, PEOPLE, RIGHT, Scene};

const TRIPLES: usize = 1000;

/// The same numbers each time, by a linear congruence (Knuth, MMIX).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// One machine in four is off, and one login in four is wrong.
    fn wish(&mut self, actions: &[Action]) -> Wish {
        let (action, vm) = (self.of(actions), self.of(MACHINES));
        let (on, right) = (self.below(4) > 0, self.below(4) > 0);
        Wish { action, vm, on, password: if right { RIGHT } else { "a wrong password" } }
    }
}

/// The number of verdicts of each kind, by action.
type Verdicts = BTreeMap<Action, BTreeMap<Verdict, usize>>;

/// So many triples, one after the other on a desk of their own.
async fn compares(seed: u64, triples: usize) -> Verdicts {
    let (scene, mut dice, mut verdicts) = (Scene::new().await, Dice(seed), Verdicts::new());
    let actions: Vec<_> = Action::ALL.iter().flat_map(|action| vec![*action; action.share()]).collect();
    for _ in 0..triples {
        let (somebody, wish) = (&scene.people[dice.below(PEOPLE.len())], dice.wish(&actions));
        scene.prepare(wish).await;
        let before = scene.desk.remote.calls().len();
        let http = (scene.over_http(somebody, wish).await, scene.effect(wish.vm, before).await);
        scene.prepare(wish).await;
        let before = scene.desk.remote.calls().len();
        let chat = (scene.in_chat(somebody, wish).await, scene.effect(wish.vm, before).await);
        assert_eq!(http, chat, "{} {wish:?}\n{}", somebody.name, somebody.person.transcript());
        *verdicts.entry(wish.action).or_default().entry(http.0).or_default() += 1;
    }
    assert_eq!(scene.telegram.call_count("getMe"), 1);
    verdicts
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stderr, reason = "how much was covered is part of the result")]
async fn both_front_ends_decide_the_same_for_a_thousand_random_triples() {
    let part = |number: u64| compares(0x5eed + number, TRIPLES / 4);
    // Much of the time is waited, so some work beside each other.
    let parts = tokio::join!(part(0), part(1), part(2), part(3));
    let mut all = Verdicts::new();
    for (action, verdicts) in [parts.0, parts.1, parts.2, parts.3].into_iter().flatten() {
        for (verdict, count) in verdicts {
            *all.entry(action).or_default().entry(verdict).or_default() += count;
        }
    }
    let seen: BTreeSet<_> = all.values().flat_map(BTreeMap::keys).collect();
    assert_eq!(seen, Verdict::ALL.iter().collect(), "every verdict is there");
    eprintln!("{TRIPLES} triples of actor, action and machine:");
    for (action, verdicts) in all {
        eprintln!("{action:?}: {verdicts:?}");
    }
}
