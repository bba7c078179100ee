//! The chain of the audit log: hashes and seals that every store keeps beside the rows and checks in the same way.

use crate::mac::mac;
use crate::model::{AuditEntry, AuditHash, AuditHead, AuditId, AuditKey, AuditRecord, AuditVerdict, Timestamp};

/// A keyed hash over a row and the row before it.
pub type Hash = [u8; 32];

/// The hash that stands before the first row.
pub const BEGIN: Hash = [0; 32];
/// The hash that stands before a row that continues nothing.
const BROKEN: Hash = [0xff; 32];

/// The newest row as it was written last, and its seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedHead {
    /// The id of the row, which is the number of rows.
    pub rows: i64,
    /// The hash of the row.
    pub hash: Hash,
    /// The seal over both, which needs the key.
    pub seal: Hash,
}

impl SealedHead {
    /// Seals a row as the newest one.
    pub fn new(key: &AuditKey, rows: i64, hash: Hash) -> Self {
        Self { rows, hash, seal: seal(key, rows, &hash) }
    }

    /// Returns whether this row is the newest one that was written.
    pub fn is(&self, key: &AuditKey, rows: i64, hash: &Hash) -> bool {
        self.rows == rows && self.hash == *hash && self.seal == seal(key, rows, hash)
    }
}

/// A row that is added to the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextRow {
    /// The row.
    pub record: AuditRecord,
    /// Its hash.
    pub hash: Hash,
    /// The head of the chain that ends with the row.
    pub head: SealedHead,
}

impl NextRow {
    /// Makes the row that follows `last`, the newest row that is there (0 and [`BEGIN`] if there is none). If `head`
    /// does not say that `last` was written last, somebody else was there: the row then continues nothing, so that
    /// verifying finds the place, also when everything behind it fits.
    pub fn new(key: &AuditKey, entry: &AuditEntry, at: Timestamp, last: (i64, Hash), head: Option<SealedHead>) -> Self {
        let (last_id, last_hash) = last;
        let untouched = head.is_some_and(|head| head.is(key, last_id, &last_hash));
        if !untouched {
            tracing::error!(
                row = last_id + 1,
                "the audit log was tampered with before this row; run vmm-http verify-audit"
            );
        }
        let record = AuditRecord {
            id: AuditId(last_id + 1),
            at,
            user: entry.user,
            actor: entry.actor.clone(),
            action: entry.action.to_owned(),
            target: entry.target.to_string(),
            outcome: entry.outcome,
            detail: entry.detail.to_string(),
            finishes: entry.finishes,
        };
        let hash = link(key, if untouched { &last_hash } else { &BROKEN }, &record);
        let head = SealedHead::new(key, record.id.0, hash);
        Self { record, hash, head }
    }
}

/// A check of all rows, which are shown to it in order of id.
#[derive(Clone, Debug)]
pub struct Check<'a> {
    key: &'a AuditKey,
    fits: i64,
    before: Hash,
}

impl<'a> Check<'a> {
    /// Begins before the first row.
    pub fn new(key: &'a AuditKey) -> Self {
        Self { key, fits: 0, before: BEGIN }
    }

    /// Takes the next row and its hash, each `None` if it cannot be read.
    ///
    /// # Errors
    /// The verdict, if the row does not fit.
    pub fn row(&mut self, id: i64, record: Option<&AuditRecord>, kept: Option<Hash>) -> Result<(), AuditVerdict> {
        // A row that cannot be read was not written by vmm either.
        let hash = record.map(|record| link(self.key, &self.before, record));
        match hash.filter(|hash| id == self.fits + 1 && kept == Some(*hash)) {
            Some(hash) => (self.before, self.fits) = (hash, id),
            None => return Err(self.verdict(Some(id.min(self.fits + 1)))),
        }
        Ok(())
    }

    /// Returns the verdict when all rows have fitted, by the head that was written last.
    pub fn end(&self, head: Option<SealedHead>) -> AuditVerdict {
        let newest = head.is_some_and(|head| head.is(self.key, self.fits, &self.before));
        self.verdict((!newest).then_some(self.fits + 1))
    }

    fn verdict(&self, wrong: Option<i64>) -> AuditVerdict {
        AuditVerdict { fits: head(self.fits, self.before), first_wrong: wrong.map(AuditId) }
    }
}

/// Returns the head of a chain whose newest row has this id and hash.
pub fn head(rows: i64, hash: Hash) -> AuditHead {
    AuditHead { rows: u64::try_from(rows).unwrap_or_default(), hash: AuditHash(hash) }
}

/// Returns the keyed hash over the hash before a row and every field of the row.
fn link(key: &AuditKey, before: &Hash, record: &AuditRecord) -> Hash {
    let AuditRecord { id, at, user, actor, action, target, outcome, detail, finishes } = record;
    let numbers = [Some(id.0), Some(at.timestamp_micros()), user.map(|id| id.0), finishes.map(|id| id.0)];
    let numbers = numbers.map(|number| number.map_or(Vec::new(), |number| number.to_be_bytes().to_vec()));
    let mut parts: Vec<&[u8]> = vec![b"row", before];
    parts.extend(numbers.iter().map(Vec::as_slice));
    parts.extend([actor, action, target, outcome.as_str(), detail].map(|text: &str| text.as_bytes()));
    mac(key.bytes(), &parts)
}

/// Returns what only vmm can say of its newest row.
fn seal(key: &AuditKey, rows: i64, hash: &Hash) -> Hash {
    mac(key.bytes(), &[b"head", &rows.to_be_bytes(), hash])
}
