//! The kinds of things that a provider has, each with pages of its own.

use super::facts::Use;

/// A kind of things that a provider has, and that the registry has a folder for.
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

    /// The folder of the pages, and of the examples.
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

    /// The file of an example.
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

    /// The name of the page of `name`: the registry leaves out the provider's name that a type begins with.
    pub(super) fn page(self, provider: &str, name: &str) -> String {
        let short = match self {
            Self::Function => None,
            _ => name.strip_prefix(provider).and_then(|rest| rest.strip_prefix('_')),
        };
        format!("{}/{}.md", self.folder(), short.unwrap_or(name))
    }

    pub(super) fn used(self) -> Use {
        match self {
            Self::Resource => Use::Resource,
            _ => Use::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_of_a_type_has_its_name_without_that_of_the_provider() {
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
