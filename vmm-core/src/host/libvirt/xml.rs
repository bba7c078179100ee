//! XML that is built as a tree and read as a tree; never as text.

use quick_xml::Writer;
use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};
use roxmltree::Node;

/// An element to write.
#[derive(Clone, Debug)]
pub(super) struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    text: Option<String>,
    children: Vec<Element>,
}

/// An empty element.
pub(super) fn element(name: &'static str) -> Element {
    Element { name, attributes: Vec::new(), text: None, children: Vec::new() }
}

impl Element {
    #[expect(clippy::needless_pass_by_value, reason = "numbers and texts alike, without & at every use")]
    pub(super) fn attribute(mut self, name: &'static str, value: impl ToString) -> Self {
        self.attributes.push((name, printable(&value.to_string())));
        self
    }

    #[expect(clippy::needless_pass_by_value, reason = "numbers and texts alike, without & at every use")]
    pub(super) fn text(mut self, text: impl ToString) -> Self {
        self.text = Some(printable(&text.to_string()));
        self
    }

    pub(super) fn child(mut self, child: Element) -> Self {
        self.children.push(child);
        self
    }

    pub(super) fn children(mut self, children: impl IntoIterator<Item = Element>) -> Self {
        self.children.extend(children);
        self
    }

    /// The document with this element as its root.
    pub(super) fn render(&self) -> String {
        let mut writer = Writer::new(Vec::new());
        self.write(&mut writer).expect("writing to memory does not fail");
        String::from_utf8(writer.into_inner()).expect("names, texts and markup are UTF-8")
    }

    fn write(&self, writer: &mut Writer<Vec<u8>>) -> std::io::Result<()> {
        let mut start = BytesStart::new(self.name);
        for (name, value) in &self.attributes {
            start.push_attribute((*name, value.as_str()));
        }
        writer.write_event(Event::Start(start))?;
        if let Some(text) = &self.text {
            writer.write_event(Event::Text(BytesText::new(text)))?;
        }
        for child in &self.children {
            child.write(writer)?;
        }
        writer.write_event(Event::End(BytesEnd::new(self.name)))
    }
}

/// XML 1.0 has no way to write most control characters, and the writer does not refuse them.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}')).collect()
}

/// The first element on this path below a node.
pub(super) fn find<'a, 'input>(node: Node<'a, 'input>, path: &[&str]) -> Option<Node<'a, 'input>> {
    path.iter().try_fold(node, |node, name| node.children().find(|child| child.has_tag_name(*name)))
}

/// The text of the first element on this path below a node.
pub(super) fn text_at<'a>(node: Node<'a, '_>, path: &[&str]) -> Option<&'a str> {
    find(node, path)?.text()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_can_become_markup() {
        let hostile = "</name><devices/>\"'&\0\u{1b}\u{ffff}";
        let xml = element("domain").attribute("id", hostile).child(element("name").text(hostile)).render();
        let document = roxmltree::Document::parse(&xml).expect("well-formed");
        let plain = "</name><devices/>\"'&";
        assert_eq!(document.root_element().attribute("id"), Some(plain));
        assert_eq!(text_at(document.root_element(), &["name"]), Some(plain));
        assert_eq!(document.root_element().children().count(), 1);
    }
}
