//! Accounts and logins.

use vmm_core::model::{Role, UserFilter};
use vmm_core::repository::Repository;
use vmm_core::{Actor, Error, ExposeSecret, SecretString, TokenDraft, UserUpdate};
use vmm_testkit::fixture::{PASSWORD, TestDesk};
use vmm_testkit::sample;

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

#[tokio::test]
async fn a_login_gives_a_token_that_is_good_until_it_is_ended() {
    let desk = TestDesk::without_image().await;
    let login = desk.vmm.login("alice", secret(PASSWORD), None, None).await.expect("a login");
    let (actor, credential) = desk.vmm.authenticate(&login.token).await.expect("a good token");
    assert_eq!(actor, desk.user);
    assert!(!format!("{login:?}").contains(login.token.expose_secret()));
    desk.vmm.logout(&actor, &credential).await.expect("logging out");
    let ended = desk.vmm.authenticate(&login.token).await;
    assert!(matches!(ended, Err(Error::Unauthenticated)), "{ended:?}");
}

#[tokio::test]
async fn wrong_names_wrong_passwords_and_wrong_tokens_get_the_same_answer() {
    let desk = TestDesk::without_image().await;
    for (name, password) in [("alice", "wrong password"), ("nobody", PASSWORD), ("not a name", PASSWORD), ("", "")] {
        let refused = desk.vmm.login(name, secret(password), None, None).await;
        assert!(matches!(refused, Err(Error::Unauthenticated)), "{name}: {refused:?}");
    }
    for token in ["", "x", PASSWORD] {
        let refused = desk.vmm.authenticate(&secret(token)).await;
        assert!(matches!(refused, Err(Error::Unauthenticated)), "{refused:?}");
    }
}

#[tokio::test]
async fn a_new_password_ends_the_logins_made_with_the_old_one() {
    let desk = TestDesk::without_image().await;
    let login = desk.vmm.login("alice", secret(PASSWORD), None, None).await.expect("a login");
    let (alice, new) = (sample::user_name("alice"), "another long password");
    let refused = desk.vmm.change_password(&desk.user, &alice, Some(secret("wrong")), secret(new)).await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    let refused = desk.vmm.change_password(&desk.user, &alice, Some(secret(PASSWORD)), secret("short")).await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    let root = sample::user_name("root");
    let refused = desk.vmm.change_password(&desk.user, &root, Some(secret(PASSWORD)), secret(new)).await;
    assert!(matches!(refused, Err(Error::Forbidden { .. })), "{refused:?}");
    desk.vmm.change_password(&desk.user, &alice, Some(secret(PASSWORD)), secret(new)).await.expect("a new password");
    assert!(desk.vmm.authenticate(&login.token).await.is_err());
    assert!(desk.vmm.login("alice", secret(PASSWORD), None, None).await.is_err());
    assert!(desk.vmm.login("alice", secret(new), None, None).await.is_ok());
}

#[tokio::test]
async fn nobody_can_do_nothing() {
    let desk = TestDesk::without_image().await;
    let refused = desk.vmm.vms(&Actor::Anonymous, &vmm_core::model::VmFilter::default()).await;
    assert!(matches!(refused, Err(Error::Unauthenticated)), "{refused:?}");
    let refused = desk.vmm.vm(&Actor::Anonymous, &sample::vm_name("web-1")).await;
    assert!(matches!(refused, Err(Error::Unauthenticated)), "{refused:?}");
}

#[tokio::test]
async fn who_may_not_read_the_audit_log_does_not_learn_from_it_whether_an_account_exists() {
    let desk = TestDesk::without_image().await;
    for name in ["root", "no-such-account"] {
        let name = sample::user_name(name);
        let refused = desk.vmm.audit(&desk.user, Some(&name), &vmm_core::model::AuditFilter::default()).await;
        assert!(matches!(refused, Err(Error::Forbidden { .. })), "{name}: {refused:?}");
    }
}

#[tokio::test]
async fn a_token_acts_with_the_role_that_its_owner_has_when_it_is_used() {
    let desk = TestDesk::without_image().await;
    let draft = |name: &str| TokenDraft { name: name.parse().expect("a name"), expires_in_days: None };
    let made = desk.vmm.create_token(&desk.user, draft("ci")).await.expect("a token");
    assert!(made.secret.expose_secret().starts_with("vmm_") && made.secret.expose_secret().len() == 47);
    assert!(!format!("{made:?}").contains(made.secret.expose_secret()));
    let lifetime = made.token.expires_at - made.token.created_at + chrono::TimeDelta::minutes(1);
    assert_eq!(lifetime.num_days(), 90);
    let (actor, _) = desk.vmm.authenticate(&made.secret).await.expect("a good token");
    assert_eq!(actor.to_string(), "alice (token ci)");
    assert!(matches!(desk.vmm.users(&actor, &UserFilter::default()).await, Err(Error::Forbidden { .. })));

    let alice = sample::user_name("alice");
    let promoted = UserUpdate { role: Some(Role::Admin), ..UserUpdate::default() };
    desk.vmm.update_user(&desk.admin, &alice, promoted, None).await.expect("a change");
    let (actor, _) = desk.vmm.authenticate(&made.secret).await.expect("a good token");
    desk.vmm.users(&actor, &UserFilter::default()).await.expect("an admin's token");

    let refused = desk.vmm.create_token(&actor, draft("another")).await.map(drop);
    assert!(matches!(refused, Err(Error::Forbidden { .. })), "{refused:?}");
    let new = || secret("another long password");
    let refused = desk.vmm.change_password(&actor, &alice, Some(secret(PASSWORD)), new()).await;
    assert!(matches!(refused, Err(Error::Forbidden { .. })), "{refused:?}");
    for name in ["alice", "root"] {
        let update = UserUpdate { password: Some(new()), ..UserUpdate::default() };
        let refused = desk.vmm.update_user(&actor, &sample::user_name(name), update, None).await;
        assert!(matches!(refused, Err(Error::Forbidden { .. })), "{refused:?}");
    }

    let disabled = UserUpdate { disabled: Some(true), ..UserUpdate::default() };
    desk.vmm.update_user(&desk.admin, &alice, disabled, None).await.expect("a change");
    let refused = desk.vmm.authenticate(&made.secret).await;
    assert!(matches!(refused, Err(Error::Unauthenticated)), "{refused:?}");
}

#[tokio::test]
async fn the_use_of_a_token_is_recorded_and_not_at_every_use() {
    let desk = TestDesk::without_image().await;
    let draft = TokenDraft { name: "ci".parse().expect("a name"), expires_in_days: Some(1) };
    let made = desk.vmm.create_token(&desk.user, draft).await.expect("a token");
    assert_eq!(made.token.last_used_at, None);
    let used = async || desk.vmm.tokens(&desk.user, None).await.expect("tokens")[0].last_used_at;
    desk.vmm.authenticate(&made.secret).await.expect("a good token");
    let first = used().await;
    assert!(first.is_some());
    desk.vmm.authenticate(&made.secret).await.expect("a good token");
    assert_eq!(used().await, first);
    let two_minutes_ago = chrono::Utc::now() - chrono::TimeDelta::minutes(2);
    desk.repository.tokens().used(made.token.id, two_minutes_ago).await.expect("an answer");
    desk.vmm.authenticate(&made.secret).await.expect("a good token");
    assert!(used().await >= first);
}
