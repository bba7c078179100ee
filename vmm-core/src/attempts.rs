//! The limits on attempts at passwords, so that nobody guesses a password and nobody is locked out by somebody who
//! tries.
//!
//! An attempt takes from three budgets that fill again with time: that of the account at this address, that of the
//! address, and that of the account wherever the attempt comes from. A right password gives back what it took, and
//! makes the address known for the account: from a known address only the first budget counts. So one attacker uses up
//! nothing but his own budgets, and many together keep nobody out who has logged in from the same place before. An
//! attempt over a budget is refused before the password is looked at, and an unknown account has the same budgets.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::model::UserId;

/// A budget of attempts: so many at once, and one more after each interval.
struct Budget {
    burst: u32,
    interval: Duration,
}

const PAIR: Budget = Budget { burst: 10, interval: Duration::from_secs(60) };
const ADDRESS: Budget = Budget { burst: 50, interval: Duration::from_secs(15) };
/// Filled faster than one address may empty it, or ten.
const ACCOUNT: Budget = Budget { burst: 30, interval: Duration::from_secs(6) };
/// Budgets that are remembered at most. The fullest are forgotten first.
const MOST: usize = 100_000;
/// Known addresses that are remembered at most. Those that were not used for the longest time are forgotten first.
const MOST_KNOWN: usize = 10_000;

/// An operation that checks a password. Each kind has budgets of its own, whatever names people choose.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Door<'a> {
    /// Signing in with this name, whether there is such an account or not.
    SignIn(&'a str),
    /// The second factor of an account, by somebody who has given its password or is signed in.
    SecondFactor(UserId),
    /// The present password of an account, which somebody who is signed in gives to change it.
    PresentPassword(UserId),
}

/// A door as budgets are kept for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Guessed {
    /// A name, hashed with a key of this process.
    Name(u64),
    Account(UserId),
    SecondFactor(UserId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    Pair(Guessed, IpAddr),
    Address(IpAddr),
    Account(Guessed),
}

impl Key {
    fn budget(self) -> Budget {
        match self {
            Self::Pair(..) => PAIR,
            Self::Address(_) => ADDRESS,
            // Whoever has the password would guess one of a million codes, of which three count at a time.
            Self::Account(Guessed::SecondFactor(_)) => PAIR,
            Self::Account(_) => ACCOUNT,
        }
    }
}

/// The budgets of one desk in this process.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    names: RandomState,
    tables: Mutex<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    /// When each budget will be full again.
    full_at: HashMap<Key, Instant>,
    /// When somebody last logged in to this account from this address.
    known: HashMap<(Guessed, IpAddr), Instant>,
}

/// An attempt that was let through.
#[must_use]
pub(crate) struct Attempt<'a> {
    attempts: &'a Attempts,
    door: Guessed,
    from: Option<IpAddr>,
    taken: Vec<Key>,
}

impl Attempts {
    /// Takes an attempt at a door from its budgets.
    ///
    /// # Errors
    /// [`Error::TooMany`] if one of them is used up.
    pub(crate) fn begin(&self, door: Door<'_>, from: Option<IpAddr>) -> Result<Attempt<'_>> {
        self.begin_at(door, from, Instant::now())
    }

    fn begin_at(&self, door: Door<'_>, from: Option<IpAddr>, now: Instant) -> Result<Attempt<'_>> {
        let from = from.map(network);
        let door = match door {
            Door::SignIn(name) => Guessed::Name(self.names.hash_one(name.to_lowercase())),
            Door::PresentPassword(account) => Guessed::Account(account),
            Door::SecondFactor(account) => Guessed::SecondFactor(account),
        };
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = match from {
            None => vec![Key::Account(door)],
            Some(address) if tables.known.contains_key(&(door, address)) => vec![Key::Pair(door, address)],
            Some(address) => vec![Key::Pair(door, address), Key::Address(address), Key::Account(door)],
        };
        if let Some(wait) = keys.iter().filter_map(|key| tables.wait(*key, now)).max() {
            return Err(Error::TooMany { retry_after: wait });
        }
        tables.make_room(now);
        for key in &keys {
            let full_at = tables.full_at.entry(*key).or_insert(now);
            *full_at = (*full_at).max(now) + key.budget().interval;
        }
        Ok(Attempt { attempts: self, door, from, taken: keys })
    }
}

impl Attempt<'_> {
    /// The password was right.
    pub(crate) fn right(self) {
        if let Some(address) = self.from {
            let now = Instant::now();
            let mut tables = self.attempts.tables.lock().unwrap_or_else(PoisonError::into_inner);
            tables.known.insert((self.door, address), now);
            if tables.known.len() > MOST_KNOWN {
                let oldest = tables.known.iter().min_by_key(|(_, used)| **used).map(|(key, _)| *key);
                oldest.and_then(|key| tables.known.remove(&key));
            }
        }
        self.take_back();
    }

    /// It was not looked at.
    pub(crate) fn take_back(self) {
        let mut tables = self.attempts.tables.lock().unwrap_or_else(PoisonError::into_inner);
        for key in self.taken {
            if let Some(full_at) = tables.full_at.get_mut(&key) {
                *full_at = full_at.checked_sub(key.budget().interval).unwrap_or(*full_at);
            }
        }
    }
}

impl Tables {
    /// Returns the time until this budget has an attempt, if it has none at present.
    fn wait(&self, key: Key, now: Instant) -> Option<Duration> {
        let Budget { burst, interval } = key.budget();
        let missing = self.full_at.get(&key)?.saturating_duration_since(now);
        let wait = (missing + interval).saturating_sub(interval * burst);
        Some(wait).filter(|wait| !wait.is_zero())
    }

