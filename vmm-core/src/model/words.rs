//! The macro that declares enums whose values are read from words.

/// Declares an enum with [`named`](super::named), and reads its values from their words: a wrong one is an error about
/// the field in which such a value stands.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $field:literal { $($values:tt)+ }) => {
        $crate::model::named!($(#[$doc])* $name { $($values)+ });

        impl std::str::FromStr for $name {
            type Err = $crate::error::Error;

            fn from_str(word: &str) -> $crate::error::Result<Self> {
                Self::of_word(word).ok_or_else(|| {
                    let words: Vec<_> = Self::ALL.iter().map(|value| value.as_str()).collect();
                    let reason = format!("{} is not one of {}", $crate::text::quoted(word), words.join(", "));
                    $crate::error::Error::invalid($field, reason)
                })
            }
        }
    };
}
pub(crate) use words;
