//! The promises of an [`OsRepository`](vmm_core::repository::OsRepository).

use std::sync::Arc;

use vmm_core::model::{JobState, LoginName, NewOs, Os, OsChange, OsFilter, OsId, OsName, OsVersion, Revision, Subject};
use vmm_core::repository::Repository;

use super::{assert_conflict, assert_not_found, assert_stale, audited, job, unaudited};
use crate::sample::{self, Desk};

/// An entry with a cloud image comes with the job that imports it; one with an installer image with none.
pub async fn a_cloud_image_is_imported(repository: Arc<dyn Repository>) {
    let entry = || sample::audit("os.create");
    let (os, import) =
        repository.oses().create(sample::os("debian", "12"), sample::import(), entry()).await.expect("free");
    let job = job(&repository, import.expect("it has a cloud image")).await;
    assert_eq!(job.subject, Subject::Os(os.id));
    assert_eq!(job.steps.iter().map(|step| step.name.as_str()).collect::<Vec<_>>(), ["first", "second"]);
    assert_eq!(os.image, None);

    let installer = NewOs { qcow2: None, iso: Some("/images/x.iso".to_owned()), ..sample::os("debian", "13") };
    let (os, import) = repository.oses().create(installer, sample::import(), entry()).await.expect("free");
    assert_eq!((os.iso.as_deref(), os.qcow2, import), (Some("/images/x.iso"), None, None));
}

/// One import of an entry at a time; its image stays until another one is recorded.
pub async fn an_image_is_imported_again(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let start = || repository.oses().start_import(desk.os.id, sample::import(), sample::audit("os.import"));
    let (os, first) = audited(&repository, 1, start()).await.expect("nothing imports it");
    assert_eq!(os, desk.os);
    let started = job(&repository, first).await;
    assert_eq!((started.subject, started.title.as_str()), (Subject::Os(os.id), "debian:12"));
    unaudited(&repository, async { assert_conflict(start().await, &["importing"]) }).await;
    repository.jobs().finish(first, JobState::Done, None).await.expect("the job is open");
    start().await.expect("nothing imports it any more");
    let unknown = repository.oses().start_import(OsId(4711), sample::import(), sample::audit("os.import")).await;
    assert_not_found(unknown);
}

/// The volume of a removed entry is known until it is forgotten; one that never had an image leaves none.
pub async fn a_removed_image_is_known_until_it_is_forgotten(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let (oses, volume) = (repository.oses(), sample::image(&desk.os).volume);
    let installer = NewOs { qcow2: None, iso: Some("/images/x.iso".to_owned()), ..sample::os("debian", "13") };
    let (other, _) = oses.create(installer, sample::import(), sample::audit("os.create")).await.expect("free");
    for (id, expected) in [(other.id, vec![]), (desk.os.id, vec![volume.clone()])] {
        oses.delete(id, None, sample::audit("os.delete")).await.expect("nothing uses it");
        assert_eq!(oses.removed_images().await.expect("an answer"), expected);
    }
    for _ in 0..2 {
        oses.forget_removed_image(&volume).await.expect("it is forgotten");
        assert_eq!(oses.removed_images().await.expect("an answer"), []);
    }
}

/// An imported image reads as it was recorded.
pub async fn an_image_reads_as_it_was_recorded(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    assert_eq!(desk.os.image, Some(sample::image(&desk.os)));
    assert_not_found(repository.oses().set_image(OsId(4711), sample::image(&desk.os)).await);
}

/// A name and version is taken once; another version is free.
pub async fn a_name_and_version_is_taken_once(repository: Arc<dyn Repository>) {
    Desk::make(&repository).await;
    let create =
        |version| repository.oses().create(sample::os("debian", version), sample::import(), sample::audit("os.create"));
    unaudited(&repository, async { assert_conflict(create("12").await, &["version"]) }).await;
    create("13").await.expect("another version");
}

