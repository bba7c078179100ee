//! The promises of an [`UserRepository`](vmm_core::repository::UserRepository).

use std::sync::Arc;

use vmm_core::model::{NamePrefix, NewUser, PasswordHash, Revision, Role, User, UserChange, UserFilter, UserId};
use vmm_core::repository::Repository;

use super::{assert_conflict, assert_not_found, assert_stale, audited, login, unaudited};
use crate::sample::{self, Desk};

/// An account reads as it was made.
pub async fn an_account_reads_as_it_was_made(repository: Arc<dyn Repository>) {
    let new = NewUser { chat_id: Some(-1_001_234_567_890), ..sample::user("Carol", Role::User) };
    let user = repository.users().create(new.clone(), sample::audit("user.create")).await.expect("a free name");
    assert_eq!((&user.name, user.chat_id, user.role), (&new.name, new.chat_id, new.role));
    assert_eq!(repository.users().by_id(user.id).await.expect("an answer"), Some(user.clone()));
    assert_eq!(repository.users().password(user.id).await.expect("an answer"), Some(new.password));
    assert_eq!(repository.users().list(&UserFilter::default()).await.expect("an answer"), [user]);
}

/// A name is found, and is taken, without regard to case.
pub async fn a_name_has_no_case(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let found = repository.users().by_name(&sample::user_name("ALICE")).await.expect("an answer");
    assert_eq!(found, Some(desk.admin));
    unaudited(&repository, async {
        let again = repository.users().create(sample::user("Alice", Role::User), sample::audit("user.create")).await;
        assert_conflict(again, &["name"]);
    })
    .await;
}

/// A chat is bound to one account; the conflict says to which.
pub async fn a_chat_has_one_account(repository: Arc<dyn Repository>) {
    let with_chat = |name| NewUser { chat_id: Some(7), ..sample::user(name, Role::User) };
    repository.users().create(with_chat("carol"), sample::audit("user.create")).await.expect("a free chat");
    unaudited(&repository, async {
        let again = repository.users().create(with_chat("dave"), sample::audit("user.create")).await;
        assert_conflict(again, &["carol"]);
    })
    .await;
    repository.users().create(sample::user("dave", Role::User), sample::audit("user.create")).await.expect("no chat");
}

/// Accounts are listed in order of name.
pub async fn accounts_are_listed_in_order_of_name(repository: Arc<dyn Repository>) {
    for name in ["mallory", "Bob", "alice"] {
        repository.users().create(sample::user(name, Role::User), sample::audit("user.create")).await.expect("free");
    }
    assert_eq!(names(&repository, UserFilter::default()).await, ["alice", "Bob", "mallory"]);
}

/// Accounts are listed by role, by whether they are disabled, by the beginning of the name, and page by page.
pub async fn accounts_are_listed_by_what_they_are(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    for name in ["Bobby", "bo.b", "zoe"] {
        repository.users().create(sample::user(name, Role::User), sample::audit("user.create")).await.expect("free");
    }
    let disabled = UserChange { disabled: Some(true), ..UserChange::default() };
    update(&repository, desk.user.id, disabled).await.expect("it is there");
    let (all, after) = (UserFilter::default(), |name| Some(sample::user_name(name)));
    let prefix = |prefix| NamePrefix::new(prefix).ok();
    for (filter, expected) in [
        (UserFilter { role: Some(Role::Admin), ..all.clone() }, vec!["alice"]),
        (UserFilter { disabled: Some(true), ..all.clone() }, vec!["bob"]),
        (UserFilter { disabled: Some(false), role: Some(Role::User), ..all.clone() }, vec!["bo.b", "Bobby", "zoe"]),
        (UserFilter { name_prefix: prefix("BOB"), ..all.clone() }, vec!["bob", "Bobby"]),
        (UserFilter { name_prefix: prefix("bob"), limit: Some(1), ..all.clone() }, vec!["bob"]),
        (UserFilter { after: after("BOB"), limit: Some(1), ..all.clone() }, vec!["Bobby"]),
        (UserFilter { after: after("bobc"), ..all.clone() }, vec!["zoe"]),
        (UserFilter { after: after("zoe"), ..all }, vec![]),
    ] {
        assert_eq!(names(&repository, filter.clone()).await, expected, "{filter:?}");
    }
}

