//! The promises of a [`ScriptRepository`](vmm_core::repository::ScriptRepository).

use std::sync::Arc;

use chrono::Utc;
use uuid::Uuid;
use vmm_core::model::{KEPT_VERSIONS, NewScript, ScriptChange, ScriptFilter, ScriptId, Sealed, StoredLogin, UserId};
use vmm_core::repository::Repository;
use vmm_core::{Budget, Stored};

use super::{assert_conflict, assert_not_found, assert_over, audited, unaudited};
use crate::sample::{self, Desk};

/// A script reads as it was registered; its text and its login are read on their own.
pub async fn a_script_reads_as_it_was_registered(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let login = StoredLogin { user: "deployer".to_owned(), password: Sealed::new([1, 0, 255]) };
    let new = NewScript { login: Some(login.clone()), ..sample::script("Deploy web", desk.user.id) };
    let script = audited(
        &repository,
        1,
        repository.scripts().create(new.clone(), sample::no_limits(), sample::audit("script.create")),
    );
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
    let create =
        async |new| repository.scripts().create(new, sample::no_limits(), sample::audit("script.create")).await;
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
        repository
            .scripts()
            .create(new, sample::no_limits(), sample::audit("script.create"))
            .await
            .expect("a free name");
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

/// Fields that a change does not name stay, and so does the replaced text, for its version.
pub async fn a_change_leaves_the_rest(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let new = sample::script("deploy", desk.user.id);
    let before = repository
        .scripts()
        .create(new, sample::no_limits(), sample::audit("script.create"))
        .await
        .expect("a free name");
    let change = async |change| {
        let changed =
            repository.scripts().change(before.id, change, sample::no_limits(), sample::audit("script.change"));
        audited(&repository, 1, changed).await.expect("the script is there")
    };
    let content = sample::script_content("echo two\n");
    let after = change(ScriptChange { content: Some(content.clone()), ..ScriptChange::default() }).await;
    assert_eq!(after.sha256, content.sha256());
    assert_eq!((&after.file, &after.command, &after.targets), (&before.file, &before.command, &before.targets));
    assert!(repository.scripts().content(&before.sha256).await.expect("an answer").is_some(), "a version has it");

    let login = StoredLogin { user: "deployer".to_owned(), password: Sealed::new([7]) };
    let command = Some("python3 -u".parse().expect("an interpreter"));
    let login = Some(login);
    let all = ScriptChange { command, login: login.clone(), targets: Some(Vec::new()), ..ScriptChange::default() };
    let after = change(all).await;
    assert_eq!((after.command.to_string().as_str(), after.targets.len()), ("python3 -u", 0));
    assert_eq!(after.sha256, content.sha256());
    assert_eq!(repository.scripts().login(before.id).await.expect("an answer"), login);
}

/// A script's version counts what runs of it: text, file name, interpreter. Each has its author.
pub async fn a_change_of_what_runs_makes_a_version(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let new = sample::script("deploy", desk.user.id);
    let script = repository
        .scripts()
        .create(new, sample::no_limits(), sample::audit("script.create"))
        .await
        .expect("a free name");
    let change = async |change: ScriptChange| {
        let audit = vmm_core::model::AuditEntry { actor: "alice".to_owned(), ..sample::audit("script.change") };
        repository.scripts().change(script.id, change, sample::no_limits(), audit).await.expect("it is there").version
    };
    let same = ScriptChange { content: Some(sample::script_content("echo one\n")), ..ScriptChange::default() };
    assert_eq!(change(same).await, 1, "the same text");
    assert_eq!(change(ScriptChange { targets: Some(Vec::new()), ..ScriptChange::default() }).await, 1);
    let content = Some(sample::script_content("echo two\n"));
    assert_eq!(change(ScriptChange { content, ..ScriptChange::default() }).await, 2);
    let command = Some("bash -e".parse().expect("an interpreter"));
    assert_eq!(change(ScriptChange { command, ..ScriptChange::default() }).await, 3);
    let versions = repository.scripts().versions(script.id).await.expect("an answer");
    let told: Vec<_> = versions.iter().map(|v| (v.number, v.command.to_string(), v.changed_by.as_str())).collect();
    assert_eq!(told, [(3, "bash -e".into(), "alice"), (2, "sh".into(), "alice"), (1, "sh".into(), "vmm")]);
    assert_eq!((&versions[2].sha256, versions[2].size), (&script.sha256, script.size));
    assert_eq!(versions[0].sha256, versions[1].sha256);
    for version in versions {
        assert!(repository.scripts().content(&version.sha256).await.expect("an answer").is_some());
    }
}

/// An earlier version comes back as the newest one; what else is given goes before it.
pub async fn an_earlier_version_comes_back(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let new = sample::script("deploy", desk.user.id);
    let script = repository
        .scripts()
        .create(new, sample::no_limits(), sample::audit("script.create"))
        .await
        .expect("a free name");
    let change = async |change: ScriptChange| {
        repository.scripts().change(script.id, change, sample::no_limits(), sample::audit("script.change")).await
    };
    let content = Some(sample::script_content("echo two\n"));
    let command = Some("bash".parse().expect("an interpreter"));
    change(ScriptChange { content, command, ..ScriptChange::default() }).await.expect("it is there");
    let back = change(ScriptChange { version: Some(1), ..ScriptChange::default() }).await.expect("it is kept");
    assert_eq!((back.version, &back.sha256, &back.command), (3, &script.sha256, &script.command));
    let command = Some("dash".parse().expect("an interpreter"));
    let mixed =
        change(ScriptChange { version: Some(2), command, ..ScriptChange::default() }).await.expect("it is kept");
    assert_eq!((mixed.version, mixed.command.to_string().as_str()), (4, "dash"));
    assert_ne!(mixed.sha256, script.sha256);
    unaudited(&repository, async {
        assert_not_found(change(ScriptChange { version: Some(5), ..ScriptChange::default() }).await);
    })
    .await;
}

/// The newest versions are kept up to a limit, and no text of those before.
pub async fn the_oldest_versions_are_forgotten(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let new = sample::script("deploy", desk.user.id);
    let script = repository
        .scripts()
        .create(new, sample::no_limits(), sample::audit("script.create"))
        .await
        .expect("a free name");
    for number in 0..=KEPT_VERSIONS {
        let content = Some(sample::script_content(&format!("echo {number}\n")));
        let change = ScriptChange { content, ..ScriptChange::default() };
        repository
            .scripts()
            .change(script.id, change, sample::no_limits(), sample::audit("script.change"))
            .await
            .expect("it is there");
    }
    let numbers = repository.scripts().versions(script.id).await.expect("an answer");
    let numbers: Vec<_> = numbers.iter().map(|version| version.number).collect();
    assert_eq!(numbers, Vec::from_iter((3..KEPT_VERSIONS + 3).rev()));
    assert_eq!(repository.scripts().content(&script.sha256).await.expect("an answer"), None);
}

/// Two scripts may have the same text, which stays until neither has it.
pub async fn a_text_stays_while_a_script_has_it(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let mut scripts = Vec::new();
    for name in ["one", "two"] {
        let new = sample::script(name, desk.user.id);
        scripts.push(
            repository
                .scripts()
                .create(new, sample::no_limits(), sample::audit("script.create"))
                .await
                .expect("a free name"),
        );
    }
    for (script, left) in scripts.iter().zip([true, false]) {
        let delete = repository.scripts().delete(script.id, false, sample::audit("script.delete"));
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
        repository
            .scripts()
            .create(new, sample::no_limits(), sample::audit("script.create"))
            .await
            .expect("a free name")
    };
    let script = create().await;
    repository.scripts().delete(script.id, false, sample::audit("script.delete")).await.expect("the script is there");
    assert_eq!(repository.scripts().by_name(&script.name).await.expect("an answer"), None);
    assert_eq!(repository.scripts().login(script.id).await.expect("an answer"), None);
    unaudited(&repository, async {
        for id in [script.id, ScriptId(Uuid::nil())] {
            assert_not_found(repository.scripts().delete(id, false, sample::audit("script.delete")).await);
            let change = ScriptChange::default();
            assert_not_found(
                repository.scripts().change(id, change, sample::no_limits(), sample::audit("script.change")).await,
            );
        }
    })
    .await;
    create().await;
}

/// A person has so many scripts, and so many bytes in all versions of them, at most. A text that several have counts
/// once.
pub async fn a_person_has_so_many_scripts_and_bytes_at_most(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let limits = Stored { scripts: 2, script_bytes: 20, ..sample::no_limits() };
    let create = async |name: &str, text: &str| {
        let new = NewScript { content: sample::script_content(text), ..sample::script(name, desk.user.id) };
        repository.scripts().create(new, limits, sample::audit("script.create")).await
    };
    let change = async |id, text: &str| {
        let change = ScriptChange { content: Some(sample::script_content(text)), ..ScriptChange::default() };
        repository.scripts().change(id, change, limits, sample::audit("script.change")).await
    };
    let first = create("one", "ten bytes\n").await.expect("there is room").id;
    assert_over(unaudited(&repository, create("two", "eleven ones")).await, Budget::ScriptBytes);
    create("two", "ten bytes\n").await.expect("it is the same text");
    assert_over(unaudited(&repository, create("three", "ten bytes\n")).await, Budget::Scripts);
    change(first, "ten others").await.expect("there is room");
    assert_over(unaudited(&repository, change(first, "x")).await, Budget::ScriptBytes);
    let stored = repository.users().stored(desk.user.id).await.expect("an answer");
    assert_eq!((stored.scripts, stored.script_bytes), (2, 20));
    assert_eq!(repository.users().stored(desk.admin.id).await.expect("an answer"), Stored::default());
}

/// A script that has runs stays if that is asked for, and otherwise goes as any other.
pub async fn a_script_with_runs_can_be_kept(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let create = async |name: &str| {
        let new = sample::script(name, desk.user.id);
        let created = repository.scripts().create(new, sample::no_limits(), sample::audit("script.create"));
        created.await.expect("a free name")
    };
    let (ran, fresh) = (create("ran").await, create("fresh").await);
    let new = sample::run(&ran, 1);
    repository.runs().create(new, Utc::now(), sample::audit("script.run")).await.expect("a run");
    let delete =
        async |id, unless_run| repository.scripts().delete(id, unless_run, sample::audit("script.delete")).await;
    assert_conflict(unaudited(&repository, delete(ran.id, true)).await, &["has runs", "ask an admin"]);
    delete(fresh.id, true).await.expect("it has no runs");
    delete(ran.id, false).await.expect("it is there");
}

/// An account that owns a script stays; the conflict says which.
pub async fn an_owner_stays(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let new = sample::script("deploy", desk.user.id);
    repository.scripts().create(new, sample::no_limits(), sample::audit("script.create")).await.expect("a free name");
    let delete = repository.users().delete(desk.user.id, None, sample::audit("user.delete"));
    assert_conflict(unaudited(&repository, delete).await, &["deploy"]);
}
