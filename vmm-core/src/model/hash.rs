//! The macro that declares types of a SHA-256.

/// Declares a SHA-256 that people see: `Display` and `Debug` write 64 lower-case hexadecimal digits. With a field's
/// name and the thing that the digits were shown with, it is read from its text, and a wrong text is an error about
/// that field.
macro_rules! sha256_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name(pub [u8; 32]);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&$crate::text::hex(self.0))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    };
    ($(#[$doc:meta])* $name:ident, $field:literal, $thing:literal) => {
        $crate::model::hash::sha256_type!($(#[$doc])* $name);

        impl $crate::model::Spelled for $name {
            const PATTERN: Option<&'static str> = Some("^[0-9A-Fa-f]{64}$");
            const SHORTEST: Option<usize> = None;
            const LONGEST: Option<usize> = Some(64);
        }

        impl std::str::FromStr for $name {
            type Err = $crate::error::Error;

            fn from_str(text: &str) -> $crate::error::Result<Self> {
                let wrong = concat!("must be the 64 hexadecimal digits that ", $thing, " was shown with");
                $crate::text::from_hex(text).map(Self).ok_or_else(|| $crate::error::Error::invalid($field, wrong))
            }
        }
    };
}
pub(super) use sha256_type;
