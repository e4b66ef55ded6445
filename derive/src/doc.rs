//! Doc comments as Markdown for the registry.

use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// Returns the text of the doc comments among `attributes`. The lines of a paragraph are joined,
/// because the registry shows line breaks of the source. Code blocks, lists, tables and headings
/// keep their lines.
pub(crate) fn text(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(line);
    unwrap(lines)
}

fn line(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(meta) = &attribute.meta else {
        return None;
    };
    match &meta.value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text), ..
        }) if meta.path.is_ident("doc") => Some(text.value()),
        _ => None,
    }
}

fn unwrap(lines: impl Iterator<Item = String>) -> String {
    let mut text = String::new();
    let mut in_code = false;
    // Whether the next line continues the paragraph.
    let mut continues = false;
    // `split` returns a line for an empty string, which ends a paragraph; `lines` does not.
    for line in lines.flat_map(|text| text.split('\n').map(str::to_owned).collect::<Vec<_>>()) {
        let line = line.strip_prefix(' ').unwrap_or(&line).trim_end();
        let is_fence = line.trim_start().starts_with("```");
        if is_fence || in_code {
            break_line(&mut text);
            text.push_str(line);
            in_code ^= is_fence;
            continues = false;
        } else if line.trim().is_empty() {
            break_line(&mut text);
            text.push('\n');
            continues = false;
        } else if begins_a_block(line) {
            break_line(&mut text);
            text.push_str(line);
            continues = !line.starts_with(['#', '|']);
        } else if continues {
            text.push(' ');
            text.push_str(line.trim_start());
        } else {
            break_line(&mut text);
            text.push_str(line);
            continues = true;
        }
    }
    text.trim().to_owned()
}

fn break_line(text: &mut String) {
    if !text.is_empty() && !text.ends_with("\n\n") {
        text.push('\n');
    }
}

/// Returns whether a line starts an item of a list, a row of a table or a heading.
fn begins_a_block(line: &str) -> bool {
    let line = line.trim_start();
    let after_number = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_numbered = after_number.len() < line.len() && after_number.starts_with(". ");
    is_numbered
        || ["- ", "* ", "# ", "## ", "### ", "|", "> "]
            .iter()
            .any(|start| line.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::unwrap;

    #[test]
    fn text_joins_lines_of_paragraphs_and_keeps_blocks() {
        let cases = [
            (" One\n line.", "One line."),
            (" One.\n\n Two\n more.", "One.\n\nTwo more."),
            (" List:\n - one\n   more\n - two", "List:\n- one more\n- two"),
            (
                " Code:\n ```hcl\n a = 1\n   b = 2\n ```\n End.",
                "Code:\n```hcl\na = 1\n  b = 2\n```\nEnd.",
            ),
            (" | a | b |\n |---|---|\n | 1 | 2 |", "| a | b |\n|---|---|\n| 1 | 2 |"),
            (" 1. one\n 2. two", "1. one\n2. two"),
            ("", ""),
        ];
        for (source, expected) in cases {
            assert_eq!(unwrap(source.lines().map(str::to_owned)), expected, "{source:?}");
        }
    }
}
