//! Names by template, such as `CN={given_name} {family_name}` or `email={email?}`.
//!
//! A template is one attribute or one alternative name: its kind, `=`, and text with fields of the request in
//! braces. `{{` and `}}` stand for braces. With a field that ends in `?` the whole template is left out when the
//! request does not give it; every other field is needed. What a field holds stays text of this one attribute:
//! nothing in it can begin another.

use serde::{Deserialize, Serialize};

use super::attribute::{Attribute, AttributeKind, text_fault};
use super::fields::{Facts, Field};
use super::{AlternativeName, Subject, SubjectRefused, refused};
use crate::profile::Presence;

/// How a profile makes names: `[profile.names]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Templates {
    /// The subject, most general attribute first.
    subject: NameTemplate,
    /// Alternative names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    alternative: Vec<AlternativeTemplate>,
    /// The subject's entry in the directory, an alternative name that is a distinguished name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    directory: Option<NameTemplate>,
}

impl Templates {
    /// Whether a request must, may or must not say this.
    pub(crate) fn presence(&self, field: Field) -> Presence {
        let used = self.parts().filter_map(|part| match part {
            Part::Field { field: used, presence } if *used == field => Some(*presence),
            _ => None,
        });
        used.fold(Presence::Forbidden, |all, one| match (all, one) {
            (Presence::Required, _) | (_, Presence::Required) => Presence::Required,
            (_, one) => one,
        })
    }

    /// The attribute of the subject that is a field and nothing else.
    pub(super) fn place(&self, field: Field) -> Option<AttributeKind> {
        let is_it = |template: &&AttributeTemplate| matches!(template.text.parts.as_slice(), [Part::Field { field: one, .. }] if *one == field);
        self.subject.0.iter().find(is_it).map(|template| template.kind)
    }

    /// Whether it makes alternative names of this kind.
    pub(crate) fn makes(&self, kind: AlternativeKind) -> bool {
        self.alternative.iter().any(|template| template.kind == kind)
    }

    /// The text that begins the attribute of this kind in every subject, and whether there is one.
    pub(crate) fn begins_with(&self, kind: AttributeKind) -> Option<&str> {
        let template = self.subject.0.iter().find(|template| template.kind == kind)?;
        match template.text.parts.first()? {
            Part::Text(text) if !template.text.may_be_left_out() => Some(text),
            _ => Some(""),
        }
    }

    /// What makes no sense in it.
    pub(crate) fn fault(&self) -> Option<String> {
        let templates = &self.subject.0;
        let kinds: Vec<_> = templates.iter().map(|template| template.kind).collect();
        if let Some(at) = (1..kinds.len()).find(|at| kinds[..*at].contains(&kinds[*at])) {
            let name = kinds[at].short_name();
            return Some(format!("names.subject has {name} twice; join both in one template"));
        }
        if templates.iter().all(|template| template.text.may_be_left_out()) {
            return Some(
                "names.subject needs a template without an optional field, or it could be empty".to_owned(),
            );
        }
        let empty = self.directory.as_ref().is_some_and(|name| name.0.is_empty());
        empty.then(|| "names.directory is empty; leave it out".to_owned())
    }

    /// Makes the names of what a request says.
    pub(super) fn names(&self, facts: &Facts) -> Result<(Subject, Vec<AlternativeName>), SubjectRefused> {
        let attributes = self.subject.0.iter().filter_map(|template| template.make(facts).transpose());
        let subject = Subject { attributes: attributes.collect::<Result<_, _>>()? };
        let mut names = Vec::new();
        for template in &self.alternative {
            names.extend(template.make(facts)?);
        }
        // An entry with a part left out would be another entry, so it goes as a whole.
        if let Some(directory) = self.directory.as_ref().filter(|directory| directory.is_given(facts)) {
            let attributes = directory.0.iter().filter_map(|template| template.make(facts).transpose());
            let name = Subject { attributes: attributes.collect::<Result<_, _>>()? };
            names.push(AlternativeName::Directory(name));
        }
        Ok((subject, names))
    }

