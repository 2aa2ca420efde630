//! XML in: one element, its namespaces resolved, within limits of size, depth and attributes.

use quick_xml::{
    NsReader, XmlVersion,
    escape::resolve_predefined_entity,
    events::{BytesRef, BytesStart, Event, attributes::Attribute},
    name::ResolveResult,
};
use satchel_core::xml::is_xml_char;

/// The longest XML read, in bytes: servers take more, but an IQ answered here has some hundred.
pub const MAX_XML_BYTES: usize = 64 * 1_024;
/// The deepest nesting read.
pub const MAX_DEPTH: usize = 32;
/// The most attributes of one element, namespace declarations included.
pub const MAX_ATTRIBUTES: usize = 64;

/// An element as it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Element {
    name: String,
    namespace: String,
    attributes: Vec<(String, String)>,
    children: Vec<Element>,
    text: String,
}

/// Why XML is not read. All are the sender's mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// More than [`MAX_XML_BYTES`].
    #[error("the XML is longer than {MAX_XML_BYTES} bytes")]
    TooLong,
    /// Deeper than [`MAX_DEPTH`].
    #[error("the XML is nested deeper than {MAX_DEPTH} elements")]
    TooDeep,
    /// More than [`MAX_ATTRIBUTES`].
    #[error("an element has more than {MAX_ATTRIBUTES} attributes")]
    TooManyAttributes,
    /// Not well-formed.
    #[error("the XML is not well-formed near byte {at}")]
    Syntax {
        /// Bytes read before.
        at: u64,
    },
    /// A comment, processing instruction, declaration, DTD or entity (RFC 6120, section 11.1).
    #[error("the XML has a comment, processing instruction, declaration, DTD or entity, which XMPP forbids")]
    Restricted,
    /// A prefix that no declaration is in scope for.
    #[error("the XML has a prefix without a namespace")]
    UnboundPrefix,
    /// A character that XML 1.0 has no place for, written out or as a reference.
    #[error("the XML has a character that XML does not allow")]
    Character,
    /// Nothing, text beside the element, or a second element.
    #[error("the XML is not exactly one element")]
    NotOneElement,
}

impl Element {
    /// Reads one element.
    ///
    /// # Errors
    /// See [`XmlError`].
    pub fn parse(xml: &str) -> Result<Self, XmlError> {
        if xml.len() > MAX_XML_BYTES {
            return Err(XmlError::TooLong);
        }
        legal(xml)?;
        let mut reader = NsReader::from_str(xml);
        let mut tree = Tree::default();
        loop {
            let event = reader.read_event().map_err(|_| XmlError::Syntax { at: reader.error_position() })?;
            let syntax = XmlError::Syntax { at: reader.buffer_position() };
            match event {
                Event::Start(start) => tree.open(element(&reader, &start)?)?,
                Event::Empty(start) => {
                    tree.open(element(&reader, &start)?)?;
                    tree.close()?;
                }
                Event::End(_) => tree.close()?,
                Event::Text(text) => tree.text(&text.xml10_content().map_err(|_| syntax)?)?,
                Event::CData(text) => tree.cdata(&text.xml10_content().map_err(|_| syntax)?)?,
                Event::GeneralRef(reference) => tree.cdata(&referenced(&reference)?)?,
                Event::Eof => return tree.finish(syntax),
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {
                    return Err(XmlError::Restricted);
                }
            }
        }
    }

    /// The name without its prefix.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The namespace's name, empty for none.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Whether it has this name, in this namespace.
    #[must_use]
    pub fn is(&self, name: &str, namespace: &str) -> bool {
        self.name == name && self.namespace == namespace
    }

    /// The value of an attribute without a prefix.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The child elements, in order.
    #[must_use]
    pub fn children(&self) -> &[Self] {
        &self.children
    }

