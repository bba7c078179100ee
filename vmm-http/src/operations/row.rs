//! The facts about an operation that layers need: the columns of the table.

use vmm_core::Budget;

/// The facts about one operation that the layers know. Its path and method stand at the operation itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) id: &'static str,
    pub(crate) asks: Asks,
    /// The query parameter that a bare key stands for: `?web-1` is `?vm=web-1`.
    pub(crate) bare_key: Option<&'static str>,
    /// True if the keys of its body have the spellings of the first documentation too.
    pub(crate) old_spellings: bool,
    pub(crate) lane: Lane,
    /// The budget of which it takes a place after the one of its lane, and without which it does nothing. A request is
    /// refused for want of that place before it waits for its turn.
    pub(crate) needs: Option<Budget>,
    pub(crate) body: BodyRule,
    /// True if it takes no `Idempotency-Key` although it is a `POST`.
    pub(crate) without_key: bool,
    /// True if it may answer with a conflict although it is a `GET`.
    pub(crate) conflicts: bool,
    /// True if an account that may not use the web pages may call it from the page of the account itself.
    pub(crate) on_own_page: bool,
}

/// The farthest that an operation asks, and so the errors that it can have besides those of its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Asks {
    /// Nothing that could be unavailable.
    Nothing,
    /// The desk's records, which may be unavailable.
    Records,
    /// The host or the file area, which may be unable to do it.
    Host,
    /// A machine that vmm signs in to, which may refuse, fail or not answer in time.
    Machine,
}

/// Which place a request takes while it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// None: the request is answered however busy the server is.
    Free,
    /// None here: the core takes the places of what waits for a machine.
    OfCore,
    /// One of this budget, of the address that the request comes from.
    OfAddress(Budget),
    /// One of this budget, of the account.
    OfAccount(Budget),
}

/// The rule for reading a body: its size limit, and its way of being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyRule {
    /// At most [`SMALL_BODY`] bytes, since anybody may send it.
    Small,
    /// At most [`Limits::body`](crate::Limits::body) bytes, held in memory.
    Held,
    /// A file's content, never held whole in memory.
    Streamed,
    /// A file's content if it has parts; else held in memory.
    StreamedInParts,
}

/// The most bytes of a body that anybody may send.
pub(crate) const SMALL_BODY: usize = 64 << 10;

impl Row {
    /// A row of an operation that takes one of the account's requests and holds its body in memory.
    const fn usual(id: &'static str, asks: Asks) -> Self {
        Self {
            id,
            asks,
            bare_key: None,
            old_spellings: false,
            lane: Lane::OfAccount(Budget::Requests),
            needs: None,
            body: BodyRule::Held,
            without_key: false,
            conflicts: false,
            on_own_page: false,
        }
    }

    pub(super) const fn bare_key(self, name: &'static str) -> Self {
        Self { bare_key: Some(name), ..self }
    }

    pub(super) const fn old_spellings(self) -> Self {
        Self { old_spellings: true, ..self }
    }

    pub(super) const fn takes(self, lane: Lane) -> Self {
        Self { lane, ..self }
    }

    pub(super) const fn needs(self, budget: Budget) -> Self {
        Self { needs: Some(budget), ..self }
    }

    pub(super) const fn body(self, body: BodyRule) -> Self {
        Self { body, ..self }
    }

    pub(super) const fn without_key(self) -> Self {
        Self { without_key: true, ..self }
    }

    pub(super) const fn conflicts(self) -> Self {
        Self { conflicts: true, ..self }
    }

    pub(super) const fn on_own_page(self) -> Self {
        Self { on_own_page: true, ..self }
    }

    /// Returns whether the operation checks a name and a password.
    pub(crate) fn signs_in(&self) -> bool {
        self.lane == Lane::OfAddress(Budget::SignIns)
    }
}

/// A row of an operation that asks nothing and is always answered.
pub(super) const fn nothing(id: &'static str) -> Row {
    Row::usual(id, Asks::Nothing).takes(Lane::Free)
}

/// A row of an operation that asks the desk's records.
pub(super) const fn records(id: &'static str) -> Row {
    Row::usual(id, Asks::Records)
}

/// A row of an operation that asks the host or the file area.
pub(super) const fn host(id: &'static str) -> Row {
    Row::usual(id, Asks::Host)
}

/// A row of an operation that works on machines, whose answer may be larger than is worth keeping for repeats.
pub(super) const fn machine(id: &'static str) -> Row {
    Row::usual(id, Asks::Machine).takes(Lane::OfCore).without_key()
}

/// A row of what signs somebody in, which a repeat does no harm to.
pub(super) const fn sign_in(id: &'static str) -> Row {
    records(id).takes(Lane::OfAddress(Budget::SignIns)).body(BodyRule::Small).without_key()
}
