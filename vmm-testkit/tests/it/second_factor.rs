//! Second factors of accounts.

use chrono::{TimeDelta, Utc};
use vmm_core::config::SecondFactorUse;
use vmm_core::model::{AccountCredential, Role, UserFilter};
use vmm_core::repository::Repository;
use vmm_core::{Actor, Error, ExposeSecret, NewLogin, SecretString, TokenDraft, UserUpdate};
use vmm_testkit::fake::authenticator::FakeAuthenticator;
use vmm_testkit::fixture::{PASSWORD, TestDesk};
use vmm_testkit::sample;

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

/// A second factor that was just set up.
struct SetUp {
    /// The login in which it was set up.
    login: AccountCredential,
    app: FakeAuthenticator,
    /// The code that showed it, which counts for nothing else.
    used: SecretString,
    recovery_codes: Vec<SecretString>,
}

async fn sign_in(desk: &TestDesk, name: &str, code: Option<SecretString>) -> Result<NewLogin, Error> {
    desk.vmm.login(name, secret(PASSWORD), code, None).await
}

async fn authenticated(desk: &TestDesk, login: &NewLogin) -> (Actor, AccountCredential) {
    desk.vmm.authenticate(&login.token).await.expect("a good token")
}

async fn set_up(desk: &TestDesk, name: &str) -> SetUp {
    let (actor, login) = authenticated(desk, &sign_in(desk, name, None).await.expect("a login")).await;
    let new = desk.vmm.begin_second_factor(&actor, secret(PASSWORD)).await.expect("it has none");
    let app = FakeAuthenticator::new(&new.secret);
    let used = app.code(0);
    let recovery_codes = desk.vmm.confirm_second_factor(&actor, &login, &used).await.expect("a code of the app");
    SetUp { login, app, used, recovery_codes }
}

#[tokio::test]
async fn who_has_a_second_factor_needs_it_to_sign_in() {
    let desk = TestDesk::without_image().await;
    let (actor, login) = authenticated(&desk, &sign_in(&desk, "alice", None).await.expect("a login")).await;
    let refused = desk.vmm.begin_second_factor(&actor, secret("not the password")).await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    let refused = desk.vmm.confirm_second_factor(&actor, &login, &secret("123456")).await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "none was begun: {refused:?}");
    let new = desk.vmm.begin_second_factor(&actor, secret(PASSWORD)).await.expect("it has none");
    assert!(new.address.expose_secret().starts_with("otpauth://totp/vmm:alice?secret="));
    assert!(!format!("{new:?}").contains(new.secret.expose_secret()));
    sign_in(&desk, "alice", None).await.expect("what is not confirmed does not count");

    let SetUp { app, used, recovery_codes, .. } = set_up(&desk, "alice").await;
    let next = app.code(1);
    assert_eq!(recovery_codes.len(), 10);
    let missing = sign_in(&desk, "alice", None).await;
    assert!(matches!(missing, Err(Error::SecondFactorNeeded { sign_in: true })), "{missing:?}");
    let wrong_password = desk.vmm.login("alice", secret("not the password"), Some(next.clone()), None).await;
    assert!(matches!(wrong_password, Err(Error::Unauthenticated)), "{wrong_password:?}");
    for code in [secret("000000"), secret(""), used, app.code(-9), secret("AAAAA-AAAAA")] {
        let refused = sign_in(&desk, "alice", Some(code)).await;
        assert!(matches!(&refused, Err(Error::Invalid(_))), "{refused:?}");
    }
    sign_in(&desk, "alice", Some(next.clone())).await.expect("the next code");
    let again = sign_in(&desk, "alice", Some(next)).await;
    assert!(matches!(&again, Err(Error::Invalid(_))), "a code counts once: {again:?}");

    let typed = recovery_codes[0].expose_secret().to_lowercase().replace('-', " ");
    sign_in(&desk, "alice", Some(secret(&typed))).await.expect("a recovery code");
    let again = sign_in(&desk, "alice", Some(recovery_codes[0].clone())).await;
    assert!(matches!(&again, Err(Error::Invalid(_))), "so does a recovery code: {again:?}");
    let state = desk.vmm.second_factor(&actor, None).await.expect("her own");
    assert_eq!((state.confirmed_at.is_some(), state.recovery_codes), (true, 9));
    sign_in(&desk, "root", None).await.expect("another account needs none");
}

