//! JSON as clients send it. A key that is given twice is refused wherever it stands, because of two values nobody can
//! know which one was meant.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Deserializer, Map, Number, Value};
use vmm_core::Problem;

use crate::error::Failure;

/// The longest part of a key that is repeated to its sender, in characters.
const SHOWN: usize = 64;

/// Reads JSON.
///
/// # Errors
/// `malformed` if it is not JSON, with the place; and if a key is given twice in one object, with its path.
pub(crate) fn read(bytes: &[u8]) -> Result<Value, Failure> {
    let twice = RefCell::new(None);
    let mut deserializer = Deserializer::from_slice(bytes);
    let read = Place { path: String::new(), twice: &twice }.deserialize(&mut deserializer);
    read.and_then(|value| deserializer.end().map(|()| value)).map_err(|error| match twice.take() {
        Some(path) => given_twice(&path, "is given twice; give it once"),
        None => Failure::malformed(match no_text(bytes) {
            Some(reason) => format!("the body {reason}"),
            None => format!("the body is not JSON: see line {}, column {}", error.line(), error.column()),
        }),
    })
}

/// Returns the name of a format that a client sent by mistake instead of JSON.
fn no_text(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        _ if bytes.trim_ascii().is_empty() => Some("is empty; send JSON"),
        [0x1f, 0x8b, ..] => Some("is compressed with gzip; send the JSON as it is"),
        [0xef, 0xbb, 0xbf, ..] => Some("begins with a byte order mark (BOM); send UTF-8 without one"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("is UTF-16; send UTF-8"),
        _ => None,
    }
}

/// The refusal of a key that is given more than once.
pub(crate) fn given_twice(path: &str, reason: &str) -> Failure {
    Failure::malformed_in(Problem::new(path, reason))
}

/// Where a key stands.
pub(crate) fn key_path(path: &str, key: &str) -> String {
    let key: String = key.chars().take(SHOWN).collect();
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

/// A value to be read, and where it stands.
struct Place<'a> {
    path: String,
    /// The path of a key that was given twice.
    twice: &'a RefCell<Option<String>>,
}

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Place<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut found = Vec::new();
        loop {
            let place = Place { path: format!("{}[{}]", self.path, found.len()), twice: self.twice };
            match items.next_element_seed(place)? {
                Some(item) => found.push(item),
                None => return Ok(Value::Array(found)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut found = Map::new();
        while let Some(key) = fields.next_key::<String>()? {
            let path = key_path(&self.path, &key);
            if found.contains_key(&key) {
                *self.twice.borrow_mut() = Some(path);
                return Err(A::Error::custom("a key is given twice"));
            }
            let value = fields.next_value_seed(Place { path, twice: self.twice })?;
            found.insert(key, value);
        }
        Ok(Value::Object(found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        format!("{:?}", read(text.as_bytes()).expect_err("it is refused"))
    }

    #[test]
    fn a_key_that_is_given_twice_is_named_with_its_place() {
        for (text, place) in [
            (r#"{"a": 1, "a": 1}"#, "a"),
            (r#"{"ssh": [{"command": "one"}, {"command": "s3cret", "x": 1, "command": "two"}]}"#, "ssh[1].command"),
            (r#"{"a": {"b": {"c": 1, "c": null}}}"#, "a.b.c"),
            (r#"{"caf\u00e9": 1, "café": 2}"#, "café"),
            (r#"[[{"a": 1, "a": 2}]]"#, "[0][0].a"),
        ] {
            let told = problem(text);
            assert!(told.contains(&format!("{place:?}")) && told.contains("given twice"), "{text}: {told}");
            assert!(!told.contains("s3cret"), "{told}");
        }
    }

    #[test]
    fn what_is_not_json_is_told_with_its_place() {
        for text in ["{", "{\"a\": 1} {", "nul", "[1,]"] {
            assert!(problem(text).contains("not JSON: see line 1"), "{text}");
        }
        for (text, reason) in [("", "is empty"), (" \n", "is empty"), ("\u{feff}{}", "byte order mark")] {
            assert!(problem(text).contains(reason), "{text}");
        }
    }

    #[test]
    fn everything_else_reads_as_it_is() {
        for text in [
            r#"{"a": [1, -2, 2.5, true, null, "x\n", {"b": {}}], "c": 18446744073709551615}"#,
            "[]",
            "3",
            "\"text\"",
            r#"[{"a": 1}, {"a": 2}]"#,
        ] {
            let expected: Value = serde_json::from_str(text).expect("JSON");
            assert_eq!(read(text.as_bytes()).expect("JSON"), expected, "{text}");
        }
    }
}