    fn parts(&self) -> impl Iterator<Item = &Part> {
        let directory = self.directory.iter().flat_map(|name| &name.0);
        let attributes = self.subject.0.iter().chain(directory).map(|template| &template.text);
        attributes.chain(self.alternative.iter().map(|template| &template.text)).flat_map(|text| &text.parts)
    }
}

/// A distinguished name by template, most general attribute first.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub(crate) struct NameTemplate(Vec<AttributeTemplate>);

impl NameTemplate {
    /// The name, where no template has a field.
    pub(crate) fn constant(&self) -> Option<Subject> {
        let attributes = self.0.iter().map(|template| {
            let text = template.text.constant()?;
            Some(Attribute { kind: template.kind, text })
        });
        attributes.collect::<Option<Vec<_>>>().map(|attributes| Subject { attributes })
    }

    fn is_given(&self, facts: &Facts) -> bool {
        self.0.iter().all(|template| template.text.is_given(facts))
    }
}

/// One attribute by template.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
struct AttributeTemplate {
    kind: AttributeKind,
    text: Text,
}

impl AttributeTemplate {
    fn make(&self, facts: &Facts) -> Result<Option<Attribute>, SubjectRefused> {
        let Some(text) = self.text.fill(facts) else { return Ok(None) };
        match text_fault(self.kind, &text) {
            Some(fault) => {
                refused(self.kind.short_name(), format!("{fault}; it is made by \"{}\"", self.text.source))
            }
            None => Ok(Some(Attribute { kind: self.kind, text })),
        }
    }
}

impl TryFrom<String> for AttributeTemplate {
    type Error = String;

    fn try_from(source: String) -> Result<AttributeTemplate, String> {
        let (name, text) = halves(&source)?;
        let kind =
            AttributeKind::ALL.into_iter().find(|kind| kind.short_name() == name).ok_or_else(|| {
                let known = AttributeKind::ALL.map(AttributeKind::short_name).join(", ");
                format!("\"{source}\": there is no attribute \"{name}\"; there are {known}")
            })?;
        let text = Text::parse(&source, text)?;
        if text.parts.iter().any(|part| matches!(part, Part::Field { field, .. } if field.is_list())) {
            return Err(format!("\"{source}\": an attribute has one value, and this field may have several"));
        }
        match text.constant().and_then(|constant| text_fault(kind, &constant)) {
            Some(fault) => Err(format!("\"{source}\": {name} {fault}")),
            None => Ok(AttributeTemplate { kind, text }),
        }
    }
}

impl From<AttributeTemplate> for String {
    fn from(template: AttributeTemplate) -> String {
        template.text.source
    }
}

/// A kind of alternative name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AlternativeKind {
    Dns,
    Ip,
    Upn,
    Email,
    Uri,
}

impl AlternativeKind {
    const ALL: [AlternativeKind; 5] = [
        AlternativeKind::Dns,
        AlternativeKind::Ip,
        AlternativeKind::Upn,
        AlternativeKind::Email,
        AlternativeKind::Uri,
    ];

    fn name(self) -> &'static str {
        match self {
            AlternativeKind::Dns => "dns",
            AlternativeKind::Ip => "ip",
            AlternativeKind::Upn => "upn",
            AlternativeKind::Email => "email",
            AlternativeKind::Uri => "uri",
        }
    }

    fn of(self, text: String) -> Result<AlternativeName, String> {
        let name = match self {
            AlternativeKind::Dns => AlternativeName::Dns(text),
            AlternativeKind::Upn => AlternativeName::Upn(text),
            AlternativeKind::Email => AlternativeName::Email(text),
            AlternativeKind::Uri => AlternativeName::Uri(text),
            AlternativeKind::Ip => match text.parse() {
                Ok(address) => AlternativeName::Ip(address),
                Err(_) => return Err(format!("\"{text}\" is not an IPv4 or IPv6 address")),
            },
        };
        name.fault().map_or(Ok(name), Err)
    }
}

