//! The promises of a [`TokenRepository`](vmm_core::repository::TokenRepository).

use std::sync::Arc;

use chrono::{Duration, Utc};
use vmm_core::model::{
    Access, NewLinkCode, NewRun, NewSchedule, NewSession, NewToken, RevokedAccess, RunState, ScriptArguments, Token,
    TokenHash, TokenName, UserChange, UserId, When,
};
use vmm_core::repository::Repository;

use super::{assert_conflict, assert_not_found, audited, unaudited};
use crate::sample::{self, Desk};

/// A token gives itself and its account until it expires, and not at that moment.
pub async fn a_token_stands_for_its_account_until_it_expires(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let token = audited(&repository, 1, create(&repository, desk.user.id, "ci", 1)).await.expect("a free name");
    let at = |moment| repository.tokens().by_hash(TokenHash([1; 32]), moment);
    let before = token.expires_at - Duration::milliseconds(1);
    assert_eq!(at(before).await.expect("an answer"), Some((token.clone(), desk.user)));
    assert_eq!(at(token.expires_at).await.expect("an answer"), None);
    assert_eq!(repository.tokens().by_hash(TokenHash([2; 32]), before).await.expect("an answer"), None);
}

/// A token of a disabled account is of no use until the account is enabled again.
pub async fn a_token_of_a_disabled_account_is_of_no_use(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    create(&repository, desk.user.id, "ci", 1).await.expect("a free name");
    for disabled in [true, false] {
        let change = UserChange { disabled: Some(disabled), ..UserChange::default() };
        repository.users().update(desk.user.id, change, None, sample::audit("user.update")).await.expect("a change");
        let found = repository.tokens().by_hash(TokenHash([1; 32]), Utc::now()).await.expect("an answer");
        assert_eq!(found.is_none(), disabled);
    }
}

/// A name is given once by an account; another account may give it too.
pub async fn an_account_gives_a_name_once(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    create(&repository, desk.user.id, "ci", 1).await.expect("a free name");
    unaudited(&repository, async {
        assert_conflict(create(&repository, desk.user.id, "ci", 2).await, &["name"]);
        assert_not_found(create(&repository, UserId(4711), "ci", 2).await);
    })
    .await;
    create(&repository, desk.admin.id, "ci", 3).await.expect("it is another's");
    create(&repository, desk.user.id, "backup", 4).await.expect("a free name");
    assert_eq!(names(&repository, desk.user.id).await, ["backup", "ci"]);
}

/// A new token forgets the expired ones of its account, whose names are free again.
pub async fn a_new_token_forgets_the_expired_ones(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let expires_at = Utc::now() - Duration::hours(1);
    for (name, hash) in [("old", 1), ("ci", 2)] {
        let new = NewToken { expires_at, ..new(desk.user.id, name, hash) };
        repository.tokens().create(new, sample::audit("token.create")).await.expect("a free name");
    }
    create(&repository, desk.user.id, "ci", 3).await.expect("the name is free again");
    assert_eq!(names(&repository, desk.user.id).await, ["ci"]);
}

/// An account has at most a hundred tokens.
pub async fn a_hundred_tokens_are_enough(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    for index in 0..100 {
        create(&repository, desk.user.id, &format!("t{index}"), index).await.expect("room for it");
    }
    assert_conflict(create(&repository, desk.user.id, "one-more", 100).await, &["100"]);
    create(&repository, desk.admin.id, "ci", 101).await.expect("another account has room");
}

/// That a token was used is recorded.
pub async fn the_use_of_a_token_is_recorded(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let token = create(&repository, desk.user.id, "ci", 1).await.expect("a free name");
    assert_eq!(token.last_used_at, None);
    unaudited(&repository, async {
        repository.tokens().used(token.id, token.created_at).await.expect("an answer");
    })
    .await;
    let expected = Token { last_used_at: Some(token.created_at), ..token };
    assert_eq!(repository.tokens().list(desk.user.id).await.expect("an answer"), [expected]);
}

/// A deleted token is gone; those of a deleted account go with it.
pub async fn a_deleted_token_is_gone(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let name = TokenName::new("ci").expect("valid");
    create(&repository, desk.user.id, "ci", 1).await.expect("a free name");
    create(&repository, desk.user.id, "backup", 2).await.expect("a free name");
    let delete = |user| repository.tokens().delete(user, &name, sample::audit("token.delete"));
    unaudited(&repository, async { assert_not_found(delete(desk.admin.id).await) }).await;
    audited(&repository, 1, async { delete(desk.user.id).await.expect("it is there") }).await;
    let found = async |hash| repository.tokens().by_hash(TokenHash([hash; 32]), Utc::now()).await.expect("an answer");
    assert!(found(1).await.is_none() && found(2).await.is_some());
    assert_not_found(delete(desk.user.id).await);
    repository.users().delete(desk.user.id, None, sample::audit("user.delete")).await.expect("nothing names it");
    assert!(found(2).await.is_none());
}

