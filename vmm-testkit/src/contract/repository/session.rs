//! The promises of a [`SessionRepository`](vmm_core::repository::SessionRepository).

use std::sync::Arc;

use chrono::{Duration, Utc};
use vmm_core::model::{NewSession, SessionFilter, SessionId, TokenHash, UserChange, UserId};
use vmm_core::repository::Repository;

use super::{assert_not_found, audited, login, unaudited};
use crate::sample::{self, Desk};

/// A token gives its login and account until it expires, and not at that moment.
pub async fn a_token_is_good_until_it_expires(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let (token, expires_at) = (TokenHash([7; 32]), Utc::now() + Duration::hours(1));
    let new = NewSession { user: desk.user.id, token, expires_at, second_factor_at: None };
    let session = repository.sessions().create(new, sample::audit("login")).await.expect("the account is there");
    let at = |moment| repository.sessions().by_token(token, moment);
    let before = session.expires_at - Duration::milliseconds(1);
    assert_eq!(at(before).await.expect("an answer"), Some((session.clone(), desk.user)));
    assert_eq!(at(session.expires_at).await.expect("an answer"), None);
    assert_eq!(repository.sessions().by_token(TokenHash([8; 32]), before).await.expect("an answer"), None);
}

/// An ended login is gone, others stay; ending it again is no change and leaves no audit row.
pub async fn an_ended_login_is_gone(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let (ended, kept) = (login(&repository, desk.user.id, 1).await, login(&repository, desk.user.id, 2).await);
    let now = Utc::now();
    let (session, _) = repository.sessions().by_token(ended, now).await.expect("an answer").expect("a login");
    audited(&repository, 1, async {
        repository.sessions().delete(session.id, sample::audit("logout")).await.expect("it is there");
    })
    .await;
    assert_eq!(repository.sessions().by_token(ended, now).await.expect("an answer"), None);
    assert!(repository.sessions().by_token(kept, now).await.expect("an answer").is_some());
    unaudited(&repository, async {
        repository.sessions().delete(session.id, sample::audit("logout")).await.expect("that is no error");
    })
    .await;
}

/// A login of an account that is not there is refused.
pub async fn a_login_needs_an_account(repository: Arc<dyn Repository>) {
    let new =
        NewSession { user: UserId(4711), token: TokenHash([7; 32]), expires_at: Utc::now(), second_factor_at: None };
    unaudited(&repository, async {
        assert_not_found(repository.sessions().create(new, sample::audit("login")).await);
    })
    .await;
}

/// A new login forgets the expired ones of its account.
pub async fn a_login_forgets_the_expired_ones(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let token = TokenHash([9; 32]);
    let expired =
        NewSession { user: desk.user.id, token, expires_at: Utc::now() - Duration::hours(1), second_factor_at: None };
    repository.sessions().create(expired, sample::audit("login")).await.expect("the account is there");
    let past = Utc::now() - Duration::hours(2);
    assert!(repository.sessions().by_token(token, past).await.expect("an answer").is_some());
    login(&repository, desk.user.id, 1).await;
    assert_eq!(repository.sessions().by_token(token, past).await.expect("an answer"), None);
}

/// The logins of an account are listed in order of beginning, without those of others and those that have expired.
pub async fn the_logins_of_an_account_are_listed(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    for (user, token) in [(desk.user.id, 1), (desk.admin.id, 2), (desk.user.id, 3), (desk.user.id, 4)] {
        login(&repository, user, token).await;
    }
    let sessions = repository.sessions();
    let list = async |filter: SessionFilter| sessions.list(desk.user.id, &filter, Utc::now()).await.expect("an answer");
    let all = list(SessionFilter::default()).await;
    assert_eq!(all.iter().map(|session| session.user).collect::<Vec<_>>(), [desk.user.id; 3]);
    assert!(all.is_sorted_by_key(|session| session.id));
    assert_eq!(list(SessionFilter { after: Some(all[0].id), limit: Some(1) }).await, all[1..2]);
    assert_eq!(sessions.by_id(all[2].id).await.expect("an answer").as_ref(), all.last());
    assert_eq!(sessions.by_id(SessionId(4711)).await.expect("an answer"), None);
    let later = Utc::now() + Duration::hours(2);
    let left = sessions.list(desk.user.id, &SessionFilter::default(), later).await.expect("an answer");
    assert_eq!(left, []);
}

/// A login of a disabled account is void, also one that was made at the last moment.
pub async fn a_login_of_a_disabled_account_is_void(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let change = UserChange { disabled: Some(true), ..UserChange::default() };
    repository.users().update(desk.user.id, change, None, sample::audit("user.update")).await.expect("it is there");
    let token = login(&repository, desk.user.id, 1).await;
    assert_eq!(repository.sessions().by_token(token, Utc::now()).await.expect("an answer"), None);
}
