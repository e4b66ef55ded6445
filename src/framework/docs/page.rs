//! A page: front matter, description, example, reference.

/// A page of the documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The path in the folder, such as `resources/note.md`.
    pub path: String,
    /// The content, in Markdown.
    pub text: String,
}

/// The parts of a page.
pub(super) struct Content<'a> {
    /// The title in the browser.
    pub(super) title: &'a str,
    /// The subcategory in the registry's menu; `None` for the provider's page, which has none.
    pub(super) subcategory: Option<&'a str>,
    pub(super) heading: &'a str,
    pub(super) description: &'a str,
    /// The deprecation message.
    pub(super) deprecated: Option<&'a str>,
    /// The required versions of Terraform and OpenTofu.
    pub(super) requirement: Option<&'a str>,
    /// The example.
    pub(super) usage: &'a str,
    /// The sections after the example.
    pub(super) reference: &'a str,
    /// The command that regenerates the page.
    pub(super) command: Option<&'a str>,
}

impl Content<'_> {
    pub(super) fn to_markdown(&self) -> String {
        let regenerate = match self.command {
            Some(command) => format!("Change those, then run `{command}`."),
            None => "Change those, and regenerate it.".to_owned(),
        };
        let title = quoted(self.title);
        let subcategory = match self.subcategory {
            Some(subcategory) => format!("subcategory: {}\n", quoted(subcategory)),
            None => String::new(),
        };
        let summary = summary(self.description);
        let deprecated = self.deprecated.map(|message| format!("~> **Deprecated.** {message}"));
        let requirement = self.requirement.map(|requirement| format!("-> {requirement}"));
        let heading = format!("# {}", self.heading);
        let usage = format!("## Example Usage\n\n{}", code("terraform", self.usage));
        let (introduction, details) = split_description(self.description);
        let details = match details {
            "" => String::new(),
            details if details.starts_with("## ") => details.to_owned(),
            details => format!("## Details\n\n{details}"),
        };
        let blocks = [
            &*heading,
            deprecated.as_deref().unwrap_or_default(),
            introduction,
            requirement.as_deref().unwrap_or_default(),
            &usage,
            self.reference,
            &details,
        ];
        let blocks: Vec<_> = blocks
            .iter()
            .map(|block| block.trim_end())
            .filter(|block| !block.is_empty())
            .collect();
        let body = blocks.join("\n\n");
        format!(
            "---\n\
             # Generated from the schema and the examples. {regenerate}\n\
             page_title: {title}\n\
             {subcategory}\
             description: |-\n  \
               {summary}\n\
             ---\n\n\
             {body}\n"
        )
    }
}

/// Splits a description into the text before the example, which is its first paragraph and the
/// callouts (`->`, `~>`, `!>`) that follow it, and the details after the reference.
fn split_description(description: &str) -> (&str, &str) {
    let is_callout = |text: &str| ["-> ", "~> ", "!> "].iter().any(|marker| text.starts_with(marker));
    let mut end = description.find("\n\n").unwrap_or(description.len());
    while let Some(rest) = description.get(end + 2..).filter(|rest| is_callout(rest)) {
        end = rest.find("\n\n").map_or(description.len(), |length| end + 2 + length);
    }
    let (introduction, details) = description.split_at(end);
    (introduction, details.trim_start())
}

/// Quotes a string for YAML.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Returns the first paragraph as plain text, for search engines and the registry's search.
fn summary(description: &str) -> String {
    let paragraph = description.split("\n\n").next().unwrap_or_default();
    paragraph.replace(['`', '*'], "").replace('\n', " ")
}

/// Formats a code block.
pub(super) fn code(language: &str, text: &str) -> String {
    format!("```{language}\n{}\n```\n", text.trim_end())
}

/// Formats a list item, and indents its further lines.
pub(super) fn item(marker: &str, text: &str) -> String {
    let indent = " ".repeat(marker.len() + 1);
    let text = text
        .trim_end()
        .replace('\n', &format!("\n{indent}"))
        .replace(&format!("\n{indent}\n"), "\n\n");
    format!("{marker} {text}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTENT: Content<'_> = Content {
        title: "notes_note Resource - notes",
        subcategory: Some(""),
        heading: "notes_note (Resource)",
        description: "A `note`\nthat **stays**.\n\n~> Mind it.\n\nMore.\n\nEven more.",
        deprecated: None,
        requirement: Some("It requires a pen."),
        usage: "resource {}\n",
        reference: "## Schema\n",
        command: Some("make docs"),
    };

    #[test]
    fn page_has_front_matter_and_sections_in_order() {
        let expected = "\
---
# Generated from the schema and the examples. Change those, then run `make docs`.
page_title: \"notes_note Resource - notes\"
subcategory: \"\"
description: |-
  A note that stays.
---

# notes_note (Resource)

A `note`
that **stays**.

~> Mind it.

-> It requires a pen.

## Example Usage

```terraform
resource {}
```

## Schema

## Details

More.

Even more.
";
        assert_eq!(CONTENT.to_markdown(), expected);
    }

    #[test]
    fn page_omits_absent_parts() {
        let cases = [
            (
                Content {
                    command: None,
                    ..CONTENT
                },
                "examples. Change those, and regenerate it.\npage_title",
            ),
            (
                Content {
                    subcategory: None,
                    ..CONTENT
                },
                "notes\"\ndescription: |-",
            ),
            (
                Content {
                    subcategory: Some("A \"b\""),
                    ..CONTENT
                },
                "\nsubcategory: \"A \\\"b\\\"\"\n",
            ),
            (
                Content {
                    description: "A note.\n\n## Rotation\n\nMore.",
                    ..CONTENT
                },
                "\n## Schema\n\n## Rotation\n\nMore.\n",
            ),
            (
                Content {
                    description: "",
                    requirement: None,
                    ..CONTENT
                },
                "# notes_note (Resource)\n\n## Example Usage\n",
            ),
            (
                Content {
                    deprecated: Some("Use `b`."),
                    ..CONTENT
                },
                "(Resource)\n\n~> **Deprecated.** Use `b`.\n\nA `note`",
            ),
        ];
        for (content, expected) in cases {
            let text = content.to_markdown();
            assert!(text.contains(expected), "{expected}\n\n{text}");
        }
    }

    #[test]
    fn item_with_several_paragraphs_is_indented() {
        assert_eq!(item("-", "One.\nTwo.\n\nThree.\n"), "- One.\n  Two.\n\n  Three.\n");
        assert_eq!(item("1.", "One.\nTwo."), "1. One.\n   Two.\n");
    }
}