    /// The first child of this name in this namespace.
    #[must_use]
    pub fn child(&self, name: &str, namespace: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.is(name, namespace))
    }

    /// The text directly inside, without that of children.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// The elements that are open, outermost first, and the one that is complete.
#[derive(Default)]
struct Tree {
    open: Vec<Element>,
    root: Option<Element>,
}

impl Tree {
    fn open(&mut self, element: Element) -> Result<(), XmlError> {
        if self.root.is_some() {
            return Err(XmlError::NotOneElement);
        }
        if self.open.len() == MAX_DEPTH {
            return Err(XmlError::TooDeep);
        }
        self.open.push(element);
        Ok(())
    }

    fn close(&mut self) -> Result<(), XmlError> {
        let element = self.open.pop().ok_or(XmlError::NotOneElement)?;
        match self.open.last_mut() {
            Some(parent) => parent.children.push(element),
            None => self.root = Some(element),
        }
        Ok(())
    }

    /// White space may stand around the element (XML 1.0, section 2.8).
    fn text(&mut self, text: &str) -> Result<(), XmlError> {
        if self.open.is_empty() && text.bytes().all(|byte| b" \t\r\n".contains(&byte)) {
            return Ok(());
        }
        self.cdata(text)
    }

    fn cdata(&mut self, text: &str) -> Result<(), XmlError> {
        self.open.last_mut().ok_or(XmlError::NotOneElement)?.text.push_str(text);
        Ok(())
    }

    fn finish(self, unclosed: XmlError) -> Result<Element, XmlError> {
        if self.open.is_empty() { self.root.ok_or(XmlError::NotOneElement) } else { Err(unclosed) }
    }
}

fn element(reader: &NsReader<&[u8]>, start: &BytesStart<'_>) -> Result<Element, XmlError> {
    let (resolved, name) = reader.resolver().resolve_element(start.name());
    let mut element = Element { name: utf8(name.as_ref())?, namespace: namespace(&resolved)?, ..Element::default() };
    for (count, attribute) in start.attributes().enumerate() {
        if count == MAX_ATTRIBUTES {
            return Err(XmlError::TooManyAttributes);
        }
        let attribute = attribute.map_err(|_| XmlError::Syntax { at: reader.buffer_position() })?;
        let value = value(reader, &attribute)?;
        if attribute.key.as_namespace_binding().is_some() {
            continue;
        }
        let (resolved, name) = reader.resolver().resolve_attribute(attribute.key);
        if namespace(&resolved)?.is_empty() {
            element.attributes.push((utf8(name.as_ref())?, value));
        }
    }
    Ok(element)
}

fn value(reader: &NsReader<&[u8]>, attribute: &Attribute<'_>) -> Result<String, XmlError> {
    let value = attribute.normalized_value(XmlVersion::Implicit1_0);
    let value = value.map_err(|_| XmlError::Syntax { at: reader.buffer_position() })?.into_owned();
    legal(&value)?;
    Ok(value)
}

fn namespace(resolved: &ResolveResult<'_>) -> Result<String, XmlError> {
    match resolved {
        ResolveResult::Unbound => Ok(String::new()),
        ResolveResult::Bound(namespace) => utf8(namespace.as_ref()),
        ResolveResult::Unknown(_) => Err(XmlError::UnboundPrefix),
    }
}

/// A character reference or one of the five entities that XML itself defines.
fn referenced(reference: &BytesRef<'_>) -> Result<String, XmlError> {
    let text = match reference.resolve_char_ref().map_err(|_| XmlError::Character)? {
        Some(character) => character.to_string(),
        None => {
            let name = utf8(reference)?;
            resolve_predefined_entity(&name).ok_or(XmlError::Restricted)?.to_owned()
        }
    };
    legal(&text)?;
    Ok(text)
}

fn utf8(bytes: &[u8]) -> Result<String, XmlError> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| XmlError::Character)
}

