//! One page: its front matter, its description, its example.

/// One page of the documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Where it belongs, such as `resources/note.md`.
    pub path: String,
    /// Its text, in Markdown.
    pub text: String,
}

/// What a page consists of.
pub(super) struct Content<'a> {
    /// The title of the browser's window.
    pub(super) title: &'a str,
    /// Where the registry's menu lists it; `None` for the one page that has no place there.
    pub(super) subcategory: Option<&'a str>,
    pub(super) heading: &'a str,
    pub(super) description: &'a str,
    /// Why what it describes should not be used any more.
    pub(super) deprecated: Option<&'a str>,
    /// The example.
    pub(super) usage: &'a str,
    /// What follows the example.
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
        let heading = format!("# {}", self.heading);
        let usage = format!("## Example Usage\n\n{}", code("terraform", self.usage));
        let blocks = [
            &*heading,
            deprecated.as_deref().unwrap_or_default(),
            self.description,
            &usage,
            self.reference,
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

/// A text in YAML.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The first paragraph as plain text, for search engines and the registry's own search.
fn summary(description: &str) -> String {
    let paragraph = description.split("\n\n").next().unwrap_or_default();
    paragraph.replace(['`', '*'], "").replace('\n', " ")
}

/// A block of code.
pub(super) fn code(language: &str, text: &str) -> String {
    format!("```{language}\n{}\n```\n", text.trim_end())
}

/// An item of a list, whose later lines are indented so that they belong to it.
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
        description: "A `note`\nthat **stays**.\n\nMore.",
        deprecated: None,
        usage: "resource {}\n",
        reference: "## Schema\n",
        command: Some("make docs"),
    };

    #[test]
    fn page_begins_as_the_registry_expects() {
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

More.

## Example Usage

```terraform
resource {}
```

## Schema
";
        assert_eq!(CONTENT.to_markdown(), expected);
    }

    #[test]
    fn page_has_only_what_there_is() {
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
                    description: "",
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
    fn item_of_several_paragraphs_is_indented() {
        assert_eq!(item("-", "One.\nTwo.\n\nThree.\n"), "- One.\n  Two.\n\n  Three.\n");
        assert_eq!(item("1.", "One.\nTwo."), "1. One.\n   Two.\n");
    }
}