#[tokio::test]
async fn what_gives_rights_away_needs_a_second_factor_of_the_last_ten_minutes() {
    let desk = TestDesk::without_image().await;
    let SetUp { login, app, used, recovery_codes } = set_up(&desk, "root").await;
    let token = sign_in(&desk, "root", Some(recovery_codes[0].clone())).await.expect("a login").token;
    let (fresh, own) = desk.vmm.authenticate(&token).await.expect("a good token");
    let alice = sample::user_name("alice");
    let promote = || UserUpdate { role: Some(Role::Admin), ..UserUpdate::default() };
    desk.vmm.update_user(&fresh, &alice, promote(), None).await.expect("it was just given");

    let AccountCredential::Session(own) = &own else { unreachable!("it is a login") };
    let past = Utc::now() - TimeDelta::minutes(11);
    desk.repository.sessions().confirm(own.id, past, sample::audit("session.confirm")).await.expect("it is there");
    let (stale, credential) = desk.vmm.authenticate(&token).await.expect("a good token");
    let draft = TokenDraft { name: vmm_core::model::TokenName::new("ci").expect("a name"), expires_in_days: None };
    let refusals = [
        desk.vmm.update_user(&stale, &alice, promote(), None).await.map(drop),
        desk.vmm.change_password(&stale, &alice, None, secret("another long password")).await,
        desk.vmm.create_link_code(&stale, None).await.map(drop),
        desk.vmm.unlink_chat(&stale, None).await,
        desk.vmm.create_token(&stale, draft.clone()).await.map(drop),
        desk.vmm.remove_second_factor(&stale, None).await,
    ];
    for refused in refusals {
        assert!(matches!(refused, Err(Error::SecondFactorNeeded { sign_in: false })), "{refused:?}");
    }
    desk.vmm.users(&stale, &UserFilter::default()).await.expect("reading needs none");

    let wrong = desk.vmm.give_second_factor(&stale, &credential, &used).await;
    assert!(matches!(wrong, Err(Error::Invalid(_))), "it was used to set it up: {wrong:?}");
    desk.vmm.give_second_factor(&stale, &credential, &app.code(1)).await.expect("the next code");
    let (fresh, _) = desk.vmm.authenticate(&token).await.expect("a good token");
    desk.vmm.create_token(&fresh, draft).await.expect("it was just given");
    // Each login has its own time: the one in which it was set up was never asked.
    let AccountCredential::Session(other) = &login else { unreachable!("it is a login") };
    let other = desk.repository.sessions().by_id(other.id).await.expect("an answer").expect("a login");
    assert!(other.second_factor_at.is_some_and(|at| at > past));
}

#[tokio::test]
async fn an_admin_helps_somebody_who_has_lost_the_app_and_nobody_else_does() {
    let desk = TestDesk::without_image().await;
    set_up(&desk, "alice").await;
    let alice = sample::user_name("alice");
    let draft = vmm_core::UserDraft {
        name: sample::user_name("bob"),
        password: secret(PASSWORD),
        chat_id: None,
        role: Role::User,
    };
    let bob = Actor::from(&desk.vmm.create_user(&desk.admin, draft).await.expect("a free name"));
    let refused = desk.vmm.remove_second_factor(&bob, Some(&alice)).await;
    assert!(matches!(refused, Err(Error::Forbidden { .. })), "{refused:?}");
    desk.vmm.remove_second_factor(&desk.admin, Some(&alice)).await.expect("an admin");
    let none = desk.vmm.remove_second_factor(&desk.admin, Some(&alice)).await;
    assert!(matches!(none, Err(Error::Conflict { .. })), "{none:?}");
    sign_in(&desk, "alice", None).await.expect("she has none now");
}

#[tokio::test]
async fn where_admins_need_one_an_admin_without_it_has_the_rights_of_a_user() {
    let desk = TestDesk::with_settings(|settings| settings.second_factor = SecondFactorUse::Admins).await;
    let (actor, _) = authenticated(&desk, &sign_in(&desk, "root", None).await.expect("a login")).await;
    let refused = desk.vmm.users(&actor, &UserFilter::default()).await;
    assert!(matches!(refused, Err(Error::Forbidden { .. })), "{refused:?}");
    let SetUp { app, .. } = set_up(&desk, "root").await;
    let (actor, _) = authenticated(&desk, &sign_in(&desk, "root", Some(app.code(1))).await.expect("a login")).await;
    desk.vmm.users(&actor, &UserFilter::default()).await.expect("an admin");
}

#[tokio::test]
async fn an_api_token_touches_no_second_factor() {
    let desk = TestDesk::without_image().await;
    let draft = TokenDraft { name: vmm_core::model::TokenName::new("ci").expect("a name"), expires_in_days: None };
    let made = desk.vmm.create_token(&desk.admin, draft).await.expect("a token");
    let (actor, credential) = desk.vmm.authenticate(&made.secret).await.expect("a good token");
    let code = secret("123456");
    let refusals = [
        desk.vmm.begin_second_factor(&actor, secret(PASSWORD)).await.map(drop),
        desk.vmm.confirm_second_factor(&actor, &credential, &code).await.map(drop),
        desk.vmm.give_second_factor(&actor, &credential, &code).await,
        desk.vmm.remove_second_factor(&actor, None).await,
    ];
    for refused in refusals {
        assert!(matches!(refused, Err(Error::Forbidden { .. })), "{refused:?}");
    }
}
