//! Small XML documents: read safely into a tree, and written in the one form that is hashed.

mod canonical;
mod read;

pub(crate) use canonical::canonical;
pub use read::Unreadable;
pub(crate) use read::{is_character, read};

/// An element with its names resolved. Declarations of namespaces are not kept: what matters of them stands in the names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Element {
    pub(crate) name: Name,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) content: Vec<Content>,
}

/// The name of an element or an attribute.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Name {
    /// The namespace; empty for none.
    pub(crate) namespace: String,
    /// The part behind the colon.
    pub(crate) local: String,
    /// The part before the colon as it was written; empty for none.
    pub(crate) prefix: String,
}

/// An attribute with its value, references and line ends resolved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Attribute {
    pub(crate) name: Name,
    pub(crate) value: String,
}

/// What is in an element. Text that was interrupted by a comment is one text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Content {
    Element(Element),
    Text(String),
}

impl Name {
    /// A name without a prefix, in a namespace that is then the default one, or in none.
    pub(crate) fn plain(namespace: &str, local: &str) -> Self {
        Self { namespace: namespace.to_owned(), local: local.to_owned(), prefix: String::new() }
    }
}

impl Element {
    /// An empty element without a prefix.
    pub(crate) fn new(namespace: &str, local: &str) -> Self {
        Self { name: Name::plain(namespace, local), attributes: Vec::new(), content: Vec::new() }
    }

    /// The same with an attribute more.
    #[must_use]
    pub(crate) fn with(mut self, local: &str, value: impl Into<String>) -> Self {
        self.attributes.push(Attribute { name: Name::plain("", local), value: value.into() });
        self
    }

    /// The same with elements more.
    #[must_use]
    pub(crate) fn holding(mut self, children: impl IntoIterator<Item = Element>) -> Self {
        self.content.extend(children.into_iter().map(Content::Element));
        self
    }

    /// The same with text more.
    #[must_use]
    pub(crate) fn saying(mut self, text: impl Into<String>) -> Self {
        self.content.push(Content::Text(text.into()));
        self
    }

    /// Whether it has this local name, in whatever namespace.
    pub(crate) fn is_named(&self, local: &str) -> bool {
        self.name.local == local
    }

    /// The elements in it.
    pub(crate) fn children(&self) -> impl Iterator<Item = &Element> {
        self.content.iter().filter_map(|content| match content {
            Content::Element(element) => Some(element),
            Content::Text(_) => None,
        })
    }

    /// The elements of this local name in it.
    pub(crate) fn all<'a>(&'a self, local: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children().filter(move |child| child.is_named(local))
    }

    /// The text directly in it.
    pub(crate) fn text(&self) -> String {
        self.content
            .iter()
            .filter_map(|content| match content {
                Content::Text(text) => Some(text.as_str()),
                Content::Element(_) => None,
            })
            .collect()
    }

    /// The value of an attribute without a prefix.
    pub(crate) fn attribute(&self, local: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|it| it.name.namespace.is_empty() && it.name.local == local);
        found.map(|attribute| attribute.value.as_str())
    }

    /// It and every element below it, for as long as somebody asks.
    pub(crate) fn descend(&self) -> Vec<&Element> {
        let mut found = vec![self];
        let mut at = 0;
        while at < found.len() {
            let next = found[at];
            found.extend(next.children());
            at += 1;
        }
        found
    }

    /// The same without text that is only white space.
    #[must_use]
    pub(crate) fn compact(&self) -> Self {
        let content = self.content.iter().filter_map(|content| match content {
            Content::Element(element) => Some(Content::Element(element.compact())),
            Content::Text(text) if text.trim().is_empty() => None,
            Content::Text(text) => Some(Content::Text(text.clone())),
        });
        Self { content: content.collect(), name: self.name.clone(), attributes: self.attributes.clone() }
    }
}
