//! The promises of a [`KeyRepository`](vmm_core::repository::KeyRepository).

use std::sync::Arc;

use vmm_core::model::{NewScript, Resealed, Sealed, StoredLogin};
use vmm_core::repository::Repository;

use super::{assert_conflict, audited, unaudited};
use crate::sample::{self, Desk};

fn sealed(byte: u8) -> Sealed {
    Sealed::new([byte; 40])
}

async fn create(repository: &Arc<dyn Repository>, desk: &Desk, name: &str, password: Option<Sealed>) -> NewScript {
    let login = password.map(|password| StoredLogin { user: "deployer".to_owned(), password });
    let new = NewScript { login, ..sample::script(name, desk.user.id) };
    repository
        .scripts()
        .create(new.clone(), sample::no_limits(), sample::audit("script.create"))
        .await
        .expect("a free name");
    new
}

/// The machines' secret is kept once; whoever comes later, or at the same time, gets the one that is kept.
pub async fn a_secret_is_kept_once(repository: Arc<dyn Repository>) {
    assert_eq!(repository.keys().machines_secret().await.expect("an answer"), None);
    let racers: Vec<_> = (0..16)
        .map(|byte| {
            let repository = Arc::clone(&repository);
            tokio::spawn(async move { repository.keys().keep_machines_secret(sealed(byte)).await })
        })
        .collect();
    let kept = repository.keys().keep_machines_secret(sealed(99)).await.expect("an answer");
    for racer in racers {
        assert_eq!(racer.await.expect("no panic").expect("an answer"), kept);
    }
    assert_eq!(repository.keys().machines_secret().await.expect("an answer"), Some(kept));
}

/// All that is sealed is replaced at once, and nothing else.
pub async fn all_that_is_sealed_is_replaced(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    repository.keys().keep_machines_secret(sealed(1)).await.expect("an answer");
    let mut scripts = Vec::new();
    for (name, password) in [("one", Some(sealed(2))), ("none", None), ("other", Some(sealed(3)))] {
        scripts.push(create(&repository, &desk, name, password).await);
    }
    let mut passwords = repository.keys().passwords().await.expect("an answer");
    let mut expected = vec![(scripts[0].id, sealed(2)), (scripts[2].id, sealed(3))];
    expected.sort_by_key(|(id, _)| id.0);
    assert_eq!(passwords, expected);
    passwords.iter_mut().zip(12..).for_each(|((_, password), byte)| *password = sealed(byte));
    repository.second_factors().begin(desk.user.id, sealed(4), sample::audit("begin")).await.expect("it has none");
    let mut second_factors = repository.keys().second_factors().await.expect("an answer");
    assert_eq!(second_factors, [(desk.user.id, sealed(4))]);
    second_factors[0].1 = sealed(14);
    let resealed =
        Resealed { was: sealed(1), machines_secret: sealed(11), passwords: passwords.clone(), second_factors };
    let replace = repository.keys().replace(resealed, sample::audit("key.rotate"));
    audited(&repository, 1, replace).await.expect("nothing changed meanwhile");
    assert_eq!(repository.keys().machines_secret().await.expect("an answer"), Some(sealed(11)));
    assert_eq!(repository.keys().passwords().await.expect("an answer"), passwords);
    let factor = repository.second_factors().get(desk.user.id).await.expect("an answer").expect("it was begun");
    assert_eq!(factor.secret, sealed(14));
    let login = repository.scripts().login(scripts[0].id).await.expect("an answer").expect("a login");
    assert_eq!(login.user, "deployer");
    assert_eq!(repository.scripts().login(scripts[1].id).await.expect("an answer"), None);
}

/// If something was sealed meanwhile, nothing is replaced.
pub async fn what_changed_meanwhile_is_not_replaced(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    repository.keys().keep_machines_secret(sealed(1)).await.expect("an answer");
    create(&repository, &desk, "one", Some(sealed(2))).await;
    let passwords = repository.keys().passwords().await.expect("an answer");
    create(&repository, &desk, "later", Some(sealed(3))).await;
    unaudited(&repository, async {
        let all = repository.keys().passwords().await.expect("an answer");
        for (was, passwords) in [(sealed(1), passwords), (sealed(1), Vec::new()), (sealed(9), all)] {
            let resealed = Resealed { was, machines_secret: sealed(11), passwords, second_factors: Vec::new() };
            let replaced = repository.keys().replace(resealed, sample::audit("key.rotate")).await;
            assert_conflict(replaced, &["meanwhile"]);
        }
    })
    .await;
    assert_eq!(repository.keys().machines_secret().await.expect("an answer"), Some(sealed(1)));
}
