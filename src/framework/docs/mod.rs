//! Documentation: the pages of a provider in the Terraform registry, generated from its schemas and
//! examples.
//!
//! A [`Generator`] generates [`Pages`]; a test compares them with the files in the repository, or
//! writes them:
//!
//! ```
//! use token_providers::framework::docs::{DocsError, Generator};
//! use token_providers::framework::{Configured, Context, Diagnostics, Field, Model, Provider};
//!
//! /// Notes on a server.
//! #[derive(Model, Default)]
//! struct Config {
//!     /// The server.
//!     #[attribute(required)]
//!     endpoint: Field<String>,
//! }
//!
//! struct Notes;
//!
//! impl Provider for Notes {
//!     type Config = Config;
//!     type Client = ();
//!
//!     async fn configure(&self, _: &Context<()>, _: Config, _: &str) -> Result<Configured<()>, Diagnostics> {
//!         Ok(Configured::Ready(()))
//!     }
//! }
//!
//! # fn main() -> Result<(), DocsError> {
//! # let repository = tempfile::tempdir().unwrap();
//! # let (examples, docs) = (repository.path().join("examples"), repository.path().join("docs"));
//! # std::fs::create_dir_all(examples.join("provider")).unwrap();
//! # std::fs::write(examples.join("provider/provider.tf"), "provider \"notes\" {}\n").unwrap();
//! // In a test, where `examples` and `docs` are folders of the repository:
//! let generator = Generator::new("notes", examples).command("UPDATE_DOCS=1 cargo test --test docs");
//! let pages = generator.pages(&Notes)?;
//! # pages.write(&docs)?;
//! match std::env::var_os("UPDATE_DOCS") {
//!     Some(_) => pages.write(docs)?,
//!     None => pages.check(docs)?,
//! }
//!
//! let index = pages.iter().next().unwrap();
//! assert_eq!(index.path, "index.md");
//! assert!(index.text.contains("- `endpoint` (String) The server.\n"));
//! # Ok(())
//! # }
//! ```
//!
//! # Layout of the pages
//!
//! The layout is that of the registry: `index.md`, and a folder per kind, such as
//! `resources/note.md` for `notes_note`. Pages are formatted as by tfplugindocs, HashiCorp's
//! generator, and pass its `validate`: the first paragraph of the description with its callouts
//! (`->`, `~>`, `!>`), the example, the schema, the import, and then the rest of the description.
//! Pages in these folders that are no longer generated are stale. Other files, such as those of
//! `guides/`, are written by hand and ignored.
//!
//! # Layout of the examples
//!
//! The layout is that of tfplugindocs. Every type requires an example, in a folder of its full
//! name:
//!
//! | file | for |
//! |---|---|
//! | `provider/provider.tf` | the provider |
//! | `resources/<type>/resource.tf` | a resource |
//! | `resources/<type>/import-by-string.tf` | its import with an `import` block and an id |
//! | `resources/<type>/import-by-identity.tf` | its import with an `import` block and an identity, if it has one |
//! | `resources/<type>/import.sh` | its import with the command |
//! | `data-sources/<type>/data-source.tf` | a data source |
//! | `ephemeral-resources/<type>/ephemeral-resource.tf` | an ephemeral resource |
//! | `list-resources/<type>/list-resource.tfquery.hcl` | a list resource |
//! | `actions/<type>/action.tf` | an action |
//! | `functions/<name>/function.tf` | a function |

mod attribute_description;
mod error;
mod examples;
mod function;
mod generator;
mod import;
mod kind;
mod page;
mod pages;
mod reference;
mod type_name;

pub use error::{DocsError, Outdated};
pub use generator::Generator;
pub use page::Page;
pub use pages::Pages;
