//! The kinds of pages.

use super::attribute_description::SchemaUse;

/// A kind of page, with its folder in the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Action,
    DataSource,
    EphemeralResource,
    Function,
    ListResource,
    Resource,
}

impl Kind {
    pub(super) const ALL: [Self; 6] = [
        Self::Action,
        Self::DataSource,
        Self::EphemeralResource,
        Self::Function,
        Self::ListResource,
        Self::Resource,
    ];

    /// Returns the folder of the pages and of the examples.
    pub(super) fn folder(self) -> &'static str {
        match self {
            Self::Action => "actions",
            Self::DataSource => "data-sources",
            Self::EphemeralResource => "ephemeral-resources",
            Self::Function => "functions",
            Self::ListResource => "list-resources",
            Self::Resource => "resources",
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Action => "Action",
            Self::DataSource => "Data Source",
            Self::EphemeralResource => "Ephemeral Resource",
            Self::Function => "Function",
            Self::ListResource => "List Resource",
            Self::Resource => "Resource",
        }
    }

    /// Returns the versions of Terraform and OpenTofu that know this kind of object; `None` for all.
    pub(super) fn requirement(self) -> Option<&'static str> {
        match self {
            Self::Action => Some("Actions require Terraform 1.14 or later. OpenTofu does not have them."),
            Self::EphemeralResource => Some("Ephemeral resources require Terraform 1.10 or OpenTofu 1.11, or later."),
            Self::Function => Some("Provider functions require Terraform 1.8 or OpenTofu 1.7, or later."),
            Self::ListResource => Some(
                "List resources require `terraform query`, of Terraform 1.14 or later. OpenTofu does not have them.",
            ),
            Self::DataSource | Self::Resource => None,
        }
    }

    /// Returns the file name of an example.
    pub(super) fn example(self) -> &'static str {
        match self {
            Self::Action => "action.tf",
            Self::DataSource => "data-source.tf",
            Self::EphemeralResource => "ephemeral-resource.tf",
            Self::Function => "function.tf",
            Self::ListResource => "list-resource.tfquery.hcl",
            Self::Resource => "resource.tf",
        }
    }

    /// Returns the path of the page of `name`. As in the registry, the provider's name is removed
    /// from a type.
    pub(super) fn page(self, provider: &str, name: &str) -> String {
        let short = match self {
            Self::Function => None,
            _ => name.strip_prefix(provider).and_then(|rest| rest.strip_prefix('_')),
        };
        format!("{}/{}.md", self.folder(), short.unwrap_or(name))
    }

    pub(super) fn used(self) -> SchemaUse {
        match self {
            Self::Resource => SchemaUse::Resource,
            _ => SchemaUse::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_path_omits_provider_name() {
        let cases = [
            (Kind::Resource, "notes_note", "resources/note.md"),
            (Kind::DataSource, "notes", "data-sources/notes.md"),
            (Kind::Action, "notesy_note", "actions/notesy_note.md"),
            (Kind::Function, "notes_join", "functions/notes_join.md"),
        ];
        for (kind, name, expected) in cases {
            assert_eq!(kind.page("notes", name), expected);
        }
    }
}
