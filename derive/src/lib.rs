//! `#[derive(Model)]`: one struct is the model, the schema and the documentation of a resource.
//!
//! The documentation of `token_providers::framework::Model` describes it and its options.

mod doc;
mod expand;
mod options;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Derives `token_providers::framework::Model`, whose documentation describes the options.
#[proc_macro_derive(Model, attributes(attribute, model))]
pub fn derive_model(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand::model(&input)
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}
