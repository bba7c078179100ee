//! The promises of an [`AuditRepository`](vmm_core::repository::AuditRepository).

use std::sync::Arc;

use vmm_core::model::{AuditEntry, AuditFilter, AuditId, Outcome};
use vmm_core::repository::Repository;

use crate::sample::{self, Desk};

/// A row reads as it was recorded.
pub async fn a_row_reads_as_it_was_recorded(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let started = AuditEntry {
        user: Some(desk.admin.id),
        actor: "alice".to_owned(),
        outcome: Outcome::Started,
        detail: "a\tdetail with \"quotes\" and ümlauts\0".into(),
        ..sample::audit("vm.ssh")
    };
    let id = repository.audit().record(started.clone()).await.expect("an answer");
    let ended = AuditEntry { finishes: Some(id), outcome: Outcome::Failed, ..started.clone() };
    repository.audit().record(ended).await.expect("an answer");
    let rows = list(&repository, AuditFilter { action: Some("vm.ssh".to_owned()), ..AuditFilter::default() }).await;
    assert_eq!(rows.iter().map(|row| row.finishes).collect::<Vec<_>>(), [Some(id), None]);
    let row = &rows[1];
    assert_eq!((row.id, row.user, &row.actor, row.outcome), (id, started.user, &started.actor, started.outcome));
    assert_eq!((&*row.action, &*row.target, &*row.detail), (started.action, &*started.target, &*started.detail));
}

/// Rows are listed newest first, by account, by action, and page by page.
pub async fn rows_are_listed_newest_first(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let mut ids = Vec::new();
    for index in 0..5 {
        let user = (index % 2 == 0).then_some(desk.user.id);
        let entry = AuditEntry { user, ..sample::audit(if index < 3 { "vm.ssh" } else { "vm.power" }) };
        ids.push(repository.audit().record(entry).await.expect("an answer"));
    }
    let filter = AuditFilter { user: Some(desk.user.id), ..AuditFilter::default() };
    assert_eq!(found(&repository, filter).await, [ids[4], ids[2], ids[0]]);
    let filter = AuditFilter { action: Some("vm.ssh".to_owned()), ..AuditFilter::default() };
    assert_eq!(found(&repository, filter).await, [ids[2], ids[1], ids[0]]);
    let rows = list(&repository, AuditFilter::default()).await;
    let filter = AuditFilter { from: Some(rows[3].at), to: Some(rows[1].at), ..AuditFilter::default() };
    assert_eq!(found(&repository, filter).await, [ids[2], ids[1]]);
    let filter = AuditFilter { target: Some("a sample".to_owned()), limit: Some(1), ..AuditFilter::default() };
    assert_eq!(found(&repository, filter).await, [ids[4]]);
    let filter = AuditFilter { target: Some("another".to_owned()), ..AuditFilter::default() };
    assert_eq!(found(&repository, filter).await, []);
    let filter = AuditFilter { outcome: Some(Outcome::Failed), ..AuditFilter::default() };
    assert_eq!(found(&repository, filter).await, []);
    let filter = AuditFilter { before: Some(ids[4]), limit: Some(2), ..AuditFilter::default() };
    assert_eq!(found(&repository, filter).await, [ids[3], ids[2]]);
}

/// The hashes of rows that nobody touched fit, also when many wrote at once.
pub async fn the_chain_of_untouched_rows_fits(repository: Arc<dyn Repository>) {
    assert_eq!(repository.audit().verify().await.expect("an answer").first_wrong, None);
    let writers: Vec<_> = (0..32)
        .map(|_| {
            let repository = Arc::clone(&repository);
            tokio::spawn(async move { repository.audit().record(sample::audit("vm.ssh")).await.expect("an answer") })
        })
        .collect();
    for writer in writers {
        writer.await.expect("no panic");
    }
    assert_eq!(list(&repository, AuditFilter::default()).await.len(), 32);
    assert_eq!(repository.audit().verify().await.expect("an answer").first_wrong, None);
}

/// The head is the newest row, whose hash can be looked up by its id.
pub async fn the_head_is_the_newest_row(repository: Arc<dyn Repository>) {
    let audit = repository.audit();
    assert_eq!(audit.head().await.expect("an answer").rows, 0);
    let mut heads = Vec::new();
    for rows in 1..=3 {
        let id = audit.record(sample::audit("vm.ssh")).await.expect("an answer");
        let head = audit.head().await.expect("an answer");
        assert_eq!(head.rows, rows);
        assert_eq!(audit.hash(id).await.expect("an answer"), Some(head.hash));
        heads.push(head);
    }
    assert_eq!(audit.verify().await.expect("an answer").fits, heads[2]);
    assert!(heads[0].hash != heads[1].hash && heads[1].hash != heads[2].hash);
    assert_eq!(audit.hash(AuditId(4)).await.expect("an answer"), None);
}

async fn list(repository: &Arc<dyn Repository>, filter: AuditFilter) -> Vec<vmm_core::model::AuditRecord> {
    repository.audit().list(&filter).await.expect("an answer")
}

async fn found(repository: &Arc<dyn Repository>, filter: AuditFilter) -> Vec<AuditId> {
    list(repository, filter).await.iter().map(|row| row.id).collect()
}