async fn names(repository: &Arc<dyn Repository>, filter: UserFilter) -> Vec<String> {
    let users = repository.users().list(&filter).await.expect("an answer");
    users.iter().map(|user| user.name.to_string()).collect()
}

/// A new password ends the account's logins and nobody else's.
pub async fn a_new_password_ends_the_logins(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let (ended, kept) = (login(&repository, desk.user.id, 1).await, login(&repository, desk.admin.id, 2).await);
    let hash = PasswordHash::new("$argon2id$another");
    audited(&repository, 1, async {
        let change = UserChange { password: Some(hash.clone()), ..UserChange::default() };
        update(&repository, desk.user.id, change).await.expect("the account is there");
    })
    .await;
    assert_eq!(repository.users().password(desk.user.id).await.expect("an answer"), Some(hash));
    let now = chrono::Utc::now();
    assert_eq!(repository.sessions().by_token(ended, now).await.expect("an answer"), None);
    assert!(repository.sessions().by_token(kept, now).await.expect("an answer").is_some());
}

/// The changed fields of an account have their new values; the rest stays.
pub async fn a_change_leaves_the_rest(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let before = repository.users().password(desk.user.id).await.expect("an answer");
    let change = UserChange {
        name: Some(sample::user_name("robert")),
        chat_id: Some(Some(7)),
        role: Some(Role::Admin),
        ..UserChange::default()
    };
    let changed = audited(&repository, 1, update(&repository, desk.user.id, change)).await.expect("nothing is taken");
    let revision = Revision(desk.user.revision.0 + 1);
    let name = sample::user_name("robert");
    let expected = User { name, chat_id: Some(7), role: Role::Admin, revision, ..desk.user };
    assert_eq!(changed, expected);
    let change = UserChange { chat_id: Some(None), disabled: Some(true), ..UserChange::default() };
    update(&repository, changed.id, change).await.expect("there is another admin");
    let expected = User { chat_id: None, disabled: true, revision: Revision(revision.0 + 1), ..changed };
    assert_eq!(repository.users().by_id(expected.id).await.expect("an answer"), Some(expected.clone()));
    assert_eq!(repository.users().password(expected.id).await.expect("an answer"), before);
    update(&repository, expected.id, UserChange::default()).await.expect("changing nothing is no error");
}

/// A name or chat that another account has is a conflict; an account's own is not.
pub async fn what_another_account_has_is_not_given(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let chat = || UserChange { chat_id: Some(Some(7)), ..UserChange::default() };
    let name = |name| UserChange { name: Some(sample::user_name(name)), ..UserChange::default() };
    update(&repository, desk.admin.id, chat()).await.expect("a free chat");
    unaudited(&repository, async {
        assert_conflict(update(&repository, desk.user.id, chat()).await, &["alice"]);
        assert_conflict(update(&repository, desk.user.id, name("ALICE")).await, &["name"]);
    })
    .await;
    update(&repository, desk.admin.id, chat()).await.expect("its own chat");
    update(&repository, desk.admin.id, name("Alice")).await.expect("its own name in another case");
}

/// Another role and being disabled end an account's logins; the same role and another name do not.
pub async fn what_is_not_the_same_account_any_more_logs_in_again(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let role = |role| UserChange { role: Some(role), ..UserChange::default() };
    let name = UserChange { name: Some(sample::user_name("robert")), ..UserChange::default() };
    let disabled = |disabled| UserChange { disabled: Some(disabled), ..UserChange::default() };
    let cases = [
        (role(Role::User), true),
        (name, true),
        (disabled(false), true),
        (role(Role::Admin), false),
        (disabled(true), false),
    ];
    for (index, (change, stays)) in (1..).zip(cases) {
        let token = login(&repository, desk.user.id, index).await;
        update(&repository, desk.user.id, change.clone()).await.expect("nothing stands against it");
        let found = repository.sessions().by_token(token, chrono::Utc::now()).await.expect("an answer");
        assert_eq!(found.is_some(), stays, "{change:?}");
    }
}

