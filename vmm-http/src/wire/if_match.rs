//! The header `If-Match`: change a record only if it is as it was read.

use poem::{Request, RequestBody, Result};
use poem_openapi::error::ParseParamError;
use poem_openapi::registry::{MetaParamIn, MetaSchema, MetaSchemaRef};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use vmm_core::Problem;
use vmm_core::model::Revision;

use crate::error::Failure;

const NAME: &str = "If-Match";

/// The revision that the record must have; `None` if any will do. Unlike poem-openapi's own headers, one that cannot be
/// read is refused and not passed over.
pub(crate) struct IfMatch(pub(crate) Option<Revision>);

impl IfMatch {
    /// Checks a batch of this many records, to which one revision can apply only if there is one record.
    pub(crate) fn of_batch(&self, records: usize) -> Result<Option<Revision>, Failure> {
        if records == 1 || self.0.is_none() {
            return Ok(self.0);
        }
        let reason = format!("goes with one record, but the batch has {records}; send them one by one");
        Err(Failure::invalid(Problem::new(NAME, reason)))
    }
}

impl<'a> ApiExtractor<'a> for IfMatch {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];

    type ParamType = Option<String>;
    type ParamRawType = String;

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Header)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        let pattern = Some(r#"^(\*|"[0-9]{1,18}")$"#.to_owned());
        let example = Some("\"1\"".into());
        Some(MetaSchemaRef::Inline(Box::new(MetaSchema { pattern, example, ..MetaSchema::new("string") })))
    }

    fn param_raw_type(&self) -> Option<&String> {
        None
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        options: ExtractParamOptions<Self::ParamType>,
    ) -> Result<Self> {
        let mut values = request.headers().get_all(NAME).iter();
        let read = match (values.next(), values.next()) {
            (None, _) => Some(Self(None)),
            (Some(value), None) => value.to_str().ok().and_then(parse).map(Self),
            (Some(_), Some(_)) => None,
        };
        read.ok_or_else(|| {
            let reason = "must be one ETag as it was answered, like \"1\" with its quotes, or *".to_owned();
            ParseParamError { name: options.name, reason }.into()
        })
    }
}

fn parse(value: &str) -> Option<Option<Revision>> {
    if value == "*" {
        return Some(None);
    }
    let digits = value.strip_prefix('"')?.strip_suffix('"')?;
    let number = digits.bytes().all(|digit| digit.is_ascii_digit()) && (1..=18).contains(&digits.len());
    number.then(|| digits.parse().ok().map(Revision))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_tag_of_ours_and_the_star_are_read() {
        assert_eq!(parse("*"), Some(None));
        assert_eq!(parse("\"12\""), Some(Some(Revision(12))));
        for wrong in
            ["", "12", "\"\"", "W/\"12\"", "\"-1\"", "\"+1\"", "\"1\", \"2\"", "\"x\"", "\"9999999999999999999\""]
        {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
