//! Secrets on the wire.

use std::borrow::Cow;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
use serde_json::Value;
use vmm_core::{ExposeSecret, SecretString};

/// The longest secret that is taken, in characters: no password may be longer, here or on a machine.
const LONGEST: usize = 1024;

/// A string of format `password`. `Debug` does not show it, and neither does an error about it.
#[derive(Clone, Debug)]
pub(crate) struct Secret(pub(crate) SecretString);

impl Type for Secret {
    const IS_REQUIRED: bool = true;

    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "string_password".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        let schema = MetaSchema { max_length: Some(LONGEST), ..MetaSchema::new_with_format("string", "password") };
        MetaSchemaRef::Inline(Box::new(schema))
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl ParseFromJSON for Secret {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        match value {
            Some(Value::String(text)) if text.chars().count() <= LONGEST => Ok(Self(text.into())),
            _ => Err(ParseError::custom("not a password")),
        }
    }
}

impl ToJSON for Secret {
    fn to_json(&self) -> Option<Value> {
        Some(Value::String(self.0.expose_secret().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_neither_in_debug_nor_in_an_error() {
        let secret = Secret::parse_from_json(Some("hunter2".into())).expect("a string");
        assert!(!format!("{secret:?}").contains("hunter2"));
        let error = Secret::parse_from_json(Some(serde_json::json!(["hunter2"]))).expect_err("not a string");
        assert!(!error.message().contains("hunter2"));
    }
}
