//! Enumerations that are stored and sent as text.

/// The text is not a variant of the enumeration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} {given:?}, expected one of {}", expected.join(", "))]
pub struct UnknownVariant {
    /// Name of the enumeration, such as `session state`.
    pub what: &'static str,
    pub given: String,
    /// Valid texts.
    pub expected: &'static [&'static str],
}

/// Declares an enumeration with the text of each variant.
///
/// The macro generates `ALL`, `NAMES`, `as_str`, `AsRef<str>`, `Display` and `FromStr`, whose error is
/// [`UnknownVariant`].
#[macro_export]
macro_rules! string_enum {
    ($(#[$meta:meta])* $name:ident, $what:literal, { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// All variants in declaration order.
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];
            /// Texts of all variants in declaration order.
            pub const NAMES: &'static [&'static str] = &[$($word,)+];

            /// Returns the stored text of the variant.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word,)+ }
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
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
