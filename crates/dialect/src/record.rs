//! [`record!`](crate::record!): one description of a struct, both codecs from it.
//!
//! ```
//! use dialect::{record, Dict};
//!
//! record! {
//!     /// Where an entry stands in the log.
//!     pub struct Indexes {
//!         create: u64 = "CreateIndex",
//!         modify: u64 = "ModifyIndex",
//!     }
//! }
//!
//! record! {
//!     /// A machine.
//!     pub struct Machine {
//!         name: String = "Node",
//!         meta: Dict<String> = "Meta" [omit],
//!         #flatten indexes: Indexes,
//!     }
//! }
//!
//! let machine = Machine { name: "a".into(), ..Machine::default() };
//! assert_eq!(dialect::json::to_string(&machine), r#"{"Node":"a","CreateIndex":0,"ModifyIndex":0}"#);
//! ```
//!
//! A struct whose Go name differs says so after its own (`pub struct AclToken = "ACLToken" { … }`): error texts carry it.
//!
//! Every field is public and the struct derives `Clone, Debug, Default, PartialEq`. The name after `=` is the Go name: the
//! msgpack key, and the JSON name unless told otherwise. Options, in brackets:
//!
//! | option | effect |
//! |---|---|
//! | `omit` | JSON output leaves the field out when it is empty (Go's `omitempty`); a nested record is empty when all its fields are |
//! | `json = "x"` | another JSON name |
//! | `alias = "x"` | one more spelling in JSON input; up to [`MAX_ALIASES`] |
//! | `no_json` | never in JSON, in neither direction |
//! | `no_wire` | never in msgpack |
//! | `wire_omit` | msgpack leaves the field out when it is zero |
//! | `nil_empty` | JSON output shows a nil list or map as an empty one |
//! | `lax` | unknown members of that object itself (not of objects inside) are accepted even in strict mode |
//!
//! `#flatten name: Type` inlines the fields of another record, in both codecs. msgpack keys go out in byte order over the
//! flattened set; the order is computed by the compiler.

use crate::json;
use crate::msgpack::{self, RecordHead};

/// Most other spellings a field can have.
pub const MAX_ALIASES: usize = 4;

/// What the description says about one field.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// The Go name: the msgpack key.
    pub go: &'static str,
    /// The name in JSON.
    pub json: &'static str,
    /// Other spellings in JSON input; unused places are empty.
    pub aliases: [&'static str; MAX_ALIASES],
    /// Left out of JSON output when empty.
    pub omit: bool,
    /// Never in JSON.
    pub no_json: bool,
    /// Never in msgpack.
    pub no_wire: bool,
    /// Left out of msgpack when zero.
    pub wire_omit: bool,
    /// nil is shown as empty in JSON.
    pub nil_empty: bool,
    /// Unknown members of the object itself are accepted.
    pub lax: bool,
}

impl Spec {
    /// A plain field of that name.
    pub const fn new(go: &'static str) -> Self {
        Spec {
            go,
            json: go,
            aliases: [""; MAX_ALIASES],
            omit: false,
            no_json: false,
            no_wire: false,
            wire_omit: false,
            nil_empty: false,
            lax: false,
        }
    }

    /// With one more spelling.
    pub const fn with_alias(mut self, name: &'static str) -> Self {
        let mut at = 0;
        while !self.aliases[at].is_empty() {
            at += 1;
        }
        self.aliases[at] = name;
        self
    }

    fn answers_to(&self, name: &str) -> bool {
        let aliases = self.aliases.iter().filter(|alias| !alias.is_empty());
        std::iter::once(&self.json)
            .chain(aliases)
            .any(|own| own.eq_ignore_ascii_case(name))
    }
}

/// One declared field: its own, or all of an inlined record.
#[derive(Clone, Copy, Debug)]
pub enum Part {
    /// A field.
    One(Spec),
    /// The flattened fields of an inlined record.
    Flat(&'static [Spec]),
}

/// A key of the msgpack form and the number of its field in the flattened declaration.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The key.
    pub name: &'static str,
    /// The field's number.
    pub field: u16,
}

