//! How a row type describes itself, and how one comparison becomes a test of a row.

use crate::expr::{Match, Operator};
use crate::{Error, literal, regexp};
use regex::bytes::Regex;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

/// A compiled comparison.
pub(crate) type Test<T> = Box<dyn Fn(&T) -> bool + Send + Sync>;

/// The selectable fields of a row type, in any order. Names are compared exactly.
pub struct Schema<T: 'static> {
    /// The fields.
    pub fields: &'static [Field<T>],
}

/// A field: its name in selectors and how to reach it.
pub struct Field<T: 'static> {
    /// One part of a selector.
    pub name: &'static str,
    /// Its type with the accessor.
    pub kind: Kind<T>,
}

/// Field types (spec/http-api.md §6.2).
pub enum Kind<T: 'static> {
    /// A text.
    Text(fn(&T) -> &str),
    /// A truth value.
    Bool(fn(&T) -> bool),
    /// A signed integer.
    Int(fn(&T) -> i64),
    /// An unsigned integer of 8, 16, 32 or 64 bits.
    Uint(u8, fn(&T) -> u64),
    /// A list of texts.
    Texts(fn(&T) -> &[String]),
    /// A list of bytes, compared as numbers: an address, say.
    Bytes(fn(&T) -> &[u8]),
    /// A map from text to text.
    Map(fn(&T) -> &BTreeMap<String, String>),
    /// A map from text to lists of texts.
    Lists(fn(&T) -> &BTreeMap<String, Vec<String>>),
    /// An object, a list of objects or a map of objects.
    Nested(&'static dyn Nested<T>),
}

impl<T> Field<T> {
    /// A text.
    pub const fn text(name: &'static str, get: fn(&T) -> &str) -> Self {
        Self {
            name,
            kind: Kind::Text(get),
        }
    }

    /// A truth value.
    pub const fn bool(name: &'static str, get: fn(&T) -> bool) -> Self {
        Self {
            name,
            kind: Kind::Bool(get),
        }
    }

    /// A signed integer.
    pub const fn int(name: &'static str, get: fn(&T) -> i64) -> Self {
        Self {
            name,
            kind: Kind::Int(get),
        }
    }

    /// An unsigned integer of so many bits.
    pub const fn uint(name: &'static str, bits: u8, get: fn(&T) -> u64) -> Self {
        Self {
            name,
            kind: Kind::Uint(bits, get),
        }
    }

    /// A list of texts.
    pub const fn texts(name: &'static str, get: fn(&T) -> &[String]) -> Self {
        Self {
            name,
            kind: Kind::Texts(get),
        }
    }

    /// A map from text to text.
    pub const fn map(name: &'static str, get: fn(&T) -> &BTreeMap<String, String>) -> Self {
        Self {
            name,
            kind: Kind::Map(get),
        }
    }

    /// A map from text to lists of texts.
    pub const fn lists(name: &'static str, get: fn(&T) -> &BTreeMap<String, Vec<String>>) -> Self {
        Self {
            name,
            kind: Kind::Lists(get),
        }
    }

    /// An object, a list of objects or a map of objects.
    pub const fn nested(name: &'static str, nested: &'static dyn Nested<T>) -> Self {
        Self {
            name,
            kind: Kind::Nested(nested),
        }
    }
}

/// An object that may be absent; then no comparison inside it holds (spec/http-api.md §6.3, last exception).
pub struct Object<T: 'static, U: 'static> {
    /// Its fields.
    pub schema: &'static Schema<U>,
    /// Where it is.
    pub get: fn(&T) -> Option<&U>,
}

/// Whether any element of a list passes a test.
pub type AnyOf<T, U> = fn(&T, &dyn Fn(&U) -> bool) -> bool;

/// A list of objects. A comparison inside it holds if it holds for any element.
pub struct Objects<T: 'static, U: 'static> {
    /// Fields of an element.
    pub schema: &'static Schema<U>,
    /// Whether any element passes the given test.
    pub any: AnyOf<T, U>,
}

