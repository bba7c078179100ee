//! The problems of an input: the first problems, and how many there are.

use std::fmt;
use std::ops::Deref;

use crate::text::cut;

/// One thing wrong with one field of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Row of a table as a spreadsheet numbers it: the first row is 1, and blank rows count.
    pub row: Option<u32>,
    /// The field's name, or the table column's.
    pub field: String,
    /// The mistake, and what would be right.
    pub reason: String,
}

impl Problem {
    /// A problem with a field.
    pub fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { row: None, field: field.into(), reason: reason.into() }
    }

    /// A problem with one column of one row of a table.
    pub fn at(row: u32, column: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { row: Some(row), field: column.into(), reason: reason.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.row {
            Some(row) => write!(f, "row {row}, column {}: {}", self.field, self.reason),
            None => write!(f, "{}: {}", self.field, self.reason),
        }
    }
}

/// The first problems of an input, and how many problems there are.
///
/// It never grows out of proportion to what a person can read, whatever the input is: at most [`KEPT`](Self::KEPT)
/// problems and [`TEXT`](Self::TEXT) bytes of text are kept, and all further ones are counted. Its `Display` names ten.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    kept: Vec<Problem>,
    total: usize,
    text: usize,
}

impl Problems {
    /// The number of problems that are kept.
    pub const KEPT: usize = 100;
    /// The number of bytes of text that the kept problems have together.
    pub const TEXT: usize = 24 << 10;
    /// The longest name of a field, in bytes.
    const FIELD: usize = 128;
    /// The longest reason, in bytes.
    const REASON: usize = 512;
    /// The number of problems that are named in one line.
    const NAMED: usize = 10;

    /// No problem.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts a problem, and keeps it if there is room.
    pub fn push(&mut self, problem: Problem) {
        self.total += 1;
        if self.is_full() {
            return;
        }
        let Problem { row, field, reason } = problem;
        let (field, reason) = (cut(field, Self::FIELD), cut(reason, Self::REASON));
        let text = self.text + field.len() + reason.len();
        if text > Self::TEXT {
            // Nothing is kept behind what was left out.
            self.text = Self::TEXT;
            return;
        }
        self.text = text;
        self.kept.push(Problem { row, field, reason });
    }

    /// Counts problems that nobody described.
    pub fn count(&mut self, further: usize) {
        self.total += further;
        if further > 0 {
            self.text = Self::TEXT;
        }
    }

    /// Returns whether further problems are counted only, so that they need not be described.
    pub fn is_full(&self) -> bool {
        self.kept.len() >= Self::KEPT || self.text >= Self::TEXT
    }

    /// Returns the number of problems, with those that are not kept.
    pub fn total(&self) -> usize {
        self.total
    }

    /// Changes every kept problem, for instance to name where its field stands.
    #[must_use]
    pub fn map(self, change: impl FnMut(Problem) -> Problem) -> Self {
        let counted = self.total - self.kept.len();
        let mut changed: Self = self.kept.into_iter().map(change).collect();
        changed.count(counted);
        changed
    }

    /// Adds the problems of another input.
    pub fn append(&mut self, others: Self) {
        let counted = others.total - others.kept.len();
        others.kept.into_iter().for_each(|problem| self.push(problem));
        self.count(counted);
    }
}

impl Deref for Problems {
    type Target = [Problem];

    fn deref(&self) -> &[Problem] {
        &self.kept
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self::from_iter([problem])
    }
}

impl From<Vec<Problem>> for Problems {
    fn from(problems: Vec<Problem>) -> Self {
        Self::from_iter(problems)
    }
}

impl FromIterator<Problem> for Problems {
    fn from_iter<I: IntoIterator<Item = Problem>>(problems: I) -> Self {
        let mut kept = Self::new();
        problems.into_iter().for_each(|problem| kept.push(problem));
        kept
    }
}

impl IntoIterator for Problems {
    type Item = Problem;
    type IntoIter = std::vec::IntoIter<Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.kept.into_iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut named = 0;
        for problem in self.kept.iter().take(Self::NAMED) {
            let separator = if named > 0 { "; " } else { "" };
            write!(f, "{separator}{problem}")?;
            named += 1;
        }
        match self.total - named {
            0 => Ok(()),
            1 => f.write_str("; and 1 more problem"),
            others => write!(f, "; and {others} more problems"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_problems_are_kept_and_all_are_counted() {
        let problems: Problems = (1..=5_000).map(|row| Problem::at(row, "vcpu", "is wrong")).collect();
        assert_eq!((problems.len(), problems.total()), (100, 5_000));
        assert!(problems.to_string().ends_with("row 10, column vcpu: is wrong; and 4990 more problems"), "{problems}");
        let mut both = problems.clone().map(|problem| Problem { field: format!("x.{}", problem.field), ..problem });
        both.append(problems);
        assert_eq!((both.len(), both.total(), both[99].field.as_str()), (100, 10_000, "x.vcpu"));
    }

    #[test]
    fn the_text_of_all_problems_is_bounded() {
        let long: Problems = (0..200).map(|_| Problem::new("ä".repeat(50_000), "ö".repeat(50_000))).collect();
        let bytes: usize = long.iter().map(|problem| problem.field.len() + problem.reason.len()).sum();
        assert!(bytes <= Problems::TEXT, "{bytes}");
        assert_eq!(long.total(), 200);
        assert!(long.to_string().len() < 8 << 10);
        assert!(long[0].reason.ends_with("… (cut; 100000 bytes in all)"), "{}", long[0].reason);
    }

    #[test]
    fn one_problem_is_told_as_it_is() {
        assert_eq!(Problems::from(Problem::new("name", "is empty")).to_string(), "name: is empty");
        let two: Problems = (1..=11).map(|row| Problem::at(row, "a", "b")).collect();
        assert!(two.to_string().ends_with("; and 1 more problem"));
    }
}
