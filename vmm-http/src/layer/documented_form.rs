//! Accepts requests as the first documentation writes them, and makes them what the specification says.
//!
//! `POST /vm/ssh?web-1` is `?vm=web-1`, braces copied from the documentation are left out, the method `UPDATE` is
//! `PUT`, and the spellings of `update-password` are the one. Nothing behind this module knows of the other forms.

use poem::http::Method;
use poem::http::uri::{PathAndQuery, Uri};
use poem::{Body, Request, Result};
use serde_json::{Map, Value};

use crate::error::Failure;
use crate::operations::Operations;
use crate::wire::json;

/// The outer key of the body whose keys have several spellings, and its other spellings.
const OUTER: (&str, [&str; 2]) = ("update-password", ["update password", "update_password"]);
/// The keys of its items, and their other spellings.
const INNER: [(&str, [&str; 4]); 2] = [
    ("old-password", ["old=pass", "old-pass", "old=password", "old_password"]),
    ("new-password", ["new=pass", "new-pass", "new=password", "new_password"]),
];

/// Makes a documented request a specified one.
pub(crate) async fn normalize(operations: Operations, mut request: Request) -> Result<Request> {
    if request.method().as_str() == "UPDATE" {
        request.set_method(Method::PUT);
    }
    let Some(row) = operations.get(&request).map(|operation| operation.row) else { return Ok(request) };
    if let (Some(name), Some(query)) = (row.bare_key, request.uri().query()) {
        let uri = with_query(request.uri(), &named_query(query, name))?;
        *request.uri_mut() = uri;
    }
    if row.old_spellings {
        let bytes = request
            .take_body()
            .into_bytes()
            .await
            .map_err(|_| Failure::malformed("the body ended too early; send it again"))?;
        request.set_body(Body::from_bytes(match json::read(&bytes) {
            Ok(value) => canonical_keys(value)?.to_string().into(),
            // Refused where every body is read.
            Err(_) => bytes,
        }));
    }
    Ok(request)
}

/// A query whose bare first key is the value of `name`, and whose values have no braces around them.
fn named_query(query: &str, name: &str) -> String {
    let part = |(index, part): (usize, &str)| match part.split_once('=') {
        Some((key, value)) => format!("{key}={}", without_braces(value)),
        None if index == 0 && !part.is_empty() => format!("{name}={}", without_braces(part)),
        None => part.to_owned(),
    };
    query.split('&').enumerate().map(part).collect::<Vec<_>>().join("&")
}

fn without_braces(text: &str) -> &str {
    let open = ["{", "%7B", "%7b"].into_iter().find_map(|brace| text.strip_prefix(brace));
    let inner = open.and_then(|text| ["}", "%7D", "%7d"].into_iter().find_map(|brace| text.strip_suffix(brace)));
    inner.unwrap_or(text)
}

fn with_query(uri: &Uri, query: &str) -> Result<Uri, Failure> {
    let mut parts = uri.clone().into_parts();
    let wrong = || Failure::malformed("the query cannot be read");
    parts.path_and_query = Some(PathAndQuery::try_from(format!("{}?{query}", uri.path())).map_err(|_| wrong())?);
    Uri::from_parts(parts).map_err(|_| wrong())
}

fn canonical_keys(mut body: Value) -> Result<Value, Failure> {
    if let Value::Object(body) = &mut body {
        rename(body, "", OUTER.0, &OUTER.1)?;
        if let Some(Value::Array(items)) = body.get_mut(OUTER.0) {
            for (index, item) in items.iter_mut().enumerate() {
                let Value::Object(item) = item else { continue };
                let path = format!("{}[{index}]", OUTER.0);
                INNER.iter().try_for_each(|(name, others)| rename(item, &path, name, others))?;
            }
        }
    }
    Ok(body)
}

/// Gives a key its one name. One that is there in two spellings is given twice, and is refused.
fn rename(object: &mut Map<String, Value>, path: &str, name: &str, others: &[&str]) -> Result<(), Failure> {
    let mut spellings: Vec<_> =
        std::iter::once(name).chain(others.iter().copied()).filter(|key| object.contains_key(*key)).collect();
    if spellings.len() > 1 {
        let reason = format!("is given twice, as {}; give it once", spellings.join(" and "));
        return Err(json::given_twice(&json::key_path(path, name), &reason));
    }
    let given = spellings.pop().filter(|given| *given != name);
    if let Some(value) = given.and_then(|given| object.remove(given)) {
        object.insert(name.to_owned(), value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_key_gets_its_name() {
        for (documented, specified) in [
            ("web-1", "vm=web-1"),
            ("{web-1}", "vm=web-1"),
            ("%7Bweb-1%7D", "vm=web-1"),
            ("vm=web-1", "vm=web-1"),
            ("vm={web-1}", "vm=web-1"),
            ("web-1&window=5", "vm=web-1&window=5"),
            ("", ""),
            ("{web-1", "vm={web-1"),
        ] {
            assert_eq!(named_query(documented, "vm"), specified, "{documented}");
        }
    }

    #[test]
    fn the_spellings_of_update_password_are_one() {
        let specified =
            serde_json::json!({"update-password": [{"user": "u", "old-password": "a", "new-password": "b"}]});
        for outer in ["update password", "update-password"] {
            for old in ["old=pass", "old-pass", "old-password"] {
                let documented = serde_json::json!({outer: [{"user": "u", old: "a", "new-password": "b"}]});
                assert_eq!(canonical_keys(documented).expect("one spelling"), specified, "{outer} {old}");
            }
        }
        let twice = serde_json::json!({"update-password": [{"old-pass": "s3cret", "old_password": "s3cret"}]});
        let told = format!("{:?}", canonical_keys(twice).expect_err("two spellings"));
        assert!(told.contains("update-password[0].old-password") && !told.contains("s3cret"), "{told}");
        for odd in [serde_json::json!(1), serde_json::json!({"update password": 3}), serde_json::json!({"x": [1]})] {
            canonical_keys(odd).expect("it is left as it is");
        }
    }
}
