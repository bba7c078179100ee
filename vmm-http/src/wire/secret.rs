//! Secrets on the wire.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
use serde_json::Value;
use vmm_core::model::{ShownSecret, Spelled};
use vmm_core::{ExposeSecret, SecretString};

/// A string of format `password`, with the length and the pattern of `T`. `Debug` does not show it, and neither does an
/// error about it.
pub(crate) struct Secret<T = ShownSecret>(SecretString, PhantomData<fn() -> T>);

impl<T> From<SecretString> for Secret<T> {
    fn from(secret: SecretString) -> Self {
        Self(secret, PhantomData)
    }
}

impl<T> From<Secret<T>> for SecretString {
    fn from(secret: Secret<T>) -> Self {
        secret.0
    }
}

impl<T> Clone for Secret<T> {
    fn clone(&self) -> Self {
        self.0.clone().into()
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl<T: Spelled> Type for Secret<T> {
    const IS_REQUIRED: bool = true;

    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "string_password".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema {
            pattern: T::PATTERN.map(str::to_owned),
            min_length: T::SHORTEST,
            max_length: T::LONGEST,
            ..MetaSchema::new_with_format("string", "password")
        }))
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl<T: Spelled> ParseFromJSON for Secret<T> {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        let fits = |text: &str| T::LONGEST.is_none_or(|most| text.chars().count() <= most);
        match value {
            Some(Value::String(text)) if fits(&text) => Ok(SecretString::from(text).into()),
            _ => Err(ParseError::custom("not a password")),
        }
    }
}

impl<T: Spelled> ToJSON for Secret<T> {
    fn to_json(&self) -> Option<Value> {
        Some(Value::String(self.0.expose_secret().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_neither_in_debug_nor_in_an_error() {
        let secret: Secret = Secret::parse_from_json(Some("hunter2".into())).expect("a string");
        assert!(!format!("{secret:?}").contains("hunter2"));
        let error = <Secret>::parse_from_json(Some(serde_json::json!(["hunter2"]))).expect_err("not a string");
        assert!(!error.message().contains("hunter2"));
    }
}