/// A map from text to objects.
pub struct Keyed<T: 'static, U: 'static> {
    /// Fields of a value.
    pub schema: &'static Schema<U>,
    /// The map.
    pub get: fn(&T) -> &BTreeMap<String, U>,
}

/// Something with fields of its own. Implemented by [`Object`], [`Objects`] and [`Keyed`]; not for others.
#[allow(private_interfaces, reason = "sealed by its argument types")]
pub trait Nested<T>: Sync + sealed::Sealed {
    #[doc(hidden)]
    fn test(&self, site: &Site<'_>) -> Result<Test<T>, Error>;
}

mod sealed {
    pub trait Sealed {}
    impl<T, U> Sealed for super::Object<T, U> {}
    impl<T, U> Sealed for super::Objects<T, U> {}
    impl<T, U> Sealed for super::Keyed<T, U> {}
}

/// The patterns of one expression: one budget, each compiled once.
#[derive(Default)]
pub(crate) struct Patterns {
    budget: regexp::Budget,
    known: HashMap<Vec<u8>, Regex>,
}

impl Patterns {
    fn compile(&mut self, pattern: &[u8]) -> Result<Regex, regexp::Error> {
        if let Some(known) = self.known.get(pattern) {
            return Ok(known.clone());
        }
        let made = self.budget.compile(pattern)?;
        self.known.insert(pattern.to_owned(), made.clone());
        Ok(made)
    }

    /// Bytes that they take, estimated.
    pub(crate) fn bytes(&self) -> usize {
        self.budget.taken()
    }
}

/// A comparison while its selector is being followed: `used` parts are resolved.
#[derive(Clone, Copy)]
pub(crate) struct Site<'a> {
    compare: &'a Match,
    used: usize,
    patterns: &'a RefCell<Patterns>,
}

impl<'a> Site<'a> {
    fn next(self) -> Option<(&'a str, Self)> {
        let part = self.compare.selector.get(self.used)?;
        Some((
            part,
            Self {
                used: self.used + 1,
                ..self
            },
        ))
    }

    /// The resolved part of the selector, dotted.
    fn selector(self) -> String {
        self.compare
            .selector
            .get(..self.used)
            .unwrap_or_default()
            .join(".")
    }

    fn invalid_operator<X>(self) -> Result<X, Error> {
        Err(Error::Operator {
            operator: self.compare.operator.name(),
            selector: self.selector(),
        })
    }

    /// Refuses a selector that goes on where nothing is inside.
    fn last(self) -> Result<(), Error> {
        match self.next() {
            Some((_, deeper)) => Err(Error::Selector(deeper.selector())),
            None => Ok(()),
        }
    }

    fn coerce<X>(self, parse: impl FnOnce(&str) -> Result<X, String>) -> Result<X, Error> {
        let value = &self.compare.value;
        let parsed = match std::str::from_utf8(value) {
            Ok(text) => parse(text),
            Err(_) => parse("\u{fffd}"),
        };
        parsed.map_err(|reason| Error::Coerce {
            value: literal::quote(value),
            selector: self.selector(),
            reason,
        })
    }
}

fn number_error(function: &str, text: &str, error: literal::NumberError) -> String {
    let quoted = literal::quote(text.as_bytes());
    format!("strconv.{function}: parsing {quoted}: {}", error.text())
}

impl<T: 'static> Schema<T> {
    pub(crate) fn test(
        &'static self,
        compare: &Match,
        patterns: &RefCell<Patterns>,
    ) -> Result<Test<T>, Error> {
        self.follow(Site {
            compare,
            used: 0,
            patterns,
        })
    }

    /// The field that the next part of the selector names. At the end of the selector the object itself is meant, which
    /// has no operators.
    fn follow(&'static self, site: Site<'_>) -> Result<Test<T>, Error> {
        let Some((name, inner)) = site.next() else {
            return site.invalid_operator();
        };
        match self.fields.iter().find(|f| f.name == name) {
            Some(field) => field.kind.test(inner),
            None => Err(Error::Selector(inner.selector())),
        }
    }
}