    fn make_room(&mut self, now: Instant) {
        if self.full_at.len() < MOST {
            return;
        }
        self.full_at.retain(|_, full_at| *full_at > now);
        if self.full_at.len() >= MOST {
            let mut times: Vec<_> = self.full_at.values().copied().collect();
            let (_, middle, _) = times.select_nth_unstable(MOST / 2);
            let middle = *middle;
            self.full_at.retain(|_, full_at| *full_at > middle);
        }
    }
}

/// The address that budgets are kept for: whoever has one IPv6 address has its whole network of 64 bits.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u16) -> Option<IpAddr> {
        Some(IpAddr::from([10, 0, (last >> 8) as u8, last as u8]))
    }

    /// Returns the number of wrong attempts, of `tries`, that are let through.
    fn wrong(attempts: &Attempts, name: &str, from: Option<IpAddr>, now: Instant, tries: usize) -> usize {
        (0..tries).filter(|_| attempts.begin_at(Door::SignIn(name), from, now).is_ok()).count()
    }

    #[test]
    fn an_address_has_ten_attempts_at_an_account_and_one_more_each_minute() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        assert_eq!(wrong(&attempts, "alice", address(1), now, 10_000), 10);
        let error = attempts.begin_at(Door::SignIn("ALICE"), address(1), now).map(drop).expect_err("used up");
        assert!(matches!(error, Error::TooMany { retry_after } if retry_after == PAIR.interval), "{error}");
        assert_eq!(wrong(&attempts, "alice", address(1), now + PAIR.interval, 100), 1);
        assert_eq!(wrong(&attempts, "alice", address(1), now + 100 * PAIR.interval, 100), 10);
    }

    #[test]
    fn no_name_reaches_the_budget_of_a_present_password() {
        let (attempts, now, bob) = (Attempts::default(), Instant::now(), Door::PresentPassword(UserId(2)));
        for name in ["2", "bob", "old password of bob", "PresentPassword(UserId(2))"] {
            wrong(&attempts, name, None, now, 1000);
        }
        let through = (0..100).filter(|_| attempts.begin_at(bob, None, now).is_ok()).count();
        assert_eq!(through, ACCOUNT.burst as usize);
    }

    #[test]
    fn an_address_cannot_try_many_accounts_whether_they_exist_or_not() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        let through = (0..10_000).filter(|n| wrong(&attempts, &format!("name-{n}"), address(1), now, 1) == 1).count();
        assert_eq!(through, ADDRESS.burst as usize);
        assert_eq!(wrong(&attempts, "alice", address(2), now, 1), 1, "others are not touched");
    }

    #[test]
    fn ten_thousand_guesses_in_an_hour_from_a_thousand_addresses_reach_the_password_630_times() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        let through = (0..10_000_u32).filter(|n| {
            wrong(&attempts, "alice", address((n % 1000) as u16), now + Duration::from_millis(360) * *n, 1) == 1
        });
        let through = through.count();
        assert!((600..=630).contains(&through), "{through}");
    }

    #[test]
    fn one_attacker_does_not_keep_the_owner_out() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for minute in 0..600 {
            let now = now + minute * PAIR.interval;
            wrong(&attempts, "alice", address(1), now, 1000);
            assert!(attempts.begin_at(Door::SignIn("alice"), address(2), now).map(Attempt::right).is_ok());
        }
    }

    #[test]
    fn many_attackers_do_not_keep_the_owner_out_of_a_place_that_is_known() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        attempts.begin_at(Door::SignIn("alice"), address(1), now).map(Attempt::right).expect("let through");
        for attacker in 2..2000 {
            wrong(&attempts, "alice", address(attacker), now, 10);
        }
        assert!(
            attempts.begin_at(Door::SignIn("alice"), address(3000), now).is_err(),
            "the account's budget is used up"
        );
        assert!(attempts.begin_at(Door::SignIn("alice"), address(1), now).map(Attempt::right).is_ok());
    }

    #[test]
    fn right_passwords_cost_nothing() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for _ in 0..1000 {
            attempts.begin_at(Door::SignIn("alice"), address(1), now).map(Attempt::right).expect("let through");
            attempts.begin_at(Door::SignIn("alice"), None, now).map(Attempt::right).expect("let through");
        }
    }

    #[test]
    fn a_network_of_64_bits_is_one_address_and_a_mapped_address_is_the_one_it_maps() {
        let parse = |text: &str| text.parse::<IpAddr>().expect("an address");
        assert_eq!(network(parse("2001:db8::1")), network(parse("2001:db8::ffff:2")));
        assert_ne!(network(parse("2001:db8::1")), network(parse("2001:db8:0:1::1")));
        assert_eq!(network(parse("::ffff:10.0.0.1")), parse("10.0.0.1"));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for n in 0..200_000_u32 {
            let from = IpAddr::V6(Ipv6Addr::from_bits((0x2001 << 112) | (u128::from(n) << 64)));
            let _ = attempts.begin_at(Door::SignIn("alice"), Some(from), now).map(drop);
        }
        assert!(attempts.tables.lock().expect("no panic").full_at.len() <= MOST + 3);
    }
}
