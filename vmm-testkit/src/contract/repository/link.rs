//! The promises of a [`LinkRepository`](vmm_core::repository::LinkRepository).

use std::sync::Arc;

use chrono::{Duration, Utc};
use vmm_core::Result;
use vmm_core::model::{NewLinkCode, TokenHash, User, UserChange, UserId};
use vmm_core::repository::Repository;

use super::{assert_conflict, assert_not_found, audited, unaudited};
use crate::sample::{self, Desk};

/// A code binds a chat to its account, once.
pub async fn a_code_binds_a_chat_once(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    audited(&repository, 1, create(&repository, desk.user.id, 1)).await;
    let found = repository.links().by_hash(TokenHash([1; 32]), Utc::now()).await.expect("an answer");
    assert_eq!(found, Some(desk.user.clone()));
    let linked = audited(&repository, 1, redeem(&repository, 1, 77)).await.expect("a good code");
    assert_eq!((linked.id, linked.chat_id), (desk.user.id, Some(77)));
    assert_eq!(repository.users().by_chat(77).await.expect("an answer"), Some(linked));
    assert_not_found(unaudited(&repository, redeem(&repository, 1, 78)).await);
}

/// Only the newest code of an account is good.
pub async fn a_new_code_takes_the_place_of_the_old(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    create(&repository, desk.user.id, 1).await;
    create(&repository, desk.user.id, 2).await;
    assert_not_found(redeem(&repository, 1, 77).await);
    redeem(&repository, 2, 77).await.expect("a good code");
}

/// A code is of no use once it has expired, or while its account is disabled.
pub async fn a_code_ends_with_its_time_and_its_account(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    create(&repository, desk.user.id, 1).await;
    let late = Utc::now() + Duration::hours(2);
    assert_eq!(repository.links().by_hash(TokenHash([1; 32]), late).await.expect("an answer"), None);
    assert_not_found(repository.links().redeem(TokenHash([1; 32]), 77, late, sample::audit("link.use")).await);
    let disabled = UserChange { disabled: Some(true), ..UserChange::default() };
    repository.users().update(desk.user.id, disabled, None, sample::audit("user.update")).await.expect("it is there");
    assert_not_found(redeem(&repository, 1, 77).await);
}

/// A chat stays with its account, and the code stays good.
pub async fn a_taken_chat_is_not_bound_again(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    create(&repository, desk.admin.id, 1).await;
    redeem(&repository, 1, 77).await.expect("a good code");
    create(&repository, desk.user.id, 2).await;
    assert_conflict(unaudited(&repository, redeem(&repository, 2, 77)).await, &["linked"]);
    redeem(&repository, 2, 78).await.expect("the code is still good");
}

async fn create(repository: &Arc<dyn Repository>, user: UserId, hash: u8) {
    let code = NewLinkCode { user, hash: TokenHash([hash; 32]), expires_at: Utc::now() + Duration::hours(1) };
    repository.links().create(code, sample::audit("link.create")).await.expect("the account is there");
}

async fn redeem(repository: &Arc<dyn Repository>, hash: u8, chat: i64) -> Result<User> {
    repository.links().redeem(TokenHash([hash; 32]), chat, Utc::now(), sample::audit("link.use")).await
}