impl<T: 'static> Kind<T> {
    fn test(&'static self, site: Site<'_>) -> Result<Test<T>, Error> {
        match *self {
            Self::Nested(nested) => nested.test(&site),
            Self::Map(get) => map_test(get, site),
            Self::Lists(get) => lists_test(get, site),
            Self::Text(get) => {
                text_test(site).map(|test| -> Test<T> { Box::new(move |row| test(get(row))) })
            }
            Self::Bool(get) => {
                let (same, wanted) = equality(site, |text| {
                    literal::truth(text).ok_or_else(|| {
                        number_error("ParseBool", text, literal::NumberError::Syntax)
                    })
                })?;
                Ok(Box::new(move |row| (get(row) == wanted) == same))
            }
            Self::Int(get) => {
                let (same, wanted) = equality(site, |text| {
                    literal::signed(text).map_err(|e| number_error("ParseInt", text, e))
                })?;
                Ok(Box::new(move |row| (get(row) == wanted) == same))
            }
            Self::Uint(bits, get) => {
                let (same, wanted) = equality(site, |text| parse_unsigned(text, bits))?;
                Ok(Box::new(move |row| (get(row) == wanted) == same))
            }
            Self::Texts(get) => texts_test(get, site),
            Self::Bytes(get) => bytes_test(get, site),
        }
    }
}

fn parse_unsigned(text: &str, bits: u8) -> Result<u64, String> {
    literal::unsigned(text, bits).map_err(|e| number_error("ParseUint", text, e))
}

/// For types that know only `==` and `!=`: whether equality is wanted, and with what.
fn equality<X>(
    site: Site<'_>,
    parse: impl FnOnce(&str) -> Result<X, String>,
) -> Result<(bool, X), Error> {
    site.last()?;
    let same = match site.compare.operator {
        Operator::Equal => true,
        Operator::NotEqual => false,
        _ => return site.invalid_operator(),
    };
    site.coerce(parse).map(|value| (same, value))
}

type TextTest = Box<dyn Fn(&str) -> bool + Send + Sync>;

fn text_test(site: Site<'_>) -> Result<TextTest, Error> {
    site.last()?;
    let value = site.compare.value.clone();
    Ok(match site.compare.operator {
        Operator::Equal => Box::new(move |text| text.as_bytes() == value),
        Operator::NotEqual => Box::new(move |text| text.as_bytes() != value),
        Operator::In | Operator::NotIn => {
            let wanted = site.compare.operator == Operator::In;
            let finder = memchr::memmem::Finder::new(&value).into_owned();
            Box::new(move |text| finder.find(text.as_bytes()).is_some() == wanted)
        }
        Operator::Matches | Operator::NotMatches => {
            let wanted = site.compare.operator == Operator::Matches;
            let compiled = site.patterns.borrow_mut().compile(&value);
            let regex = compiled.map_err(|reason| Error::Regexp {
                pattern: literal::quote(&value),
                reason,
            })?;
            Box::new(move |text| regex.is_match(text.as_bytes()) == wanted)
        }
        Operator::IsEmpty | Operator::IsNotEmpty => return site.invalid_operator(),
    })
}

fn texts_test<T: 'static>(get: fn(&T) -> &[String], site: Site<'_>) -> Result<Test<T>, Error> {
    site.last()?;
    let value = site.compare.value.clone();
    Ok(match site.compare.operator {
        Operator::In => Box::new(move |row| get(row).iter().any(|t| t.as_bytes() == value)),
        Operator::NotIn => Box::new(move |row| get(row).iter().all(|t| t.as_bytes() != value)),
        Operator::IsEmpty => Box::new(move |row| get(row).is_empty()),
        Operator::IsNotEmpty => Box::new(move |row| !get(row).is_empty()),
        _ => return site.invalid_operator(),
    })
}

