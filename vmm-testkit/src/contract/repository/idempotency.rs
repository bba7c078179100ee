//! The promises of an [`IdempotencyRepository`](vmm_core::repository::IdempotencyRepository).

use std::sync::Arc;

use chrono::{Duration, Utc};
use vmm_core::model::{ClaimId, Claimed, Fingerprint, IdempotencyKey, KeptAnswer, NewClaim, UsedRight, UserId};
use vmm_core::repository::{MOST_KEPT_ANSWERS, MOST_KEPT_BYTES, Repository};

use super::{assert_not_found, unaudited};
use crate::sample::{self, Desk};

fn claim(user: UserId, key: &str, call: &str) -> NewClaim {
    let now = Utc::now();
    NewClaim {
        user,
        key: IdempotencyKey::new(key).expect("a key"),
        call: Fingerprint::of(&[call.as_bytes()]),
        now,
        held_until: now + Duration::minutes(1),
        kept_until: now + Duration::hours(24),
    }
}

async fn ask(repository: &Arc<dyn Repository>, claim: NewClaim) -> Claimed {
    repository.idempotency().claim(claim).await.expect("an answer")
}

async fn first(repository: &Arc<dyn Repository>, claim: NewClaim) -> ClaimId {
    match ask(repository, claim).await {
        Claimed::First(id) => id,
        other => panic!("expected the first claim, got {other:?}"),
    }
}

fn answer(body: &[u8]) -> KeptAnswer {
    let right = |action: &str, owner| UsedRight { action: action.to_owned(), label: "user bob".to_owned(), owner };
    let rights = vec![right("user.create", None), right("vm.read", Some(UserId(7)))];
    KeptAnswer { status: 201, media_type: Some("text/plain".to_owned()), body: body.to_owned(), rights }
}

/// The first call runs until its answer is kept, and from then on repeats get that, each account by its own keys.
pub async fn a_repeat_gets_the_first_answer(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let own = || claim(desk.user.id, "key", "call");
    unaudited(&repository, async {
        let id = first(&repository, own()).await;
        assert_eq!(ask(&repository, own()).await, Claimed::Running);
        repository.idempotency().answer(id, Some(answer(b"made"))).await.expect("it is claimed");
        assert_eq!(ask(&repository, own()).await, Claimed::Answered(answer(b"made")));
        first(&repository, claim(desk.admin.id, "key", "call")).await;
        first(&repository, claim(desk.user.id, "KEY", "call")).await;
    })
    .await;
}

/// A key stands for one call, whether that runs or is answered.
pub async fn a_key_stands_for_one_call(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let id = first(&repository, claim(desk.user.id, "key", "call")).await;
    assert_eq!(ask(&repository, claim(desk.user.id, "key", "another")).await, Claimed::Other);
    repository.idempotency().answer(id, Some(answer(b"made"))).await.expect("it is claimed");
    assert_eq!(ask(&repository, claim(desk.user.id, "key", "another")).await, Claimed::Other);
}

/// An answer that must not be kept, or is too large to be, leaves only that the call was made.
pub async fn an_answer_can_be_withheld(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    for (key, kept) in [("secret", None), ("large", Some(answer(&vec![0; MOST_KEPT_BYTES + 1])))] {
        let id = first(&repository, claim(desk.user.id, key, "call")).await;
        repository.idempotency().answer(id, kept).await.expect("it is claimed");
        assert_eq!(ask(&repository, claim(desk.user.id, key, "call")).await, Claimed::Withheld);
    }
}

/// A released key is free; one that is answered stays.
pub async fn a_released_key_is_free(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let id = first(&repository, claim(desk.user.id, "key", "call")).await;
    repository.idempotency().release(id).await.expect("it is claimed");
    let again = first(&repository, claim(desk.user.id, "key", "another")).await;
    repository.idempotency().answer(again, Some(answer(b""))).await.expect("it is claimed");
    repository.idempotency().release(again).await.expect("that is no error");
    assert_eq!(ask(&repository, claim(desk.user.id, "key", "another")).await, Claimed::Answered(answer(b"")));
}

/// A claim that nobody holds any more is free at the moment it says, and what its call says then changes nothing.
pub async fn a_claim_lapses_unless_it_is_held(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let begun = claim(desk.user.id, "key", "call");
    let id = first(&repository, begun.clone()).await;
    let later = |by: Duration| NewClaim { now: begun.held_until + by, ..begun.clone() };
    repository.idempotency().hold(id, begun.held_until + Duration::minutes(1)).await.expect("it is claimed");
    assert_eq!(ask(&repository, later(Duration::zero())).await, Claimed::Running);
    let taken = NewClaim { held_until: begun.held_until + Duration::hours(1), ..later(Duration::minutes(1)) };
    let new = first(&repository, taken.clone()).await;
    assert_ne!(new, id);
    repository.idempotency().answer(id, Some(answer(b"late"))).await.expect("that is no error");
    repository.idempotency().hold(id, begun.kept_until).await.expect("that is no error");
    repository.idempotency().release(id).await.expect("that is no error");
    assert_eq!(ask(&repository, taken).await, Claimed::Running);
}

/// An answer is forgotten at the moment its claim says.
pub async fn an_answer_is_forgotten_in_time(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let begun = claim(desk.user.id, "key", "call");
    let id = first(&repository, begun.clone()).await;
    repository.idempotency().answer(id, Some(answer(b"made"))).await.expect("it is claimed");
    let at = |now| NewClaim { now, held_until: now + Duration::minutes(1), ..begun.clone() };
    let last = begun.kept_until - Duration::milliseconds(1);
    assert_eq!(ask(&repository, at(last)).await, Claimed::Answered(answer(b"made")));
    first(&repository, at(begun.kept_until)).await;
}

/// An account's oldest answers make room for its newest, and nobody else's do.
pub async fn an_account_keeps_so_much_and_no_more(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let keep = async |user, key: &str, body: &[u8]| {
        let id = first(&repository, claim(user, key, "call")).await;
        repository.idempotency().answer(id, Some(answer(body))).await.expect("it is claimed");
    };
    keep(desk.admin.id, "key", b"another's").await;
    keep(desk.user.id, "small", b"small").await;
    let half = vec![0; MOST_KEPT_BYTES / 2];
    keep(desk.user.id, "one", &half).await;
    keep(desk.user.id, "two", &half).await;
    first(&repository, claim(desk.user.id, "small", "call")).await;
    for number in 0..MOST_KEPT_ANSWERS {
        keep(desk.user.id, &format!("key-{number}"), b"").await;
    }
    first(&repository, claim(desk.user.id, "two", "call")).await;
    assert_eq!(ask(&repository, claim(desk.user.id, "key-0", "call")).await, Claimed::Answered(answer(b"")));
    assert_eq!(ask(&repository, claim(desk.admin.id, "key", "call")).await, Claimed::Answered(answer(b"another's")));
}

/// Of 64 repeats at once one is the first.
pub async fn one_of_64_repeats_is_the_first(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let (repository, claim) = (Arc::clone(&repository), claim(desk.user.id, "key", "call"));
        calls.spawn(async move { matches!(ask(&repository, claim).await, Claimed::First(_)) });
    }
    assert_eq!(calls.join_all().await.into_iter().filter(|first| *first).count(), 1);
}

/// A key goes with its account, and needs one.
pub async fn a_key_needs_its_account(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    first(&repository, claim(desk.user.id, "key", "call")).await;
    repository.users().delete(desk.user.id, None, sample::audit("user.delete")).await.expect("nothing names it");
    assert_not_found(repository.idempotency().claim(claim(desk.user.id, "key", "call")).await);
}