/// A deleted account is gone with its logins, and its id is not given again.
pub async fn a_deleted_account_is_gone(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let token = login(&repository, desk.user.id, 1).await;
    audited(&repository, 1, async {
        repository.users().delete(desk.user.id, None, sample::audit("user.delete")).await.expect("nothing names it");
    })
    .await;
    assert_eq!(repository.users().by_id(desk.user.id).await.expect("an answer"), None);
    assert_eq!(repository.sessions().by_token(token, chrono::Utc::now()).await.expect("an answer"), None);
    let next = repository.users().create(sample::user("bob", Role::User), sample::audit("user.create")).await;
    assert!(next.expect("the name is free again").id > desk.user.id);
}

/// An account that a request names is not deleted, neither the requester's nor the approver's.
pub async fn an_account_that_is_named_stays(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    super::approved(&repository, &desk, "req-1", &["web-1"]).await;
    repository.users().create(sample::user("zoe", Role::Admin), sample::audit("user.create")).await.expect("free");
    unaudited(&repository, async {
        let requester = repository.users().delete(desk.user.id, None, sample::audit("user.delete")).await;
        assert_conflict(requester, &["web-1"]);
        let approver = repository.users().delete(desk.admin.id, None, sample::audit("user.delete")).await;
        assert_conflict(approver, &["req-1"]);
    })
    .await;
}

/// The last admin who can log in is neither deleted, demoted nor disabled.
pub async fn the_last_admin_stays(repository: Arc<dyn Repository>) {
    let demoted = || UserChange { role: Some(Role::User), ..UserChange::default() };
    let disabled = || UserChange { disabled: Some(true), ..UserChange::default() };
    let desk = Desk::make(&repository).await;
    unaudited(&repository, async {
        let last = repository.users().delete(desk.admin.id, None, sample::audit("user.delete")).await;
        assert_conflict(last, &["last admin"]);
        for change in [demoted(), disabled()] {
            assert_conflict(update(&repository, desk.admin.id, change).await, &["last admin"]);
        }
    })
    .await;
    let zoe = repository.users().create(sample::user("zoe", Role::Admin), sample::audit("user.create")).await;
    let zoe = zoe.expect("the name is free").id;
    update(&repository, zoe, disabled()).await.expect("there is another");
    unaudited(&repository, async {
        assert_conflict(update(&repository, desk.admin.id, demoted()).await, &["last admin"]);
    })
    .await;
    let enabled = UserChange { disabled: Some(false), ..UserChange::default() };
    update(&repository, zoe, enabled).await.expect("it is there");
    repository.users().delete(desk.admin.id, None, sample::audit("user.delete")).await.expect("there is another");
}

/// Changing an account that is not there says so and leaves no audit row.
pub async fn an_unknown_account_is_not_found(repository: Arc<dyn Repository>) {
    let nobody = UserId(4711);
    assert_eq!(repository.users().by_id(nobody).await.expect("an answer"), None);
    assert_eq!(repository.users().password(nobody).await.expect("an answer"), None);
    unaudited(&repository, async {
        let hash = PasswordHash::new("$argon2id$x");
        let change = UserChange { password: Some(hash), ..UserChange::default() };
        assert_not_found(update(&repository, nobody, change).await);
        assert_not_found(repository.users().delete(nobody, None, sample::audit("user.delete")).await);
    })
    .await;
}

/// A change that expects another revision than the present one is refused, a deletion too; each change makes the next.
pub async fn of_an_account_the_revision_is_compared(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let (users, id, first) = (repository.users(), desk.user.id, desk.user.revision);
    let update = |expect| users.update(id, UserChange::default(), Some(expect), sample::audit("user.update"));
    let second = update(first).await.expect("it is the present one").revision;
    assert_eq!(second, Revision(first.0 + 1));
    unaudited(&repository, async {
        assert_stale(update(first).await);
        assert_stale(users.delete(id, Some(first), sample::audit("user.delete")).await);
    })
    .await;
    assert_eq!(users.by_id(id).await.expect("an answer").expect("it is there").revision, second);
    users.delete(id, Some(second), sample::audit("user.delete")).await.expect("it is the present one");
}

async fn update(repository: &Arc<dyn Repository>, id: UserId, change: UserChange) -> vmm_core::Result<User> {
    repository.users().update(id, change, None, sample::audit("user.update")).await
}
