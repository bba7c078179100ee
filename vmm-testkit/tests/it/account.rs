//! Accounts and logins.

use vmm_core::{Actor, Error, ExposeSecret, SecretString};
use vmm_testkit::fixture::{PASSWORD, TestDesk};
use vmm_testkit::sample;

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

#[tokio::test]
async fn a_login_gives_a_token_that_is_good_until_it_is_ended() {
    let desk = TestDesk::without_image().await;
    let login = desk.vmm.login("alice", secret(PASSWORD), None).await.expect("a login");
    let (actor, session) = desk.vmm.authenticate(&login.token).await.expect("a good token");
    assert_eq!(actor, desk.user);
    assert!(!format!("{login:?}").contains(login.token.expose_secret()));
    desk.vmm.logout(&actor, session.id).await.expect("logging out");
    let ended = desk.vmm.authenticate(&login.token).await;
    assert!(matches!(ended, Err(Error::Unauthenticated)), "{ended:?}");
}

#[tokio::test]
async fn wrong_names_wrong_passwords_and_wrong_tokens_get_the_same_answer() {
    let desk = TestDesk::without_image().await;
    for (name, password) in [("alice", "wrong password"), ("nobody", PASSWORD), ("not a name", PASSWORD), ("", "")] {
        let refused = desk.vmm.login(name, secret(password), None).await;
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
    let login = desk.vmm.login("alice", secret(PASSWORD), None).await.expect("a login");
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
    assert!(desk.vmm.login("alice", secret(PASSWORD), None).await.is_err());
    assert!(desk.vmm.login("alice", secret(new), None).await.is_ok());
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