/// Entries are found by name, and by name and version.
pub async fn entries_are_found_by_name_and_version(repository: Arc<dyn Repository>) {
    for (name, version) in [("debian", "13"), ("alpine", "3"), ("debian", "12")] {
        let made =
            repository.oses().create(sample::os(name, version), sample::import(), sample::audit("os.create")).await;
        made.expect("a free name and version");
    }
    let versions =
        |oses: Vec<Os>| -> Vec<String> { oses.iter().map(|os| format!("{}:{}", os.name, os.version)).collect() };
    let (debian, twelve) = (OsName::new("debian").expect("valid"), OsVersion::new("12").expect("valid"));
    let found = repository.oses().find(&debian, None).await.expect("an answer");
    assert_eq!(versions(found), ["debian:13", "debian:12"]);
    let found = repository.oses().find(&debian, Some(&twelve)).await.expect("an answer");
    assert_eq!(versions(found), ["debian:12"]);
    let (all, alpine) = (OsFilter::default(), OsName::new("alpine").expect("valid"));
    for (filter, expected) in [
        (all.clone(), vec!["alpine:3", "debian:12", "debian:13"]),
        (OsFilter { name: Some(debian.clone()), ..all.clone() }, vec!["debian:12", "debian:13"]),
        (OsFilter { limit: Some(2), ..all.clone() }, vec!["alpine:3", "debian:12"]),
        (OsFilter { after: Some((debian, twelve)), ..all.clone() }, vec!["debian:13"]),
        (
            OsFilter { after: Some((alpine, OsVersion::new("4").expect("valid"))), ..all },
            vec!["debian:12", "debian:13"],
        ),
    ] {
        let found = repository.oses().list(&filter).await.expect("an answer");
        assert_eq!(versions(found), expected, "{filter:?}");
    }
}

/// An entry is not deleted while it is imported; one whose import failed is.
pub async fn an_entry_that_is_being_imported_stays(repository: Arc<dyn Repository>) {
    let made = repository.oses().create(sample::os("debian", "12"), sample::import(), sample::audit("os.create")).await;
    let (os, import) = made.expect("a free name");
    let delete = || repository.oses().delete(os.id, None, sample::audit("os.delete"));
    unaudited(&repository, async { assert_conflict(delete().await, &["importing"]) }).await;
    let failed = repository.jobs().finish(import.expect("a job"), JobState::Failed, Some("bad image".to_owned())).await;
    failed.expect("the job is open");
    let kept = repository.oses().by_id(os.id).await.expect("an answer").expect("the entry outlives the import");
    assert_eq!(kept.image, None);
    audited(&repository, 1, async { delete().await.expect("nothing uses it") }).await;
    assert_eq!(repository.oses().by_id(os.id).await.expect("an answer"), None);
    assert_not_found(delete().await);
}

/// An entry that a machine is made from, or is asked for, is not deleted.
pub async fn an_entry_that_a_machine_needs_stays(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    super::pending(&repository, &desk, "req-1", &["web-1"]).await;
    let delete = || repository.oses().delete(desk.os.id, None, sample::audit("os.delete"));
    unaudited(&repository, async { assert_conflict(delete().await, &["web-1"]) }).await;
    super::cancel(&repository, &desk, "req-1").await;
    delete().await.expect("no machine needs it any more");
    let request = repository.requests().by_id(&sample::request_id("req-1")).await.expect("an answer");
    assert_eq!(request.expect("a request outlives the catalog").plan.vms.len(), 1);
}

/// The changed fields of an entry have their new values; the rest stays, its image too.
pub async fn a_changed_entry_leaves_the_rest(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let update = |change| repository.oses().update(desk.os.id, change, None, sample::audit("os.update"));
    let description = "old, but stable".to_owned();
    let change = OsChange { description: Some(description.clone()), ..OsChange::default() };
    let changed = audited(&repository, 1, update(change)).await.expect("it is there");
    let revision = Revision(desk.os.revision.0 + 1);
    assert_eq!(changed, Os { description, revision, ..desk.os.clone() });
    let login = LoginName::new("admin").expect("valid");
    let change = OsChange { login: Some(login.clone()), ..OsChange::default() };
    update(change).await.expect("it is there");
    let expected = Os { login, revision: Revision(revision.0 + 1), ..changed };
    assert_eq!(repository.oses().by_id(desk.os.id).await.expect("an answer"), Some(expected));
    assert_not_found(repository.oses().update(OsId(4711), OsChange::default(), None, sample::audit("x")).await);
}

/// A change that expects another revision than the present one is refused, a deletion too.
pub async fn of_an_entry_the_revision_is_compared(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let (oses, id, first) = (repository.oses(), desk.os.id, desk.os.revision);
    let update = |expect| oses.update(id, OsChange::default(), Some(expect), sample::audit("os.update"));
    let second = update(first).await.expect("it is the present one").revision;
    unaudited(&repository, async {
        assert_stale(update(first).await);
        assert_stale(oses.delete(id, Some(first), sample::audit("os.delete")).await);
    })
    .await;
    oses.delete(id, Some(second), sample::audit("os.delete")).await.expect("it is the present one");
}
