//! Links between files of this project, made absolute.
//!
//! The registry shows a page at a URL without `.md`, the first one also without a last slash, and changes no link: a relative
//! link that works on GitHub fails there. Absolute ones work at both.

use anyhow::{Context as _, Result, bail, ensure};

use crate::{NAMESPACE, Project};

/// Completes the links of one provider's pages.
#[derive(Debug)]
pub(crate) struct Links<'a> {
    project: &'a Project,
    providers: Vec<&'a str>,
}

impl<'a> Links<'a> {
    pub(crate) fn new(project: &'a Project) -> Self {
        Self {
            project,
            providers: project.providers(),
        }
    }

    /// Returns the text of a file of this project, in Markdown, with absolute links. Links within the page remain.
    pub(crate) fn completed(&self, file: &str, text: &str) -> Result<String> {
        let mut completed = String::with_capacity(text.len());
        let mut is_code = false;
        for line in text.split_inclusive('\n') {
            is_code ^= line.trim_start().starts_with("```");
            let mut parts = line.split("](");
            completed.push_str(parts.next().unwrap_or_default());
            for part in parts {
                completed.push_str("](");
                match part.split_once(')') {
                    Some((link, rest)) if !is_code && is_relative(link) => {
                        let url = self
                            .url(file, link)
                            .with_context(|| format!("{file} links to {link}"))?;
                        completed.push_str(&format!("{url}){rest}"));
                    }
                    _ => completed.push_str(part),
                }
            }
        }
        Ok(completed)
    }

    /// The URL of a link in `file`: of a page in the registry, or of a file in the repository of this project.
    fn url(&self, file: &str, link: &str) -> Result<String> {
        let (path, anchor) = link.split_at(link.find('#').unwrap_or(link.len()));
        let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
        let path = resolved(folder, path)?;
        let target = self.project.root().join(&path);
        ensure!(target.exists(), "there is no {path}");
        let version = self.project.version();
        let page = path.strip_prefix("docs/").and_then(|page| page.split_once('/'));
        if let Some((provider, page)) = page.filter(|(provider, _)| self.providers.contains(provider)) {
            let page = page.strip_suffix(".md").context("that is no page of the registry")?;
            let page = if page == "index" {
                String::new()
            } else {
                format!("/{page}")
            };
            return Ok(format!(
                "https://registry.terraform.io/providers/{NAMESPACE}/{provider}/{version}/docs{page}{anchor}"
            ));
        }
        let kind = if target.is_dir() { "tree" } else { "blob" };
        Ok(format!(
            "{}/{kind}/v{version}/{path}{anchor}",
            self.project.repository()?
        ))
    }
}

fn is_relative(link: &str) -> bool {
    !link.starts_with('#') && !link.contains("://") && !link.starts_with("mailto:")
}

/// The path of `link` in a folder, without `.` and `..`.
fn resolved(folder: &str, link: &str) -> Result<String> {
    let mut path: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." if path.pop().is_none() => bail!("that is outside of the project"),
            ".." => {}
            part => path.push(part),
        }
    }
    Ok(path.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_become_urls_of_the_registry_or_of_the_source() {
        let project = Project::find().unwrap();
        let links = Links::new(&project);
        let version = project.version();
        let registry = format!("https://registry.terraform.io/providers/{NAMESPACE}");
        let page = "docs/striim/resources/service_account_token.md";
        for (link, url) in [
            (
                "pat_status.md",
                format!("{registry}/striim/{version}/docs/resources/pat_status"),
            ),
            ("../index.md#schema", format!("{registry}/striim/{version}/docs#schema")),
            ("../../quix/index.md", format!("{registry}/quix/{version}/docs")),
            (
                "../../../README.md",
                format!("{}/blob/v{version}/README.md", project.repository().unwrap()),
            ),
            (
                "../../../src",
                format!("{}/tree/v{version}/src", project.repository().unwrap()),
            ),
            ("#import", "#import".to_owned()),
            ("https://example.com", "https://example.com".to_owned()),
        ] {
            let completed = links.completed(page, &format!("See [this]({link}).\n")).unwrap();
            assert_eq!(completed, format!("See [this]({url}).\n"));
        }
        let code = "```terraform\nvalue = list[0](pat_status.md)\n```\n";
        assert_eq!(links.completed(page, code).unwrap(), code);
        for broken in ["missing.md", "../../../../outside.md", "../resources"] {
            let error = links.completed(page, &format!("[this]({broken})")).unwrap_err();
            assert!(error.to_string().contains(page), "{error:#}");
        }
    }
}
