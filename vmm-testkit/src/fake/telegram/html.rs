//! Telegram's HTML: a few tags, properly nested, and four entities.

use super::message::Entity;

const TAGS: &[(&str, &str)] = &[
    ("b", "bold"),
    ("strong", "bold"),
    ("i", "italic"),
    ("em", "italic"),
    ("u", "underline"),
    ("ins", "underline"),
    ("s", "strikethrough"),
    ("strike", "strikethrough"),
    ("del", "strikethrough"),
    ("code", "code"),
    ("pre", "pre"),
    ("blockquote", "blockquote"),
    ("tg-spoiler", "spoiler"),
    ("a", "text_link"),
];

/// The text without markup, and how its parts are shown. An error says what is wrong and at which byte.
pub(super) fn parse(source: &str) -> Result<(String, Vec<Entity>), String> {
    let (mut text, mut open, mut entities) = (String::new(), Vec::<(String, usize)>::new(), Vec::new());
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let offset = source.len() - rest.len();
        match c {
            '<' => {
                let end = rest.find('>').ok_or(format!("Unclosed start tag at byte offset {offset}"))?;
                let inside = &rest[1..end];
                rest = &rest[end + 1..];
                if let Some(name) = inside.strip_prefix('/') {
                    let Some((tag, start)) = open.pop() else {
                        return Err(format!("Unexpected end tag at byte offset {offset}"));
                    };
                    if tag != name.to_lowercase() {
                        let found = format!("expected \"</{tag}>\", found \"</{name}>\"");
                        return Err(format!("Unmatched end tag at byte offset {offset}, {found}"));
                    }
                    entities.extend(entity(&tag, &text, start));
                } else {
                    let tag = inside.split(' ').next().unwrap_or_default().to_lowercase();
                    if !TAGS.iter().any(|(name, _)| *name == tag) {
                        return Err(format!("Unsupported start tag \"{tag}\" at byte offset {offset}"));
                    }
                    open.push((tag, text.len()));
                }
            }
            '&' => {
                let (c, length) = reference(rest);
                text.push(c);
                rest = &rest[length..];
            }
            _ => {
                text.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    match open.pop() {
        Some((tag, _)) => Err(format!("Can't find end tag corresponding to start tag \"{tag}\"")),
        None => {
            entities.sort_by_key(|entity| entity.offset);
            Ok((text, entities))
        }
    }
}

fn entity(tag: &str, text: &str, start: usize) -> Option<Entity> {
    let (_, kind) = TAGS.iter().find(|(name, _)| *name == tag)?;
    let part = &text[start..];
    let units = |text: &str| text.encode_utf16().count();
    let (offset, length) = (units(&text[..start]), units(part));
    (length > 0).then(|| Entity { kind: (*kind).to_owned(), text: part.to_owned(), offset, length })
}

/// The character that a reference stands for, and the reference's length. An unknown one stands for itself.
fn reference(text: &str) -> (char, usize) {
    for (name, c) in [("&lt;", '<'), ("&gt;", '>'), ("&amp;", '&'), ("&quot;", '"')] {
        if text.starts_with(name) {
            return (c, name.len());
        }
    }
    ('&', 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_becomes_parts() {
        let (text, entities) = parse("<b>a&lt;b</b> é <pre><code>x &amp; y</code></pre>").expect("it parses");
        assert_eq!(text, "a<b é x & y");
        let parts: Vec<_> = entities.iter().map(|e| (e.kind.as_str(), e.text.as_str(), e.offset)).collect();
        assert_eq!(parts, [("bold", "a<b", 0), ("code", "x & y", 6), ("pre", "x & y", 6)]);
    }

    #[test]
    fn what_does_not_parse_is_refused() {
        for wrong in ["<b>x", "x</b>", "<b><i>x</b></i>", "1 < 2", "<table>x</table>", "<b x"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
