//! Accounts.

use std::fmt;

use super::{NamePrefix, Revision, Timestamp, UserName, row_id, words};

row_id!(
    /// Names an account.
    UserId
);

words!(
    /// The role of an account.
    Role, "role" {
        /// Everything but the records, approvals, deletes and the web.
        User = "user",
        /// Everything.
        Admin = "admin",
    }
);

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its row.
    pub id: UserId,
    /// Its name, unique without regard to case.
    pub name: UserName,
    /// The Telegram account bound to it.
    pub chat_id: Option<i64>,
    /// Its role.
    pub role: Role,
    /// True if nobody can log in with it and nothing that was given out for it is good.
    pub disabled: bool,
    /// True if it has a second factor, without which nobody signs in to it.
    pub second_factor: bool,
    /// The number of times that it was changed.
    pub revision: Revision,
    /// When it was made.
    pub created_at: Timestamp,
}

/// An account to make.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// Its name.
    pub name: UserName,
    /// The hash of its password.
    pub password: PasswordHash,
    /// The Telegram account bound to it.
    pub chat_id: Option<i64>,
    /// Its role.
    pub role: Role,
}

/// A change of an account. What is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct UserChange {
    /// Another name.
    pub name: Option<UserName>,
    /// The hash of another password.
    pub password: Option<PasswordHash>,
    /// Another Telegram account; `Some(None)` unlinks it.
    pub chat_id: Option<Option<i64>>,
    /// Another role.
    pub role: Option<Role>,
    /// The new state: true disables the account.
    pub disabled: Option<bool>,
}

/// Which accounts to list, in order of name. `Default` lists all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// Only those with this role.
    pub role: Option<Role>,
    /// Only those that are disabled, or only those that are not.
    pub disabled: Option<bool>,
    /// Only those whose names begin so, without regard to case.
    pub name_prefix: Option<NamePrefix>,
    /// Only those behind this one.
    pub after: Option<UserName>,
    /// At most so many; `None` is all.
    pub limit: Option<u32>,
}

/// An argon2id hash as a PHC string. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Wraps a PHC string.
    pub fn new(phc: impl Into<String>) -> Self {
        Self(phc.into())
    }

    /// The PHC string, for the repository.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}
