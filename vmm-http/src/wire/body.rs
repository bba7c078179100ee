//! JSON bodies. What is wrong with one is told field by field, without repeating its values, which may be secret.

use poem::{FromRequest, Request, RequestBody, Result};
use poem_openapi::payload::Payload;
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::ParseFromJSON;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde_json::Value;
use vmm_core::{Problem, Problems};

use crate::error::Failure;
use crate::wire::json;

/// The name of the field in a problem of the body as a whole.
const WHOLE: &str = "body";

/// A JSON body.
pub(crate) struct Body<T>(pub(crate) T);

impl<'a, T: ParseFromJSON> ApiExtractor<'a> for Body<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let content = MetaMediaType { content_type: "application/json", schema: T::schema_ref() };
        Some(MetaRequest { description: None, content: vec![content], required: true })
    }

    async fn from_request(request: &'a Request, body: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        let is_json = |kind: &str| poem_openapi::payload::Json::<Value>::check_content_type(kind);
        if request.content_type().is_some_and(|kind| !is_json(kind)) {
            return Err(Failure::not_json().into());
        }
        let bytes = <Vec<u8> as FromRequest>::from_request(request, body).await?;
        Ok(Self(parse(&bytes)?))
    }
}

/// Reads JSON, or tells what is wrong with every field.
pub(crate) fn parse<T: ParseFromJSON>(bytes: &[u8]) -> Result<T, Failure> {
    let value = json::read(bytes)?;
    // Checked first, because poem-openapi takes a number or a boolean for a string.
    let problems = problems::<T>(&value);
    if !problems.is_empty() {
        return Err(Failure::invalid(problems));
    }
    T::parse_from_json(Some(value))
        .map_err(|_| Failure::invalid(Problem::new(WHOLE, "does not fit the specification; see /openapi.json")))
}

/// Everything in which a value differs from the schema of `T`.
fn problems<T: ParseFromJSON>(value: &Value) -> Problems {
    let mut registry = Registry::new();
    T::register(&mut registry);
    let mut check = Check { registry: &registry, problems: Problems::new() };
    check.value("", &T::schema_ref(), value);
    check.problems
}

struct Check<'a> {
    registry: &'a Registry,
    problems: Problems,
}

impl Check<'_> {
    fn tell(&mut self, path: &str, reason: String) {
        self.problems.push(Problem::new(if path.is_empty() { WHOLE } else { path }, reason));
    }

    fn value(&mut self, path: &str, schema: &MetaSchemaRef, value: &Value) {
        let schema = match schema {
            MetaSchemaRef::Inline(schema) => schema.as_ref(),
            MetaSchemaRef::Reference(name) => match self.registry.schemas.get(name) {
                Some(schema) => schema,
                None => return,
            },
        };
        if let Some(first) = schema.all_of.first() {
            return self.value(path, first, value);
        }
        match (schema.ty, value) {
            ("object", Value::Object(fields)) => self.object(path, schema, fields),
            ("array", Value::Array(items)) => self.array(path, schema, items),
            ("string", Value::String(text)) => self.string(path, schema, text),
            ("integer", Value::Number(number)) => self.integer(path, schema, number),
            ("number", Value::Number(_)) | ("boolean", Value::Bool(_)) | ("", _) => {}
            (wanted, _) => self.tell(path, format!("must be {}, but is {}", article(wanted), found(value))),
        }
    }

    fn object(&mut self, path: &str, schema: &MetaSchema, fields: &serde_json::Map<String, Value>) {
        let place = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        for (name, inner) in &schema.properties {
            match fields.get(*name) {
                None | Some(Value::Null) if schema.required.contains(name) => {
                    self.tell(&place(name), "is missing".to_owned());
                }
                None | Some(Value::Null) => {}
                Some(value) => self.value(&place(name), inner, value),
            }
        }
        if schema.additional_properties.is_none() {
            let known: Vec<_> = schema.properties.iter().map(|(name, _)| *name).collect();
            for name in fields.keys().filter(|name| !known.contains(&name.as_str())) {
                let name: String = name.chars().take(64).collect();
                self.tell(&place(&name), format!("is not known; known are {}", known.join(", ")));
            }
        }
    }

    fn array(&mut self, path: &str, schema: &MetaSchema, items: &[Value]) {
        if schema.min_items.is_some_and(|least| items.len() < least) {
            self.tell(path, "must not be empty".to_owned());
        }
        if let Some(most) = schema.max_items.filter(|most| items.len() > *most) {
            return self.tell(path, format!("has {} items; at most {most}", items.len()));
        }
        if let Some(inner) = &schema.items {
            for (index, item) in items.iter().enumerate() {
                self.value(&format!("{path}[{index}]"), inner, item);
            }
        }
    }

    fn string(&mut self, path: &str, schema: &MetaSchema, text: &str) {
        // A text with a pattern is checked by its type, which says better what is wrong, and so is a secret, unless it
        // is too long to be taken.
        let (secret, length) = (schema.format == Some("password"), text.chars().count());
        if schema.pattern.is_none() || secret {
            self.at_most(path, schema, length);
        }
        if schema.pattern.is_none() && !secret {
            self.at_least(path, schema, length);
        }
        if schema.format == Some("date-time") && text.parse::<chrono::DateTime<chrono::Utc>>().is_err() {
            self.tell(path, "must be a moment like 2026-03-02T08:15:00Z".to_owned());
        }
        if !schema.enum_items.is_empty() && !schema.enum_items.iter().any(|item| item == text) {
            let words: Vec<_> = schema.enum_items.iter().filter_map(Value::as_str).collect();
            self.tell(path, format!("must be one of {}", words.join(", ")));
        }
    }

    fn at_most(&mut self, path: &str, schema: &MetaSchema, length: usize) {
        if let Some(most) = schema.max_length.filter(|most| length > *most) {
            self.tell(path, format!("is {length} characters long; at most {most}"));
        }
    }

    fn at_least(&mut self, path: &str, schema: &MetaSchema, length: usize) {
        if let Some(least) = schema.min_length.filter(|least| length < *least) {
            self.tell(path, format!("is {length} characters long; at least {least}"));
        }
    }

    fn integer(&mut self, path: &str, schema: &MetaSchema, number: &serde_json::Number) {
        let (least, most) = match schema.format {
            Some("int32") => (f64::from(i32::MIN), f64::from(i32::MAX)),
            Some("uint32") => (0.0, f64::from(u32::MAX)),
            Some("uint64") => (0.0, u64::MAX as f64),
            _ => (i64::MIN as f64, i64::MAX as f64),
        };
        let (least, most) = (schema.minimum.unwrap_or(least), schema.maximum.unwrap_or(most));
        let whole = number.is_i64() || number.is_u64();
        if !whole || number.as_f64().is_none_or(|number| number < least || number > most) {
            self.tell(path, format!("must be a whole number from {least} to {most}"));
        }
    }
}

fn article(kind: &str) -> String {
    format!("{} {kind}", if kind.starts_with(['a', 'i', 'o']) { "an" } else { "a" })
}

fn found(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