/// What [`record!`](crate::record!) generates; the codecs are written against this. Fields are numbered in the order of
/// the flattened declaration.
pub trait Record: Default {
    /// The struct's name in error texts.
    const NAME: &'static str;
    /// All fields.
    const FIELDS: &'static [Spec];
    /// The msgpack keys in the order written.
    const KEYS: &'static [Key];
    /// Whether some field may be left out of msgpack.
    const SPARSE: bool;

    /// Writes the value of a field.
    fn encode_field(&self, field: usize, w: &mut msgpack::Writer<'_>);
    /// Whether a field is zero.
    fn zero_field(&self, field: usize) -> bool;
    /// Reads the value of a field.
    fn decode_field(
        &mut self,
        field: usize,
        r: &mut msgpack::Reader<'_>,
    ) -> Result<(), msgpack::Error>;
    /// Reads the value of a field.
    fn read_field(&mut self, field: usize, r: &mut json::Reader<'_>);
    /// Whether every member of the JSON object is empty.
    fn empty_members(&self) -> bool;
    /// Writes the members of the JSON object.
    fn write_members(&self, w: &mut json::Writer<'_>);
}

/// Writes a record as a msgpack map.
pub fn encode<R: Record>(record: &R, w: &mut msgpack::Writer<'_>) {
    let left_out = |key: &Key| {
        R::FIELDS[usize::from(key.field)].wire_omit && record.zero_field(usize::from(key.field))
    };
    if !R::SPARSE {
        w.map(R::KEYS.len());
        for key in R::KEYS {
            w.str(key.name);
            record.encode_field(usize::from(key.field), w);
        }
        return;
    }
    w.map(R::KEYS.iter().filter(|key| !left_out(key)).count());
    for key in R::KEYS.iter().filter(|key| !left_out(key)) {
        w.str(key.name);
        record.encode_field(usize::from(key.field), w);
    }
}

/// Reads a record from a msgpack map (or array); unknown keys are skipped.
pub fn decode<R: Record>(r: &mut msgpack::Reader<'_>) -> Result<R, msgpack::Error> {
    let mut record = R::default();
    match r.record_head()? {
        RecordHead::Nil => {}
        RecordHead::Map(len) => r.deeper(|r| {
            // Writers sort their keys, so the next one is nearly always the one after the last.
            let mut next = 0;
            for _ in 0..len {
                let name = r.str_bytes()?;
                let found = match R::KEYS.get(next) {
                    Some(key) if key.name.as_bytes() == name => Some(next),
                    _ => R::KEYS
                        .binary_search_by(|key| key.name.as_bytes().cmp(name))
                        .ok(),
                };
                match found {
                    Some(at) => {
                        record.decode_field(usize::from(R::KEYS[at].field), r)?;
                        next = at + 1;
                    }
                    None => r.skip()?,
                }
            }
            Ok(())
        })?,
        RecordHead::Array(len) => r.deeper(|r| {
            let mut fields = R::FIELDS
                .iter()
                .enumerate()
                .filter(|(_, spec)| !spec.no_wire);
            for _ in 0..len {
                match fields.next() {
                    Some((field, _)) => record.decode_field(field, r)?,
                    None => r.skip()?,
                }
            }
            Ok(())
        })?,
    }
    Ok(record)
}

/// Writes a record as a JSON object.
#[inline]
pub fn write_json<R: Record>(record: &R, w: &mut json::Writer<'_>) {
    w.begin_object();
    record.write_members(w);
    w.end_object();
}

/// Reads a record from a JSON object, over what it holds.
pub fn read_json<R: Record>(record: &mut R, r: &mut json::Reader<'_>) {
    match r.kind() {
        json::Kind::Object => r.object(|r, name| match field_named::<R>(name) {
            Some((field, spec)) => r.field(R::NAME, spec.json, spec.lax, |r| {
                record.read_field(field, r)
            }),
            None => r.unknown_member(name),
        }),
        json::Kind::Null => r.skip(),
        _ => {
            let wanted = format!("structs.{}", R::NAME);
            r.mismatch(&wanted);
        }
    }
}

/// The field a JSON member belongs to: the exact name first, then any spelling without case.
fn field_named<R: Record>(name: &str) -> Option<(usize, &'static Spec)> {
    let fields = || {
        R::FIELDS
            .iter()
            .enumerate()
            .filter(|(_, spec)| !spec.no_json)
    };
    fields()
        .find(|(_, spec)| spec.json == name)
        .or_else(|| fields().find(|(_, spec)| spec.answers_to(name)))
}

/// Number of fields of the flattened declaration.
pub const fn count(parts: &[Part]) -> usize {
    let (mut at, mut total) = (0, 0);
    while at < parts.len() {
        total += match parts[at] {
            Part::One(_) => 1,
            Part::Flat(fields) => fields.len(),
        };
        at += 1;
    }
    total
}

/// The flattened declaration.
pub const fn flatten<const N: usize>(parts: &[Part]) -> [Spec; N] {
    let mut out = [Spec::new(""); N];
    let (mut at, mut to) = (0, 0);
    while at < parts.len() {
        match parts[at] {
            Part::One(spec) => {
                out[to] = spec;
                to += 1;
            }
            Part::Flat(fields) => {
                let mut inner = 0;
                while inner < fields.len() {
                    out[to] = fields[inner];
                    to += 1;
                    inner += 1;
                }
            }
        }
        at += 1;
    }
    out
}

/// For each field of the flattened declaration: which declared field, and which number inside that one.
pub const fn route<T: Copy, const N: usize>(names: &[T], parts: &[Part]) -> [(Option<T>, u16); N] {
    let mut out = [(None, 0); N];
    let (mut at, mut to) = (0, 0);
    while at < parts.len() {
        let width = match parts[at] {
            Part::One(_) => 1,
            Part::Flat(fields) => fields.len(),
        };
        let mut inner = 0;
        while inner < width {
            out[to] = (Some(names[at]), inner as u16);
            to += 1;
            inner += 1;
        }
        at += 1;
    }
    out
}

/// Number of fields with a msgpack key.
pub const fn count_keys(fields: &[Spec]) -> usize {
    let (mut at, mut total) = (0, 0);
    while at < fields.len() {
        total += !fields[at].no_wire as usize;
        at += 1;
    }
    total
}

/// Whether some field may be left out of msgpack.
pub const fn sparse(fields: &[Spec]) -> bool {
    let mut at = 0;
    while at < fields.len() {
        if fields[at].wire_omit && !fields[at].no_wire {
            return true;
        }
        at += 1;
    }
    false
}

/// The msgpack keys in byte order. Two equal keys do not compile.
pub const fn sort_keys<const N: usize>(fields: &[Spec]) -> [Key; N] {
    let mut out = [Key { name: "", field: 0 }; N];
    let (mut at, mut len) = (0, 0);
    while at < fields.len() {
        if !fields[at].no_wire {
            let mut to = len;
            while to > 0 && before(fields[at].go, out[to - 1].name) {
                out[to] = out[to - 1];
                to -= 1;
            }
            out[to] = Key {
                name: fields[at].go,
                field: at as u16,
            };
            len += 1;
        }
        at += 1;
    }
    out
}

/// Whether `a` sorts before `b` by bytes.
const fn before(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut at = 0;
    while at < a.len() && at < b.len() {
        if a[at] != b[at] {
            return a[at] < b[at];
        }
        at += 1;
    }
    assert!(
        a.len() != b.len(),
        "a record has two fields with the same msgpack key"
    );
    a.len() < b.len()
}

/// Describes a struct; see the [module](crate::record).
#[macro_export]
macro_rules! record {
    ($(
        $(#[$meta:meta])*
        $vis:vis struct $name:ident $(= $called:literal)? {
            $(
                $(#[$field_meta:meta])*
                $(# $flat:ident)? $field:ident : $kind:ty $(= $go:literal)? $([ $($options:tt)* ])?
            ),* $(,)?
        }
    )+) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq)]
        $vis struct $name {
            $(
                $(#[$field_meta])*
                #[allow(missing_docs)]
                pub $field: $kind,
            )*
        }

        const _: () = {
            #[allow(non_camel_case_types, dead_code)]
            #[derive(Clone, Copy)]
            enum Name { $($field),* }

            const PARTS: &[$crate::record::Part] = &[
                $($crate::__record!(@part [$($flat)?] $kind, [$($go)?], [$($($options)*)?])),*
            ];
            const COUNT: usize = $crate::record::count(PARTS);
            const FIELDS: [$crate::record::Spec; COUNT] = $crate::record::flatten(PARTS);
            const ROUTE: [(Option<Name>, u16); COUNT] = $crate::record::route(&[$(Name::$field),*], PARTS);
            const KEY_COUNT: usize = $crate::record::count_keys(&FIELDS);

            #[allow(unused_variables)]
            impl $crate::record::Record for $name {
                const NAME: &'static str = $crate::__record!(@name $name, [$($called)?]);
                const FIELDS: &'static [$crate::record::Spec] = &FIELDS;
                const KEYS: &'static [$crate::record::Key] = {
                    const KEYS: [$crate::record::Key; KEY_COUNT] = $crate::record::sort_keys(&FIELDS);
                    &KEYS
                };
                const SPARSE: bool = $crate::record::sparse(&FIELDS);

                fn encode_field(&self, field: usize, w: &mut $crate::msgpack::Writer<'_>) {
                    let Some((name, inner)) = ROUTE.get(field).copied() else { return };
                    match name {
                        $(Some(Name::$field) => $crate::__record!(@encode [$($flat)?] &self.$field, inner, w),)*
                        None => {}
                    }
                }

                fn zero_field(&self, field: usize) -> bool {
                    let Some((name, inner)) = ROUTE.get(field).copied() else { return true };
                    match name {
                        $(Some(Name::$field) => $crate::__record!(@zero [$($flat)?] &self.$field, inner),)*
                        None => true,
                    }
                }

                fn decode_field(
                    &mut self,
                    field: usize,
                    r: &mut $crate::msgpack::Reader<'_>,
                ) -> Result<(), $crate::msgpack::Error> {
                    let Some((name, inner)) = ROUTE.get(field).copied() else { return Ok(()) };
                    match name {
                        $(Some(Name::$field) => $crate::__record!(@decode [$($flat)?] self.$field, inner, r),)*
                        None => {}
                    }
                    Ok(())
                }

                fn read_field(&mut self, field: usize, r: &mut $crate::json::Reader<'_>) {
                    let Some((name, inner)) = ROUTE.get(field).copied() else { return };
                    match name {
                        $(Some(Name::$field) => $crate::__record!(@read [$($flat)?] &mut self.$field, inner, r),)*
                        None => {}
                    }
                }

                fn empty_members(&self) -> bool {
                    true $(&& $crate::__record!(@empty [$($flat)?] &self.$field))*
                }

                fn write_members(&self, w: &mut $crate::json::Writer<'_>) {
                    $($crate::__record!(@write [$($flat)?] &self.$field, [$($go)?], [$($($options)*)?], w);)*
                }
            }

            impl $crate::msgpack::Encode for $name {
                fn encode(&self, w: &mut $crate::msgpack::Writer<'_>) {
                    $crate::record::encode(self, w);
                }
            }

            impl $crate::msgpack::Decode for $name {
                fn decode(r: &mut $crate::msgpack::Reader<'_>) -> Result<Self, $crate::msgpack::Error> {
                    $crate::record::decode(r)
                }
            }

            impl $crate::json::ToJson for $name {
                fn write_json(&self, w: &mut $crate::json::Writer<'_>) {
                    $crate::record::write_json(self, w);
                }

                fn is_empty_json(&self) -> bool {
                    $crate::record::Record::empty_members(self)
                }
            }

            impl $crate::json::FromJson for $name {
                fn read_json(&mut self, r: &mut $crate::json::Reader<'_>) {
                    $crate::record::read_json(self, r);
                }

                fn go_type() -> std::borrow::Cow<'static, str> {
                    concat!("structs.", $crate::__record!(@name $name, [$($called)?])).into()
                }
            }
        };
    )+};
}

/// The pieces of [`record!`] that differ for inlined fields, and the options.
#[doc(hidden)]
#[macro_export]
macro_rules! __record {
    (@name $name:ident, []) => { stringify!($name) };
    (@name $name:ident, [$called:literal]) => { $called };
    (@part [] $kind:ty, [$go:literal], [$($options:tt)*]) => {
        $crate::record::Part::One($crate::__record!(@spec $crate::record::Spec::new($go); $($options)*))
    };
    (@part [flatten] $kind:ty, [], []) => {
        $crate::record::Part::Flat(<$kind as $crate::record::Record>::FIELDS)
    };

    (@spec $spec:expr;) => { $spec };
    (@spec $spec:expr; omit $(, $($rest:tt)*)?) => {
        $crate::__record!(@spec $crate::record::Spec { omit: true, ..$spec }; $($($rest)*)?)
    };
    (@spec $spec:expr; no_json $(, $($rest:tt)*)?) => {
        $crate::__record!(@spec $crate::record::Spec { no_json: true, ..$spec }; $($($rest)*)?)
    };
    (@spec $spec:expr; no_wire $(, $($rest:tt)*)?) => {
        $crate::__record!(@spec $crate::record::Spec { no_wire: true, ..$spec }; $($($rest)*)?)
    };
    (@spec $spec:expr; wire_omit $(, $($rest:tt)*)?) => {
        $crate::__record!(@spec $crate::record::Spec { wire_omit: true, ..$spec }; $($($rest)*)?)
    };
    (@spec $spec:expr; nil_empty $(, $($rest:tt)*)?) => {
        $crate::__record!(@spec $crate::record::Spec { nil_empty: true, ..$spec }; $($($rest)*)?)
    };
    (@spec $spec:expr; lax $(, $($rest:tt)*)?) => {
        $crate::__record!(@spec $crate::record::Spec { lax: true, ..$spec }; $($($rest)*)?)
    };
    (@spec $spec:expr; json = $json:literal $(, $($rest:tt)*)?) => {
        $crate::__record!(@spec $crate::record::Spec { json: $json, ..$spec }; $($($rest)*)?)
    };
    (@spec $spec:expr; alias = $alias:literal $(, $($rest:tt)*)?) => {
        $crate::__record!(@spec $spec.with_alias($alias); $($($rest)*)?)
    };

    (@encode [] $value:expr, $inner:expr, $w:ident) => { $crate::msgpack::Encode::encode($value, $w) };
    (@encode [flatten] $value:expr, $inner:expr, $w:ident) => {
        $crate::record::Record::encode_field($value, usize::from($inner), $w)
    };

    (@zero [] $value:expr, $inner:expr) => { $crate::msgpack::Encode::is_zero($value) };
    (@zero [flatten] $value:expr, $inner:expr) => { $crate::record::Record::zero_field($value, usize::from($inner)) };

    (@decode [] $place:expr, $inner:expr, $r:ident) => { $place = $crate::msgpack::Decode::decode($r)? };
    (@decode [flatten] $place:expr, $inner:expr, $r:ident) => {
        $crate::record::Record::decode_field(&mut $place, usize::from($inner), $r)?
    };

    (@read [] $value:expr, $inner:expr, $r:ident) => { $crate::json::FromJson::read_json($value, $r) };
    (@read [flatten] $value:expr, $inner:expr, $r:ident) => {
        $crate::record::Record::read_field($value, usize::from($inner), $r)
    };

    (@empty [] $value:expr) => { $crate::json::ToJson::is_empty_json($value) };
    (@empty [flatten] $value:expr) => { $crate::record::Record::empty_members($value) };

    (@write [] $value:expr, [$go:literal], [$($options:tt)*], $w:ident) => {{
        const SPEC: $crate::record::Spec = $crate::__record!(@spec $crate::record::Spec::new($go); $($options)*);
        let value = $value;
        if !SPEC.no_json && !(SPEC.omit && $crate::json::ToJson::is_empty_json(value)) {
            $w.key(SPEC.json);
            if SPEC.nil_empty {
                $crate::json::ToJson::write_json_nil_empty(value, $w);
            } else {
                $crate::json::ToJson::write_json(value, $w);
            }
        }
    }};
    (@write [flatten] $value:expr, [], [], $w:ident) => { $crate::record::Record::write_members($value, $w) };
}
