//! Several promises tried at once.

use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::Subject;

/// The function that tries a promise.
pub type Promise = for<'s> fn(&'s dyn Subject) -> Pin<Box<dyn Future<Output = ()> + Send + 's>>;

/// The number of promises that are tried at once. Some of them measure time.
const AT_ONCE: usize = 4;

/// Tries promises, each with a subject of its own.
///
/// # Panics
/// If a promise is not kept; the message names all that are not.
pub async fn all_kept<S: Subject + 'static, F: Future<Output = S> + Send + 'static>(
    subject: fn() -> F,
    promises: &[(&'static str, Promise)],
) {
    let (places, mut tried) = (Arc::new(Semaphore::new(AT_ONCE)), JoinSet::new());
    for &(name, promise) in promises {
        let places = Arc::clone(&places);
        tried.spawn(async move {
            let _place = places.acquire_owned().await.expect("it is never closed");
            let trial = tokio::spawn(async move { promise(&subject().await).await });
            trial.await.err().map(|error| {
                let panic = error.into_panic();
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
                format!("{name}: {}", text.unwrap_or_default())
            })
        });
    }
    let broken: Vec<_> = tried.join_all().await.into_iter().flatten().collect();
    assert!(broken.is_empty(), "{} of {} are not kept:\n{}", broken.len(), promises.len(), broken.join("\n"));
}