/// One alternative name by template, or one for each value of a list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
struct AlternativeTemplate {
    kind: AlternativeKind,
    text: Text,
}

impl AlternativeTemplate {
    fn make(&self, facts: &Facts) -> Result<Vec<AlternativeName>, SubjectRefused> {
        let texts = match self.text.parts.as_slice() {
            [Part::Field { field, .. }] => facts.all(*field).to_vec(),
            _ => self.text.fill(facts).into_iter().collect(),
        };
        let named = |text| {
            self.kind.of(text).or_else(|fault| {
                refused(self.kind.name(), format!("{fault}; it is made by \"{}\"", self.text.source))
            })
        };
        texts.into_iter().map(named).collect()
    }
}

impl TryFrom<String> for AlternativeTemplate {
    type Error = String;

    fn try_from(source: String) -> Result<AlternativeTemplate, String> {
        let (name, text) = halves(&source)?;
        let kind = AlternativeKind::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
            let known = AlternativeKind::ALL.map(AlternativeKind::name).join(", ");
            format!("\"{source}\": there is no kind of alternative name \"{name}\"; there are {known}")
        })?;
        let text = Text::parse(&source, text)?;
        let has_list =
            text.parts.iter().any(|part| matches!(part, Part::Field { field, .. } if field.is_list()));
        if has_list && text.parts.len() > 1 {
            return Err(format!("\"{source}\": a field that may have several values stands alone"));
        }
        match text.constant().map(|constant| kind.of(constant)) {
            Some(Err(fault)) => Err(format!("\"{source}\": {fault}")),
            _ => Ok(AlternativeTemplate { kind, text }),
        }
    }
}

impl From<AlternativeTemplate> for String {
    fn from(template: AlternativeTemplate) -> String {
        template.text.source
    }
}

/// Text with fields in it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Text {
    /// The whole template as it is written.
    source: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Field { field: Field, presence: Presence },
}

impl Text {
    fn parse(source: &str, text: &str) -> Result<Text, String> {
        let wrong = |what: String| format!("\"{source}\": {what}");
        let mut parts: Vec<Part> = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            push_text(&mut parts, &rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                push_text(&mut parts, brace);
                rest = after;
                continue;
            }
            let field = rest.split_once('}').filter(|_| brace == "{");
            let Some((name, after)) = field else {
                return Err(wrong(
                    "a brace is not closed or not opened; write {{ or }} for one in text".to_owned(),
                ));
            };
            let (name, presence) =
                name.strip_suffix('?').map_or((name, Presence::Required), |name| (name, Presence::Optional));
            let field = Field::ALL.into_iter().find(|field| field.name() == name).ok_or_else(|| {
                wrong(format!(
                    "there is no field \"{name}\"; there are {}",
                    Field::ALL.map(Field::name).join(", ")
                ))
            })?;
            parts.push(Part::Field { field, presence });
            rest = after;
        }
        push_text(&mut parts, rest);
        if parts.is_empty() {
            return Err(wrong("there is nothing after \"=\"".to_owned()));
        }
        Ok(Text { source: source.to_owned(), parts })
    }

    /// The text without fields, if it has none.
    fn constant(&self) -> Option<String> {
        let texts = self.parts.iter().map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Field { .. } => None,
        });
        texts.collect()
    }

    fn may_be_left_out(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Field { presence: Presence::Optional, .. }))
    }

    fn is_given(&self, facts: &Facts) -> bool {
        self.fill(facts).is_some()
    }

    /// The text with its fields, unless one of them is not there.
    fn fill(&self, facts: &Facts) -> Option<String> {
        let texts = self.parts.iter().map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Field { field, .. } => facts.one(*field),
        });
        texts.collect()
    }
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    match parts.last_mut() {
        _ if text.is_empty() => {}
        Some(Part::Text(before)) => before.push_str(text),
        _ => parts.push(Part::Text(text.to_owned())),
    }
}

fn halves(source: &str) -> Result<(&str, &str), String> {
    source.split_once('=').ok_or_else(|| format!("\"{source}\" is not of the form KIND=text"))
}
