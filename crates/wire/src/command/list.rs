//! What follows from the list of commands: the enum, their type bytes and names, their bodies' codec.
//!
//! The commands of a restore stand here: their bodies are no records.

/// The guess of a body's size in the log, bytes.
pub(super) fn size_of<B>(body: &B, hint: impl FnOnce(&B) -> usize) -> usize {
    hint(body)
}

macro_rules! commands {
    ($(
        $(#[$doc:meta])*
        $variant:ident($stored:ty) of $body:ty = $kind:ident $(| $flag:ident)?, $hint:expr;
    )*) => {
        /// A decoded log command.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Command {
            $($(#[$doc])* $variant($stored),)*
            /// A restore begins; the archive's own index. A second begin drops what an earlier one collected. The outcome is
            /// the index it was applied at, by which its pieces name it.
            RestoreBegin(u64),
            /// The next bytes of the archive's `state.bin`, as written before pieces had a place; refused in a restore whose
            /// have.
            RestoreChunk(Bytes),
            /// The end of a restore whose pieces had no place.
            RestoreCommit,
            /// The next bytes of the archive's `state.bin`. Refused when they are not the next of that restore.
            RestorePiece(RestorePlace, Bytes),
            /// The restore is complete, its place is behind the last piece: the collected root replaces the current one.
            RestoreEnd(RestorePlace),
            /// What a restore has collected is let go: nobody will end it.
            RestoreAbort,
            /// A type that this version does not know and that may be skipped; carries the type without its flag.
            Ignored(u8),
        }

        /// The commands that change rows: type byte without its flag, and name.
        pub const COMMANDS: &[(u8, &str)] = &[$((kind::$kind, stringify!($variant))),*];

        impl Command {
            /// The type byte as it is logged.
            pub fn kind(&self) -> u8 {
                match self {
                    $(Self::$variant(_) => kind::$kind $(| kind::$flag)?,)*
                    Self::RestoreBegin(_) => kind::RESTORE_BEGIN,
                    Self::RestoreChunk(_) => kind::RESTORE_CHUNK,
                    Self::RestoreCommit => kind::RESTORE_COMMIT,
                    Self::RestorePiece(..) => kind::RESTORE_PIECE,
                    Self::RestoreEnd(_) => kind::RESTORE_END,
                    Self::RestoreAbort => kind::RESTORE_ABORT,
                    Self::Ignored(kind) => kind | kind::IGNORE_UNKNOWN,
                }
            }

            /// Whether a body of this type can be decoded.
            fn listed(kind: u8) -> bool {
                matches!(
                    kind,
                    $(kind::$kind)|*
                        | kind::RESTORE_BEGIN
                        | kind::RESTORE_CHUNK
                        | kind::RESTORE_COMMIT
                        | kind::RESTORE_PIECE
                        | kind::RESTORE_END
                        | kind::RESTORE_ABORT
                )
            }

            /// A guess of the entry's size, bytes.
            fn size_hint(&self) -> usize {
                match self {
                    $(Self::$variant(body) => list::size_of::<$body>(body, $hint),)*
                    Self::RestoreChunk(bytes) | Self::RestorePiece(_, bytes) => 32 + bytes.len(),
                    _ => 32,
                }
            }

            fn encode_body(&self, w: &mut Writer<'_>) {
                match self {
                    $(Self::$variant(body) => <$body as Encode>::encode(body, w),)*
                    Self::RestoreBegin(index) => w.uint(*index),
                    Self::RestoreChunk(bytes) => w.raw(bytes),
                    Self::RestorePiece(place, bytes) => {
                        w.array(3);
                        w.uint(place.restore);
                        w.uint(place.sequence);
                        w.raw(bytes);
                    }
                    Self::RestoreEnd(place) => {
                        w.array(2);
                        w.uint(place.restore);
                        w.uint(place.sequence);
                    }
                    Self::RestoreCommit | Self::RestoreAbort | Self::Ignored(_) => w.nil(),
                }
            }

            /// `None` for a type that is not in the list.
            fn decode_body(kind: u8, r: &mut Reader<'_>) -> Option<Result<Self, Error>> {
                Some(match kind {
                    $(kind::$kind => r.value::<$body>().map(|body| Self::$variant(body.into())),)*
                    kind::RESTORE_BEGIN => r.uint().map(Self::RestoreBegin),
                    kind::RESTORE_CHUNK => r
                        .owned_bytes()
                        .map(|bytes| Self::RestoreChunk(bytes.unwrap_or_default())),
                    kind::RESTORE_COMMIT => Ok(Self::RestoreCommit),
                    kind::RESTORE_PIECE => codec::place(r, 3).and_then(|place| {
                        let bytes = r.owned_bytes()?.unwrap_or_default();
                        Ok(Self::RestorePiece(place, bytes))
                    }),
                    kind::RESTORE_END => codec::place(r, 2).map(Self::RestoreEnd),
                    kind::RESTORE_ABORT => Ok(Self::RestoreAbort),
                    _ => return None,
                })
            }
        }
    };
}
