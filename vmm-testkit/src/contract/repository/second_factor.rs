//! What a [`SecondFactorRepository`](vmm_core::repository::SecondFactorRepository) promises.

use std::sync::Arc;

use chrono::Utc;
use vmm_core::Result;
use vmm_core::model::{ConfirmedFactor, Sealed, SecondFactorProof, TokenHash, UserId};
use vmm_core::repository::Repository;

use super::{assert_conflict, assert_not_found, audited, login, unaudited};
use crate::sample::{self, Desk};

/// A second factor counts from its confirmation on, and with it the login in which it was shown.
pub async fn a_second_factor_counts_once_it_is_confirmed(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let user = desk.user.id;
    let token = login(&repository, user, 1).await;
    let (session, _) = repository.sessions().by_token(token, Utc::now()).await.expect("an answer").expect("a login");
    assert_conflict(unaudited(&repository, confirm(&repository, user, 5)).await, &["begun"]);
    audited(&repository, 1, begin(&repository, user, 1)).await.expect("it has none");
    begin(&repository, user, 2).await.expect("the first one was not confirmed");
    let begun = repository.second_factors().get(user).await.expect("an answer").expect("it was begun");
    assert_eq!((begun.secret, begun.confirmed_at, begun.recovery_codes), (Sealed::new([2; 40]), None, 0));
    assert!(!uses(&repository, user, SecondFactorProof::Step(6)).await, "it does not count yet");
    assert!(!repository.users().by_id(user).await.expect("an answer").expect("an account").second_factor);

    let confirmed = ConfirmedFactor { step: 5, recovery_codes: vec![TokenHash([8; 32])], session: Some(session.id) };
    let confirming = repository.second_factors().confirm(user, confirmed, sample::audit("second-factor.change"));
    audited(&repository, 1, confirming).await.expect("it was begun");
    let factor = repository.second_factors().get(user).await.expect("an answer").expect("it is there");
    assert!(factor.confirmed_at.is_some() && factor.recovery_codes == 1, "{factor:?}");
    let account = repository.users().by_id(user).await.expect("an answer").expect("an account");
    assert!(account.second_factor && account.revision > desk.user.revision);
    let session = repository.sessions().by_id(session.id).await.expect("an answer").expect("a login");
    assert!(session.second_factor_at.is_some());
    assert_conflict(unaudited(&repository, begin(&repository, user, 3)).await, &["already"]);
    assert_conflict(unaudited(&repository, confirm(&repository, user, 9)).await, &["begun"]);
}

/// A step and a recovery code count once; no step before one that was used counts. Of racing uses one counts.
pub async fn what_shows_a_second_factor_counts_once(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let user = desk.user.id;
    begin(&repository, user, 1).await.expect("it has none");
    confirm(&repository, user, 5).await.expect("it was begun");
    for (step, counts) in [(4, false), (5, false), (6, true), (6, false), (5, false), (8, true), (7, false)] {
        assert_eq!(uses(&repository, user, SecondFactorProof::Step(step)).await, counts, "{step}");
    }
    let code = SecondFactorProof::RecoveryCode(TokenHash([8; 32]));
    assert!(!uses(&repository, desk.admin.id, code).await, "it is another account's");
    assert!(!uses(&repository, user, SecondFactorProof::RecoveryCode(TokenHash([9; 32]))).await);
    let racers: Vec<_> = (0..8)
        .map(|_| {
            let repository = Arc::clone(&repository);
            tokio::spawn(async move { uses(&repository, user, code).await })
        })
        .collect();
    let mut counted = 0;
    for racer in racers {
        counted += usize::from(racer.await.expect("no panic"));
    }
    assert_eq!(counted, 1);
    let factor = repository.second_factors().get(user).await.expect("an answer").expect("it is there");
    assert_eq!(factor.recovery_codes, 0);
}

/// A removed second factor is gone with its recovery codes, and another one can be begun.
pub async fn a_removed_second_factor_is_gone(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let user = desk.user.id;
    let remove = || repository.second_factors().remove(user, sample::audit("second-factor.remove"));
    assert_not_found(unaudited(&repository, remove()).await);
    begin(&repository, user, 1).await.expect("it has none");
    confirm(&repository, user, 5).await.expect("it was begun");
    audited(&repository, 1, remove()).await.expect("it is there");
    assert_eq!(repository.second_factors().get(user).await.expect("an answer"), None);
    assert!(!repository.users().by_id(user).await.expect("an answer").expect("an account").second_factor);
    begin(&repository, user, 2).await.expect("it has none");
    confirm(&repository, user, 3).await.expect("it was begun");
    assert!(!uses(&repository, desk.admin.id, SecondFactorProof::Step(9)).await, "each account has its own");
    repository.users().delete(user, None, sample::audit("user.delete")).await.expect("nothing names it");
    assert_eq!(repository.second_factors().get(user).await.expect("an answer"), None);
}

/// A login keeps when the second factor was last given in it.
pub async fn a_login_keeps_when_the_second_factor_was_given(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let token = login(&repository, desk.user.id, 1).await;
    let found = repository.sessions().by_token(token, Utc::now()).await.expect("an answer");
    let (session, _) = found.expect("a login");
    assert_eq!(session.second_factor_at, None);
    let at = session.created_at;
    let confirm = |id| repository.sessions().confirm(id, at, sample::audit("session.confirm"));
    audited(&repository, 1, confirm(session.id)).await.expect("it is there");
    let session = repository.sessions().by_id(session.id).await.expect("an answer").expect("a login");
    assert_eq!(session.second_factor_at, Some(at));
    repository.sessions().delete(session.id, sample::audit("logout")).await.expect("it is there");
    assert_not_found(unaudited(&repository, confirm(session.id)).await);
}

async fn begin(repository: &Arc<dyn Repository>, user: UserId, byte: u8) -> Result<()> {
    let audit = sample::audit("second-factor.change");
    repository.second_factors().begin(user, Sealed::new([byte; 40]), audit).await
}

/// Confirms it with one recovery code.
async fn confirm(repository: &Arc<dyn Repository>, user: UserId, step: u64) -> Result<()> {
    let confirmed = ConfirmedFactor { step, recovery_codes: vec![TokenHash([8; 32])], session: None };
    repository.second_factors().confirm(user, confirmed, sample::audit("second-factor.change")).await
}

async fn uses(repository: &Arc<dyn Repository>, user: UserId, proof: SecondFactorProof) -> bool {
    repository.second_factors().use_up(user, proof).await.expect("an answer")
}
