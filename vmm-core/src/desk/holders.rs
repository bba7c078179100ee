//! Whose places the requests with a bearer token take.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::recent::AGE;
use crate::budget::Holder;
use crate::model::TokenHash;

/// The number of tokens that are remembered.
const KEPT: usize = 4096;

/// The holders of the tokens that were authenticated within [`AGE`].
///
/// A token whose login has ended takes places of its account for that long. It has no right to anything: every
/// operation authenticates it.
#[derive(Debug, Default)]
pub(crate) struct Holders(Mutex<HashMap<TokenHash, (Instant, Holder)>>);

impl Holders {
    pub(crate) fn get(&self, token: TokenHash) -> Option<Holder> {
        let (since, holder) = self.lock().get(&token).copied()?;
        (since.elapsed() < AGE).then_some(holder)
    }

    pub(crate) fn remember(&self, token: TokenHash, holder: Holder) {
        let mut holders = self.lock();
        if holders.len() >= KEPT {
            holders.retain(|_, (since, _)| since.elapsed() < AGE);
        }
        if holders.len() >= KEPT {
            holders.clear();
        }
        holders.insert(token, (Instant::now(), holder));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TokenHash, (Instant, Holder)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Role, UserId};

    fn token(number: usize) -> TokenHash {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        TokenHash(bytes)
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_remembered_for_a_second_and_not_longer() {
        let (holders, holder) = (Holders::default(), Holder::Account { id: UserId(1), role: Role::User });
        holders.remember(token(1), holder);
        assert_eq!((holders.get(token(1)), holders.get(token(2))), (Some(holder), None));
        tokio::time::sleep(AGE).await;
        assert_eq!(holders.get(token(1)), None);
    }

    #[tokio::test(start_paused = true)]
    async fn however_many_tokens_there_are_few_are_remembered() {
        let holders = Holders::default();
        for number in 0..3 * KEPT {
            holders.remember(token(number), Holder::Vmm);
        }
        assert!(holders.lock().len() <= KEPT);
        assert_eq!(holders.get(token(3 * KEPT - 1)), Some(Holder::Vmm));
    }
}
