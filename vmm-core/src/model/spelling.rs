//! How texts are spelled, said once by the type of each, for those who describe them to clients.

/// A type of text whose spelling can be described. A text that the type accepts fits the description; the type may
/// refuse a text that fits, such as a reserved word.
pub trait Spelled {
    /// A regular expression (ECMA-262) that the whole text fits.
    const PATTERN: &'static str;
    /// The fewest characters, where the pattern does not say it.
    const SHORTEST: Option<usize>;
    /// The most characters, where the pattern does not say it.
    const LONGEST: Option<usize>;
}

/// Text without a NUL character.
pub(super) const NO_NUL: &str = r"^[^\u0000]*$";