/// Revoking an account's access ends its logins, tokens and code, and nobody else's.
pub async fn revoked_access_is_gone_and_nobody_else_s(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let expires_at = Utc::now() + Duration::hours(1);
    for (user, hash) in [(desk.user.id, 1), (desk.admin.id, 2)] {
        create(&repository, user, "ci", hash).await.expect("a free name");
        create(&repository, user, "backup", hash + 10).await.expect("a free name");
        let session = NewSession { user, token: TokenHash([hash; 32]), expires_at, second_factor_at: None };
        repository.sessions().create(session, sample::audit("session.create")).await.expect("an account");
        let code = NewLinkCode { user, hash: TokenHash([hash; 32]), expires_at };
        repository.links().create(code, sample::audit("link.create")).await.expect("an account");
    }
    audited(&repository, 1, async {
        let revoked = revoke(&repository, desk.user.id, false).await;
        assert_eq!((revoked.ended.sessions, revoked.ended.link_code), (1, true));
        assert_eq!(revoked.ended.tokens.len(), 2);
        assert_eq!(revoked.left, Access::default());
    })
    .await;
    for (user, hash, left) in [(desk.user.id, 1, false), (desk.admin.id, 2, true)] {
        let (now, token) = (Utc::now(), TokenHash([hash; 32]));
        assert_eq!(names(&repository, user).await.len(), if left { 2 } else { 0 });
        assert_eq!(repository.sessions().by_token(token, now).await.expect("an answer").is_some(), left);
        assert_eq!(repository.links().by_hash(token, now).await.expect("an answer").is_some(), left);
    }
    // It may be asked for twice.
    let again = revoke(&repository, desk.user.id, true).await;
    assert_eq!((again.ended, again.left), (Access::default(), Access::default()), "there is nothing left");
}

/// The work in an account's name is listed, and ends on request.
pub async fn what_is_left_of_an_account_s_access_is_told_and_can_end(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let script = repository
        .scripts()
        .create(sample::script("up", desk.user.id), sample::no_limits(), sample::audit("script.create"))
        .await;
    let script = script.expect("a free name");
    let bind = UserChange { chat_id: Some(Some(7)), ..UserChange::default() };
    repository.users().update(desk.user.id, bind, None, sample::audit("user.update")).await.expect("it is free");
    let new = NewSchedule {
        script: script.id,
        made_by: desk.user.id,
        when: When::At(Utc::now() + Duration::hours(1)),
        targets: None,
        arguments: ScriptArguments::default(),
        timeout: None,
        at_once: None,
        next_at: Utc::now() + Duration::hours(1),
    };
    let schedule =
        repository.schedules().create(new, sample::audit("schedule.create")).await.expect("there is room").id;
    let new = NewRun { user: Some(desk.user.id), ..sample::run(&script, 2) };
    let alive_until = Utc::now() + Duration::minutes(1);
    let run = repository.runs().create(new, alive_until, sample::audit("script.run")).await.expect("it is recorded").id;
    let all = Access { chat_id: Some(7), schedules: vec![schedule], runs: vec![run], ..Access::default() };
    let revoked = revoke(&repository, desk.user.id, false).await;
    assert_eq!((revoked.ended, revoked.left), (Access::default(), all.clone()));
    let revoked = revoke(&repository, desk.user.id, true).await;
    assert_eq!((revoked.ended, revoked.left), (all, Access::default()));
    assert_eq!(repository.users().by_chat(7).await.expect("an answer"), None);
    let schedule = repository.schedules().by_id(schedule).await.expect("an answer").expect("it stays");
    assert!(!schedule.enabled && schedule.next_at.is_none());
    let run = repository.runs().by_id(run).await.expect("an answer").expect("it stays");
    assert!(run.cancel && run.state == RunState::Cancelled, "{run:?}");
}

async fn revoke(repository: &Arc<dyn Repository>, user: UserId, everything: bool) -> RevokedAccess {
    let revoked = repository.tokens().revoke_access(user, everything, sample::audit("access.revoke")).await;
    revoked.expect("it is there")
}

fn new(user: UserId, name: &str, hash: u8) -> NewToken {
    let name = TokenName::new(name).expect("valid");
    NewToken { user, name, hash: TokenHash([hash; 32]), expires_at: Utc::now() + Duration::hours(1) }
}

async fn create(repository: &Arc<dyn Repository>, user: UserId, name: &str, hash: u8) -> vmm_core::Result<Token> {
    repository.tokens().create(new(user, name, hash), sample::audit("token.create")).await
}

async fn names(repository: &Arc<dyn Repository>, user: UserId) -> Vec<String> {
    let tokens = repository.tokens().list(user).await.expect("an answer");
    tokens.iter().map(|token| token.name.to_string()).collect()
}
