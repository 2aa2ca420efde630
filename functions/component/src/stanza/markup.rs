//! XML out: names are literals of this source, values are escaped by the XML library.

use std::borrow::Cow;

use quick_xml::{
    Writer,
    escape::escape,
    events::{BytesEnd, BytesStart, BytesText, Event, attributes::Attribute},
    name::QName,
};
use satchel_core::xml::is_xml_char;

/// An element to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Markup {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    text: String,
    children: Vec<Markup>,
}

impl Markup {
    /// An empty element in the namespace of what it will stand in.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, attributes: Vec::new(), text: String::new(), children: Vec::new() }
    }

    /// An empty element in a namespace of its own.
    #[must_use]
    pub fn qualified(name: &'static str, namespace: &'static str) -> Self {
        Self::new(name).with("xmlns", namespace)
    }

    /// The same with one more attribute.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.attributes.push((name, value.into()));
        self
    }

    /// The same with this text before its children.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.text = text.into();
        self
    }

    /// The same with one more child.
    #[must_use]
    pub fn child(self, child: Self) -> Self {
        self.children([child])
    }

    /// The same with more children.
    #[must_use]
    pub fn children(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        self.children.extend(children);
        self
    }

    /// The XML. Characters that XML has no place for become U+FFFD.
    #[must_use]
    #[expect(clippy::expect_used, reason = "writing to memory cannot fail, and what was text is text")]
    pub fn to_xml(&self) -> String {
        let mut writer = Writer::new(Vec::new());
        self.write(&mut writer).expect("writing to memory cannot fail");
        String::from_utf8(writer.into_inner()).expect("what was text is text")
    }

    fn write(&self, writer: &mut Writer<Vec<u8>>) -> std::io::Result<()> {
        let mut start = BytesStart::new(self.name);
        for (name, value) in &self.attributes {
            let value = escaped(value);
            start.push_attribute(Attribute { key: QName(name.as_bytes()), value: value.as_bytes().into() });
        }
        if self.text.is_empty() && self.children.is_empty() {
            return writer.write_event(Event::Empty(start));
        }
        writer.write_event(Event::Start(start))?;
        writer.write_event(Event::Text(BytesText::from_escaped(escaped(&self.text))))?;
        self.children.iter().try_for_each(|child| child.write(writer))?;
        writer.write_event(Event::End(BytesEnd::new(self.name)))
    }
}

/// Line ends and tabs go out as references, as readers turn bare ones into spaces (XML 1.0, sections 2.11 and 3.3.3).
fn escaped(text: &str) -> Cow<'_, str> {
    // Nearly all there is to write: names, ids, and URLs, of which most have an ampersand. Many bytes at a time, as nothing
    // ends these loops early.
    if text.bytes().fold(true, |so_far, byte| so_far & matches!(byte, b' '..=b'~')) {
        let special = |byte| matches!(byte, b'<' | b'>' | b'&' | b'\'' | b'"');
        return if text.bytes().fold(false, |so_far, byte| so_far | special(byte)) {
            escape(text)
        } else {
            text.into()
        };
    }
    let legal = if text.chars().all(is_xml_char) {
        Cow::Borrowed(text)
    } else {
        text.chars().map(|c| if is_xml_char(c) { c } else { char::REPLACEMENT_CHARACTER }).collect()
    };
    let escaped = escape(legal);
    if !escaped.bytes().any(|byte| matches!(byte, b'\t' | b'\n' | b'\r')) {
        return escaped;
    }
    escaped.replace('\t', "&#9;").replace('\n', "&#10;").replace('\r', "&#13;").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stanza::element::Element;
    use proptest::prelude::*;

    #[test]
    fn elements_are_written_as_short_as_they_can_be() {
        let inner = Markup::qualified("b", "n").child(Markup::new("c").text("<d>"));
        let xml = Markup::new("a").with("k", "'\"&<>\n").child(inner).child(Markup::new("e")).to_xml();
        assert_eq!(xml, "<a k=\"&apos;&quot;&amp;&lt;&gt;&#10;\"><b xmlns=\"n\"><c>&lt;d&gt;</c></b><e/></a>");
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_read_back(value in any::<String>(), text in any::<String>()) {
            let xml = Markup::new("a").with("k", value.as_str()).child(Markup::new("b").text(text.as_str())).to_xml();
            let read = Element::parse(&xml).unwrap();
            let kept = |text: &str| text.replace(|c| !is_xml_char(c), "\u{fffd}");
            prop_assert_eq!(read.attribute("k").map(str::to_owned), Some(kept(&value)));
            prop_assert_eq!(read.children().len(), 1);
            prop_assert_eq!(read.children()[0].text(), kept(&text));
            prop_assert!(read.text().is_empty() && read.children()[0].children().is_empty());
        }
    }
}