fn bytes_test<T: 'static>(get: fn(&T) -> &[u8], site: Site<'_>) -> Result<Test<T>, Error> {
    site.last()?;
    let operator = site.compare.operator;
    Ok(match operator {
        Operator::In | Operator::NotIn => {
            let wanted = site.coerce(|text| parse_unsigned(text, 8))?;
            let inside = operator == Operator::In;
            Box::new(move |row| get(row).iter().any(|b| u64::from(*b) == wanted) == inside)
        }
        Operator::IsEmpty => Box::new(move |row| get(row).is_empty()),
        Operator::IsNotEmpty => Box::new(move |row| !get(row).is_empty()),
        _ => return site.invalid_operator(),
    })
}

fn map_test<T: 'static>(
    get: fn(&T) -> &BTreeMap<String, String>,
    site: Site<'_>,
) -> Result<Test<T>, Error> {
    let Some((key, inner)) = site.next() else {
        return keys_test(get, site);
    };
    let test = text_test(inner)?;
    let absent = site.compare.operator.when_absent();
    let key = key.to_owned();
    Ok(Box::new(move |row| {
        get(row).get(&key).map_or(absent, |text| test(text))
    }))
}

fn lists_test<T: 'static>(
    get: fn(&T) -> &BTreeMap<String, Vec<String>>,
    site: Site<'_>,
) -> Result<Test<T>, Error> {
    let Some((key, inner)) = site.next() else {
        return keys_test(get, site);
    };
    let test = texts_test::<Vec<String>>(Vec::as_slice, inner)?;
    let absent = site.compare.operator.when_absent();
    let key = key.to_owned();
    Ok(Box::new(move |row| {
        get(row).get(&key).map_or(absent, &test)
    }))
}

/// Operators of a map itself.
fn keys_test<T: 'static, V: 'static>(
    get: fn(&T) -> &BTreeMap<String, V>,
    site: Site<'_>,
) -> Result<Test<T>, Error> {
    let operator = site.compare.operator;
    Ok(match operator {
        Operator::In | Operator::NotIn => {
            let inside = operator == Operator::In;
            // A key that is no text is in no map.
            let key = String::from_utf8(site.compare.value.clone()).ok();
            Box::new(move |row| {
                key.as_ref().is_some_and(|key| get(row).contains_key(key)) == inside
            })
        }
        Operator::IsEmpty => Box::new(move |row| get(row).is_empty()),
        Operator::IsNotEmpty => Box::new(move |row| !get(row).is_empty()),
        _ => return site.invalid_operator(),
    })
}

#[allow(private_interfaces, reason = "sealed by its argument types")]
impl<T: 'static, U: 'static> Nested<T> for Object<T, U> {
    fn test(&self, site: &Site<'_>) -> Result<Test<T>, Error> {
        let test = self.schema.follow(*site)?;
        let get = self.get;
        Ok(Box::new(move |row| get(row).is_some_and(&test)))
    }
}

#[allow(private_interfaces, reason = "sealed by its argument types")]
impl<T: 'static, U: 'static> Nested<T> for Objects<T, U> {
    fn test(&self, site: &Site<'_>) -> Result<Test<T>, Error> {
        let any = self.any;
        if site.next().is_some() {
            let test = self.schema.follow(*site)?;
            return Ok(Box::new(move |row| any(row, &test)));
        }
        Ok(match site.compare.operator {
            Operator::IsEmpty => Box::new(move |row| !any(row, &|_| true)),
            Operator::IsNotEmpty => Box::new(move |row| any(row, &|_| true)),
            _ => return site.invalid_operator(),
        })
    }
}

#[allow(private_interfaces, reason = "sealed by its argument types")]
impl<T: 'static, U: 'static> Nested<T> for Keyed<T, U> {
    fn test(&self, site: &Site<'_>) -> Result<Test<T>, Error> {
        let get = self.get;
        let Some((key, inner)) = site.next() else {
            return keys_test(get, *site);
        };
        let test = self.schema.follow(inner)?;
        let absent = site.compare.operator.when_absent();
        let key = key.to_owned();
        Ok(Box::new(move |row| {
            get(row).get(&key).map_or(absent, &test)
        }))
    }
}
