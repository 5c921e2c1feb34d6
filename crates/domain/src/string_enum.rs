//! Enumerations that are stored and sent as words.

/// A text that is none of the words an enumeration knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} {given:?}, expected one of {}", expected.join(", "))]
pub struct UnknownVariant {
    /// What was expected, in the reader's terms, such as `session state`.
    pub what: &'static str,
    /// The text that was given.
    pub given: String,
    /// Every word that would have been accepted.
    pub expected: &'static [&'static str],
}

/// Declares an enumeration whose variants are stored and sent as the given words.
///
/// It gets `ALL`, `NAMES`, `as_str`, `Display` and `FromStr`, so that the words stand in exactly one place.
macro_rules! string_enum {
    ($(#[$meta:meta])* $name:ident, $what:literal, { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// Every variant, in declaration order.
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];
            /// Every word, in declaration order.
            pub const NAMES: &'static [&'static str] = &[$($word,)+];

            /// The word this variant is stored and sent as.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word,)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::UnknownVariant;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($word => Ok($name::$variant),)+
                    _ => Err($crate::UnknownVariant { what: $what, given: text.to_owned(), expected: Self::NAMES }),
                }
            }
        }
    };
}
pub(crate) use string_enum;
