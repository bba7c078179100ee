//! The parameters of a call, however they came: JSON, multipart, urlencoded body, query.

use std::collections::HashMap;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::refusal::Refusal;

/// A file that came with a call.
#[derive(Clone, Debug)]
pub(super) struct Upload {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

/// The parameters of a call.
#[derive(Debug, Default)]
pub(super) struct Parameters {
    pub(super) values: Map<String, Value>,
    uploads: HashMap<String, Upload>,
}

impl Parameters {
    pub(super) async fn read(query: Option<&str>, content_type: &str, body: Bytes) -> Result<Self, Refusal> {
        let mut parameters = Self::default();
        parameters.urlencoded(query.unwrap_or_default().as_bytes());
        if let Ok(boundary) = multer::parse_boundary(content_type) {
            parameters.multipart(boundary, body).await?;
        } else if content_type.starts_with("application/json") {
            match serde_json::from_slice(&body) {
                Ok(Value::Object(values)) => parameters.values.extend(values),
                _ => return Err(Refusal::bad("can't parse JSON object")),
            }
        } else if content_type.starts_with("application/x-www-form-urlencoded") {
            parameters.urlencoded(&body);
        }
        Ok(parameters)
    }

    fn urlencoded(&mut self, text: &[u8]) {
        let pairs = form_urlencoded::parse(text);
        self.values.extend(pairs.map(|(key, value)| (key.into_owned(), Value::String(value.into_owned()))));
    }

    async fn multipart(&mut self, boundary: String, body: Bytes) -> Result<(), Refusal> {
        let wrong = |_| Refusal::bad("can't parse multipart body");
        let stream = futures_util::stream::iter([Ok::<_, std::io::Error>(body)]);
        let mut parts = multer::Multipart::new(stream, boundary);
        while let Some(part) = parts.next_field().await.map_err(wrong)? {
            let name = part.name().unwrap_or_default().to_owned();
            let file = part.file_name().map(str::to_owned);
            let bytes = part.bytes().await.map_err(wrong)?.to_vec();
            match file {
                Some(file) => drop(self.uploads.insert(name, Upload { name: file, bytes })),
                None => {
                    let text =
                        String::from_utf8(bytes).map_err(|_| Refusal::bad("strings must be encoded in UTF-8"))?;
                    self.values.insert(name, Value::String(text));
                }
            }
        }
        Ok(())
    }

    /// A text; empty if it is not there.
    pub(super) fn text(&self, name: &str) -> &str {
        self.values.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn integer(&self, name: &str) -> Option<i64> {
        let value = self.values.get(name)?;
        value.as_i64().or_else(|| value.as_str()?.parse().ok())
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.values.get(name).is_some_and(|value| value == &Value::Bool(true) || value == "true")
    }

    /// A value with parts, which comes as JSON in a text where the call is not JSON.
    pub(super) fn structure(&self, name: &str) -> Result<Option<Value>, Refusal> {
        match self.values.get(name) {
            Some(Value::String(text)) => {
                let parsed = serde_json::from_str(text);
                parsed.map(Some).map_err(|_| Refusal::bad(&format!("can't parse {name} JSON object")))
            }
            other => Ok(other.cloned()),
        }
    }

    /// The file under this name: in its own part, or attached under another one.
    pub(super) fn upload(&self, name: &str) -> Option<Upload> {
        let attached = self.text(name).strip_prefix("attach://");
        self.uploads.get(attached.unwrap_or(name)).cloned()
    }
}
