//! Enums of words that are the same on the wire and in a table.

/// Makes an enum whose variants are words: `word()` and `FromStr` for the table, serde for the wire.
macro_rules! words {
    ($(#[$attribute:meta])* $name:ident, $expected:literal {
        $($(#[$about:meta])* $variant:ident = $word:literal,)+
    }) => {
        $(#[$attribute])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, serde::Deserialize, utoipa::ToSchema,
        )]
        pub enum $name {
            $($(#[$about])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word on the wire and in the table.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = platform::id::NotAnId;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(platform::id::NotAnId { expected: $expected }),
                }
            }
        }
    };
}
