//! Texts whose spelling a type of the core knows. The specification gets their patterns and lengths from the type; what
//! is wrong with one is told by the core.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON, Type};
use serde_json::Value;
use vmm_core::model::Spelled;

/// A text from which a `T` is to be made.
pub(crate) struct TextOf<T>(String, PhantomData<fn() -> T>);

impl<T: FromStr> TextOf<T> {
    /// Reads the text as what it is of.
    pub(crate) fn parse(&self) -> Result<T, T::Err> {
        self.0.parse()
    }
}

impl<T> Default for TextOf<T> {
    fn default() -> Self {
        String::new().into()
    }
}

impl<T> From<String> for TextOf<T> {
    fn from(text: String) -> Self {
        Self(text, PhantomData)
    }
}

impl<T> From<TextOf<T>> for String {
    fn from(text: TextOf<T>) -> Self {
        text.0
    }
}

impl<T> fmt::Debug for TextOf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: Spelled> Type for TextOf<T> {
    const IS_REQUIRED: bool = true;

    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "string".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema {
            pattern: T::PATTERN.map(str::to_owned),
            min_length: T::SHORTEST,
            max_length: T::LONGEST,
            ..MetaSchema::new("string")
        }))
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl<T: Spelled> ParseFromJSON for TextOf<T> {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        match value {
            Some(Value::String(text)) => Ok(text.into()),
            other => Err(ParseError::expected_type(other.unwrap_or_default())),
        }
    }
}

impl<T: Spelled> ParseFromParameter for TextOf<T> {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        Ok(text.to_owned().into())
    }
}

impl<T: Spelled> ToJSON for TextOf<T> {
    fn to_json(&self) -> Option<Value> {
        Some(Value::String(self.0.clone()))
    }
}

#[cfg(test)]
mod tests {
    use poem_openapi::validation::{Pattern, Validator};
    use vmm_core::model::{
        AccountPassword, CommandLine, DefinitionDigest, Description, DirectoryPath, FileName, GroupName, Hostname,
        Interpreter, LoginName, LoginPassword, LoginUser, NamePrefix, OsName, OsVersion, PlanHash, Reason, RequestId,
        RunPassword, ScriptArguments, ScriptContent, ScriptFile, ScriptName, ScriptTarget, ShownSecret, TokenName,
        UserName, VmName, VolumeName,
    };

    use super::*;

    /// Texts of every kind of character at every place, and texts as long as a rule allows and longer.
    fn samples() -> Vec<String> {
        const ALPHABET: [&str; 14] = ["a", "Z", "0", "-", "_", ".", " ", "/", "@", "=", "\n", "\0", "ä", "\u{85}"];
        let mut samples = vec![String::new()];
        let mut last = samples.clone();
        for _ in 0..2 {
            last = last.iter().flat_map(|text| ALPHABET.map(|next| format!("{text}{next}"))).collect();
            samples.extend(last.iter().cloned());
        }
        samples.extend(["a-a", "a a", "a  a", "a.a", "a..a", "...", "..a", "@a-", "a/b", "a -x"].map(str::to_owned));
        for length in [9, 10, 16, 32, 33, 63, 64, 65, 128, 129, 253, 254, 255, 256, 257, 1024, 1025, 4096, 4097] {
            samples.extend(["a".repeat(length), format!("@{}", "a".repeat(length)), "a.".repeat(length / 2) + "a"]);
        }
        samples
    }

    /// That the texts which a type accepts are those that fit its description, but for those that `refused` knows.
    #[track_caller]
    fn check<T: Spelled>(accepts: impl Fn(&str) -> bool, refused: impl Fn(&str) -> bool) {
        for text in samples() {
            let length = text.chars().count();
            let fits = T::SHORTEST.is_none_or(|least| length >= least)
                && T::LONGEST.is_none_or(|most| length <= most)
                && T::PATTERN.is_none_or(|pattern| Pattern::new(pattern).check(&text));
            let accepted = accepts(&text);
            assert!(fits || !accepted, "{:?}: {text:?} is accepted, but does not fit", T::PATTERN);
            assert!(accepted || !fits || refused(&text), "{:?}: {text:?} fits, but is not accepted", T::PATTERN);
        }
    }

    #[test]
    fn a_pattern_says_what_the_type_s_own_parser_accepts() {
        let none = |_: &str| false;
        check::<VmName>(|text| VmName::new(text).is_ok(), none);
        // A label has 63 characters at most, which the pattern of many leaves to the parser.
        check::<Hostname>(|text| Hostname::new(text).is_ok(), |text| text.len() > 63);
        check::<GroupName>(|text| GroupName::new(text).is_ok(), none);
        check::<UserName>(|text| UserName::new(text).is_ok(), none);
        check::<OsName>(|text| OsName::new(text).is_ok(), none);
        check::<OsVersion>(|text| OsVersion::new(text).is_ok(), none);
        check::<LoginName>(|text| LoginName::new(text).is_ok(), none);
        check::<RequestId>(|text| RequestId::new(text).is_ok(), none);
        check::<TokenName>(|text| TokenName::new(text).is_ok(), none);
        check::<VolumeName>(|text| VolumeName::new(text).is_ok(), none);
        check::<ScriptFile>(|text| ScriptFile::new(text).is_ok(), none);
        check::<ScriptName>(|text| ScriptName::new(text).is_ok(), none);
        check::<NamePrefix>(|text| NamePrefix::new(text).is_ok(), none);
        check::<FileName>(|text| FileName::new(text).is_ok(), none);
        check::<ScriptTarget>(|text| text.parse::<ScriptTarget>().is_ok(), none);
        check::<PlanHash>(|text| text.parse::<PlanHash>().is_ok(), none);
        check::<DefinitionDigest>(|text| text.parse::<DefinitionDigest>().is_ok(), none);
        check::<ScriptArguments>(|text| ScriptArguments::new(vec![text.to_owned()]).is_ok(), none);
        // Its words may stand farther apart than the pattern says.
        let single = |text: &str| !text.contains("  ") && text.trim() == text;
        check::<Interpreter>(|text| single(text) && text.parse::<Interpreter>().is_ok(), none);
        check::<ScriptContent>(|text| ScriptContent::new(text).is_ok(), none);
        check::<Description>(|text| Description::check("", text).is_ok(), none);
        check::<Reason>(|text| Reason::check("", text).is_ok(), none);
        check::<LoginUser>(|text| LoginUser::check("", text).is_ok(), none);
        check::<LoginPassword>(|text| LoginPassword::check("", text).is_ok(), none);
        check::<RunPassword>(|text| RunPassword::check("", text).is_ok(), none);
        check::<AccountPassword>(|text| AccountPassword::check("", text).is_ok(), none);
        check::<ShownSecret>(|text| ShownSecret::check("", text).is_ok(), none);
        check::<CommandLine>(|text| CommandLine::check("", text).is_ok(), none);
        check::<DirectoryPath>(|text| DirectoryPath::check("", text).is_ok(), none);
    }
}
