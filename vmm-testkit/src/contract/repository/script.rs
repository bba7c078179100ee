//! What a [`ScriptRepository`](vmm_core::repository::ScriptRepository) promises.

use std::sync::Arc;

use uuid::Uuid;
use vmm_core::model::{NewScript, ScriptChange, ScriptFilter, ScriptId, Sealed, StoredLogin, UserId};
use vmm_core::repository::Repository;

use super::{assert_conflict, assert_not_found, audited, unaudited};
use crate::sample::{self, Desk};

/// A script reads as it was registered; its text and its login are read on their own.
pub async fn a_script_reads_as_it_was_registered(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let login = StoredLogin { user: "deployer".to_owned(), password: Sealed::new([1, 0, 255]) };
    let new = NewScript { login: Some(login.clone()), ..sample::script("Deploy web", desk.user.id) };
    let script = audited(&repository, 1, repository.scripts().create(new.clone(), sample::audit("script.create")));
    let script = script.await.expect("a free name");
    assert_eq!((script.id, &script.name, &script.owner_name), (new.id, &new.name, &desk.user.name));
    assert_eq!((&script.file, &script.command, &script.targets), (&new.file, &new.command, &new.targets));
    assert_eq!((&script.sha256, script.size), (&new.content.sha256(), new.content.as_str().len() as u64));
    assert_eq!(script.user.as_deref(), Some("deployer"));
    let content = repository.scripts().content(&script.sha256).await.expect("an answer");
    assert_eq!(content, Some(new.content));
    assert_eq!(repository.scripts().login(script.id).await.expect("an answer"), Some(login));
    let found = repository.scripts().by_name(&sample::script_name("deploy WEB")).await.expect("an answer");
    assert_eq!(found, Some(script));
}

/// A name is taken once, without regard to case, and needs an owner.
pub async fn a_script_name_is_taken_once(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let create = async |new| repository.scripts().create(new, sample::audit("script.create")).await;
    create(sample::script("deploy", desk.user.id)).await.expect("a free name");
    unaudited(&repository, async {
        assert_conflict(create(sample::script("DEPLOY", desk.admin.id)).await, &["name"]);
        assert_not_found(create(sample::script("other", UserId(4711))).await);
    })
    .await;
}

/// Scripts are listed in order of name, a page at a time.
pub async fn scripts_are_listed_in_order_of_name(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    for name in ["c", "B b", "a"] {
        let new = sample::script(name, desk.user.id);
        repository.scripts().create(new, sample::audit("script.create")).await.expect("a free name");
    }
    let names = async |after: Option<&str>, limit| -> Vec<String> {
        let filter = ScriptFilter { after: after.map(sample::script_name), limit };
        let scripts = repository.scripts().list(&filter).await.expect("an answer");
        scripts.iter().map(|script| script.name.to_string()).collect()
    };
    assert_eq!(names(None, None).await, ["a", "B b", "c"]);
    assert_eq!(names(None, Some(2)).await, ["a", "B b"]);
    assert_eq!(names(Some("B b"), Some(2)).await, ["c"]);
}

/// What a change does not name stays; the text that was replaced is gone.
pub async fn a_change_leaves_the_rest(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let new = sample::script("deploy", desk.user.id);
    let before = repository.scripts().create(new, sample::audit("script.create")).await.expect("a free name");
    let change = async |change| {
        let changed = repository.scripts().change(before.id, change, sample::audit("script.change"));
        audited(&repository, 1, changed).await.expect("the script is there")
    };
    let content = sample::script_content("echo two\n");
    let after = change(ScriptChange { content: Some(content.clone()), ..ScriptChange::default() }).await;
    assert_eq!(after.sha256, content.sha256());
    assert_eq!((&after.file, &after.command, &after.targets), (&before.file, &before.command, &before.targets));
    assert_eq!(repository.scripts().content(&before.sha256).await.expect("an answer"), None);

    let login = StoredLogin { user: "deployer".to_owned(), password: Sealed::new([7]) };
    let command = Some("python3 -u".parse().expect("an interpreter"));
    let login = Some(login);
    let all = ScriptChange { command, login: login.clone(), targets: Some(Vec::new()), ..ScriptChange::default() };
    let after = change(all).await;
    assert_eq!((after.command.to_string().as_str(), after.targets.len()), ("python3 -u", 0));
    assert_eq!(after.sha256, content.sha256());
    assert_eq!(repository.scripts().login(before.id).await.expect("an answer"), login);
}

/// Two scripts may have the same text, which stays until neither has it.
pub async fn a_text_stays_while_a_script_has_it(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let mut scripts = Vec::new();
    for name in ["one", "two"] {
        let new = sample::script(name, desk.user.id);
        scripts.push(repository.scripts().create(new, sample::audit("script.create")).await.expect("a free name"));
    }
    for (script, left) in scripts.iter().zip([true, false]) {
        let delete = repository.scripts().delete(script.id, sample::audit("script.delete"));
        audited(&repository, 1, delete).await.expect("the script is there");
        let content = repository.scripts().content(&script.sha256).await.expect("an answer");
        assert_eq!(content.is_some(), left);
    }
}

/// A deleted script is gone, and its name is free; an unknown one is not found.
pub async fn a_deleted_script_is_gone(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let create = async || {
        let new = sample::script("deploy", desk.user.id);
        repository.scripts().create(new, sample::audit("script.create")).await.expect("a free name")
    };
    let script = create().await;
    repository.scripts().delete(script.id, sample::audit("script.delete")).await.expect("the script is there");
    assert_eq!(repository.scripts().by_name(&script.name).await.expect("an answer"), None);
    assert_eq!(repository.scripts().login(script.id).await.expect("an answer"), None);
    unaudited(&repository, async {
        for id in [script.id, ScriptId(Uuid::nil())] {
            assert_not_found(repository.scripts().delete(id, sample::audit("script.delete")).await);
            let change = ScriptChange::default();
            assert_not_found(repository.scripts().change(id, change, sample::audit("script.change")).await);
        }
    })
    .await;
    create().await;
}

/// An account that owns a script stays; the conflict says which.
pub async fn an_owner_stays(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let new = sample::script("deploy", desk.user.id);
    repository.scripts().create(new, sample::audit("script.create")).await.expect("a free name");
    let delete = repository.users().delete(desk.user.id, None, sample::audit("user.delete"));
    assert_conflict(unaudited(&repository, delete).await, &["deploy"]);
}