fn legal(text: &str) -> Result<(), XmlError> {
    if text.chars().all(is_xml_char) { Ok(()) } else { Err(XmlError::Character) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn namespaces_are_resolved_and_not_spelt() {
        let xml =
            "<a xmlns='one' xmlns:p='two' k='v' p:k='w'><p:b/><c xmlns=''/><d><e xmlns:p='three'><p:f/></e></d></a>";
        let root = Element::parse(xml).unwrap();
        assert!(root.is("a", "one") && root.child("b", "two").is_some() && root.child("c", "").is_some());
        assert_eq!((root.attribute("k"), root.attribute("p:k"), root.attribute("xmlns")), (Some("v"), None, None));
        let inner = root.child("d", "one").unwrap().child("e", "one").unwrap();
        assert!(inner.child("f", "three").is_some());
    }

    #[test]
    fn references_and_cdata_are_read_as_text() {
        let root = Element::parse(" <a k='&lt;&#x26;&quot;&#10;'>&lt;b&gt;&#x1F600;<![CDATA[<c>]]>\n</a>\n").unwrap();
        assert_eq!((root.text(), root.attribute("k")), ("<b>\u{1f600}<c>\n", Some("<&\"\n")));
        assert!(root.children().is_empty());
    }

    #[test]
    fn what_xmpp_forbids_is_refused_with_its_cause() {
        use XmlError::*;
        for (xml, cause) in [
            ("", NotOneElement),
            (" ", NotOneElement),
            ("a", NotOneElement),
            ("<a/>b", NotOneElement),
            ("<a/><b/>", NotOneElement),
            ("&lt;<a/>", NotOneElement),
            ("<![CDATA[ ]]><a/>", NotOneElement),
            ("<?xml version='1.0'?><a/>", Restricted),
            ("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", Restricted),
            ("<a>&b;</a>", Restricted),
            ("<a><!-- b --></a>", Restricted),
            ("<a><?b c?></a>", Restricted),
            ("<p:a/>", UnboundPrefix),
            ("<a p:b='c'/>", UnboundPrefix),
            ("<a>&#0;</a>", Character),
            ("<a>&#x1;</a>", Character),
            ("<a>&#xFFFF;</a>", Character),
            ("<a b='&#x1f;'/>", Character),
            ("<a>\u{0}</a>", Character),
            ("<a b='\u{fffe}'/>", Character),
        ] {
            assert_eq!(Element::parse(xml), Err(cause), "{xml}");
        }
        for malformed in
            ["<a>", "<a></b>", "</a>", "<a", "<a b/>", "<a b='1' b='2'/>", "<a b='&c;'/>", "<a>&</a>", "<a b=c/>"]
        {
            assert!(matches!(Element::parse(malformed), Err(Syntax { .. })), "{malformed}");
        }
    }

    #[test]
    fn size_depth_and_attributes_have_their_limits() {
        let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
        assert!(Element::parse(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(Element::parse(&nested(MAX_DEPTH + 1)), Err(XmlError::TooDeep));
        let long = |bytes: usize| format!("<a>{}</a>", "b".repeat(bytes - 7));
        assert!(Element::parse(&long(MAX_XML_BYTES)).is_ok());
        assert_eq!(Element::parse(&long(MAX_XML_BYTES + 1)), Err(XmlError::TooLong));
        let wide = |count: usize| format!("<a{}/>", (0..count).map(|n| format!(" a{n}=''")).collect::<String>());
        assert!(Element::parse(&wide(MAX_ATTRIBUTES)).is_ok());
        assert_eq!(Element::parse(&wide(MAX_ATTRIBUTES + 1)), Err(XmlError::TooManyAttributes));
    }

    proptest! {
        #[test]
        fn no_input_panics(xml in any::<String>(), markup in "[<>/a:='\" &;#x0!\\[\\]?-]{0,60}") {
            let _ = Element::parse(&xml);
            let _ = Element::parse(&markup);
        }
    }
}
