//! The spelling of texts, stated once by the type of each text and described to clients from there.

/// A type of text whose spelling can be described. A text that the type accepts fits the description; the type may
/// refuse a text that fits, such as a reserved word.
pub trait Spelled {
    /// A regular expression (ECMA-262) that the whole text fits; `None` if it may hold any character.
    const PATTERN: Option<&'static str>;
    /// The fewest characters, where the pattern does not say it.
    const SHORTEST: Option<usize>;
    /// The most characters, where the pattern does not say it.
    const LONGEST: Option<usize>;
}

/// The characters of a text.
pub(super) struct Spelling {
    /// The pattern that the whole text fits.
    pub(super) pattern: Option<&'static str>,
    /// Tells whether the text may hold a character.
    pub(super) allows: fn(char) -> bool,
}

/// Any character.
pub(super) const ANY: Spelling = Spelling { pattern: None, allows: |_| true };
/// Any character but NUL.
pub(super) const NO_NUL: Spelling = Spelling { pattern: Some(r"^[^\u0000]*$"), allows: |c| c != '\0' };
/// No control character.
pub(super) const LINE: Spelling =
    Spelling { pattern: Some(r"^[^\u0000-\u001f\u007f-\u009f]*$"), allows: |c| !c.is_control() };
/// No control character but tabs and line breaks.
pub(super) const LINES: Spelling = Spelling {
    pattern: Some(r"^[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*$"),
    allows: |c| !c.is_control() || c == '\n' || c == '\t',
};
