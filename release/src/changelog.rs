//! The part of the changelog that concerns one provider.

use anyhow::Result;

use crate::Project;
use crate::links::Links;
use crate::repository::read;

/// Marks the sections that do not concern users of a provider.
const FOR_AUTHORS: &str = "for authors of providers";

/// Returns the changelog without the sections whose heading names another provider, or authors of providers.
pub(crate) fn of_provider(project: &Project, provider: &str) -> Result<String> {
    let changelog = read(project.root(), "CHANGELOG.md")?;
    let others = project.providers().into_iter().filter(|other| *other != provider);
    let others: Vec<_> = others.map(|other| format!("`{other}`")).collect();
    Links::new(project).completed("CHANGELOG.md", &without_sections(&changelog, &others))
}

fn without_sections(changelog: &str, others: &[String]) -> String {
    let mut is_kept = true;
    let lines = changelog.split_inclusive('\n').filter(|line| {
        if line.starts_with("## ") {
            is_kept = true;
        } else if line.starts_with("### ") {
            is_kept = !line.contains(FOR_AUTHORS) && !others.iter().any(|other| line.contains(other));
        }
        is_kept
    });
    let kept: String = lines.collect();
    format!("{}\n", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_of_others_are_left_out() {
        let changelog = "# Changelog\n\n## 0.2.0\n\n### Fixed: all providers\n\n- One.\n\n### Added: `quix`\n\n- Two.\n\n\
                         ### Added: `striim`\n\n- Three.\n\n### Added: for authors of providers\n\n- Four.\n\n## 0.1.0\n\n\
                         - Five.\n\n### Changed: `quix` and `startree`\n\n- Six.\n";
        let kept = without_sections(changelog, &["`quix`".to_owned(), "`startree`".to_owned()]);
        let expected = "# Changelog\n\n## 0.2.0\n\n### Fixed: all providers\n\n- One.\n\n### Added: `striim`\n\n- Three.\n\n\
                        ## 0.1.0\n\n- Five.\n";
        assert_eq!(kept, expected);
    }
}
