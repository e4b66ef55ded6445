//! The generated implementation of `Model`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Field, Fields, Ident, LitStr, Result};

use crate::doc;
use crate::options::{Configurability, FieldOptions, ModelOptions};

pub(crate) fn model(input: &DeriveInput) -> Result<TokenStream> {
    let fields = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => fields.named.iter().collect::<Vec<_>>(),
            Fields::Unit => Vec::new(),
            Fields::Unnamed(_) => return Err(Error::new(input.ident.span(), ONLY_NAMED_FIELDS)),
        },
        Data::Enum(_) | Data::Union(_) => return Err(Error::new(input.ident.span(), ONLY_NAMED_FIELDS)),
    };
    let options = ModelOptions::parse(&input.attrs)?;
    let fields = fields.into_iter().map(Member::new).collect::<Result<Vec<_>>>()?;
    for name in fields.iter().flat_map(Member::referred).chain(referred(&options)) {
        let is_there = |member: &Member<'_>| member.options.flatten.is_some() || member.name() == name.value();
        if !fields.iter().any(is_there) {
            return Err(Error::new(name.span(), "no attribute has this name"));
        }
    }
    let name = &input.ident;
    let (impl_generics, ty_generics, where_clause) = input.generics.split_for_impl();
    let description = options.description.as_ref().map_or_else(
        || {
            let text = doc::text(&input.attrs);
            quote!(#text)
        },
        |description| quote!(#description),
    );
    let version = options.version.iter();
    let deprecated = options.deprecated.iter();
    let attributes = fields.iter().map(Member::schema);
    let rules = fields.iter().map(Member::rules).chain([rules(&options)]);
    let reads = fields.iter().map(Member::read);
    let writes = fields.iter().map(Member::write);
    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics ::token_providers::framework::Model for #name #ty_generics #where_clause {
            fn describe(schema: &mut ::token_providers::framework::Schema) {
                schema.description = ::core::convert::Into::into(#description);
                #(schema.version = #version;)*
                #(schema.deprecated = ::core::option::Option::Some(::core::convert::Into::into(#deprecated));)*
            }

            fn add_attributes(schema: &mut ::token_providers::framework::Schema) {
                #(#attributes)*
                #(#rules)*
            }

            #[allow(unused_variables)] // a model may have no fields
            fn read(
                object: &::token_providers::framework::Value,
                path: &::token_providers::framework::AttributePath,
            ) -> ::core::result::Result<Self, ::token_providers::framework::InvalidValue> {
                ::core::result::Result::Ok(Self { #(#reads)* })
            }

            #[allow(unused_variables)] // a model may have no fields
            fn write(self, members: &mut ::std::collections::BTreeMap<::std::string::String, ::token_providers::framework::Value>) {
                #(#writes)*
            }
        }
    })
}

const ONLY_NAMED_FIELDS: &str = "a model must be a struct with named fields";

/// Returns the attribute names in the options of the struct.
fn referred(options: &ModelOptions) -> impl Iterator<Item = &LitStr> {
    let lists = [&options.conflicting, &options.exactly_one_of, &options.at_least_one_of];
    lists.into_iter().flatten().flatten()
}

fn rules(options: &ModelOptions) -> TokenStream {
    let ModelOptions {
        rules,
        conflicting,
        exactly_one_of,
        at_least_one_of,
        ..
    } = options;
    quote! {
        #(schema.rules.push(::token_providers::framework::Rule::conflicting(&[#(#conflicting),*]));)*
        #(schema.rules.push(::token_providers::framework::Rule::exactly_one_of(&[#(#exactly_one_of),*]));)*
        #(schema.rules.push(::token_providers::framework::Rule::at_least_one_of(&[#(#at_least_one_of),*]));)*
        #(schema.rules.push(#rules);)*
    }
}

/// A field of the struct.
struct Member<'a> {
    field: &'a Field,
    ident: &'a Ident,
    options: FieldOptions,
}

impl<'a> Member<'a> {
    fn new(field: &'a Field) -> Result<Self> {
        let ident = field
            .ident
            .as_ref()
            .ok_or_else(|| Error::new(field.span(), ONLY_NAMED_FIELDS))?;
        let options = FieldOptions::parse(&field.attrs)?;
        if options.flatten.is_some() {
            options.check_flatten()?;
        } else {
            options.configurability(ident)?;
        }
        Ok(Self { field, ident, options })
    }

    /// Returns the name of the attribute.
    fn name(&self) -> String {
        let name = self.ident.to_string();
        name.strip_prefix("r#").map(str::to_owned).unwrap_or(name)
    }

    /// Returns the attribute names in the options of the field.
    fn referred(&self) -> impl Iterator<Item = &LitStr> {
        self.options.conflicts_with.iter().chain(&self.options.requires)
    }

    fn schema(&self) -> TokenStream {
        let (ty, options) = (&self.field.ty, &self.options);
        if options.flatten.is_some() {
            return quote_spanned!(ty.span()=> <#ty as ::token_providers::framework::Model>::add_attributes(schema););
        }
        let name = self.name();
        let description = options.description.as_ref().map_or_else(
            || {
                let text = doc::text(&self.field.attrs);
                quote!(#text)
            },
            |description| quote!(#description),
        );
        let configurability = match options.configurability(self.ident) {
            Ok(Configurability::Required) => quote!(Required),
            Ok(Configurability::Optional) => quote!(Optional),
            Ok(Configurability::OptionalComputed) => quote!(OptionalComputed),
            Ok(Configurability::Computed) => quote!(Computed),
            Err(error) => return error.to_compile_error(),
        };
        let mut attribute = quote_spanned! {ty.span()=>
            ::token_providers::framework::Attribute::of::<#ty>(
                #name,
                ::token_providers::framework::Configurability::#configurability,
                #description,
            )
        };
        let flags = [
            (options.requires_replace, quote!(requires_replace)),
            (options.sensitive, quote!(sensitive)),
            (options.write_only.is_some(), quote!(write_only)),
            (options.empty_is_null, quote!(empty_is_null)),
            (options.use_state_for_unknown.is_some(), quote!(use_state_for_unknown)),
            (options.planned.is_some(), quote!(planned)),
            (options.import, quote!(import_id)),
            (options.identity, quote!(identity)),
        ];
        for (_, method) in flags.iter().filter(|(is_set, _)| *is_set) {
            attribute.extend(quote!(.#method()));
        }
        if let Some((condition, description)) = &options.requires_replace_if {
            attribute.extend(quote!(.requires_replace_if::<#ty>(#condition, #description)));
        }
        if let Some(default) = &options.default {
            attribute.extend(quote!(.default_value(<#ty as ::core::convert::From<_>>::from(#default))));
        }
        if let Some(deprecated) = &options.deprecated {
            attribute.extend(quote!(.deprecated(#deprecated)));
        }
        for validator in &options.validators {
            attribute.extend(quote!(.validate(#validator)));
        }
        let sugar = [
            (&options.lengths, quote!(length)),
            (&options.ranges, quote!(range)),
            (&options.choices, quote!(one_of)),
        ];
        for (arguments, validator) in sugar {
            for argument in arguments {
                attribute.extend(quote!(.validate(::token_providers::framework::Validator::#validator(#argument))));
            }
        }
        for check in &options.checks {
            // A call, so that a function of `&str` accepts a `&String`. Errors are reported at the
            // option.
            let call = quote_spanned!(check.span()=> (#check)(value));
            attribute.extend(quote! {
                .check::<#ty, _>(move |value: &<#ty as ::token_providers::framework::ModelField>::Value| #call)
            });
        }
        quote!(schema.attributes.push(#attribute);)
    }

    fn rules(&self) -> TokenStream {
        let name = self.name();
        let (conflicts_with, requires) = (&self.options.conflicts_with, &self.options.requires);
        quote! {
            #(schema.rules.push(::token_providers::framework::Rule::conflicting(&[#conflicts_with, #name]));)*
            #(schema.rules.push(::token_providers::framework::Rule::requires(#name, #requires));)*
        }
    }

    fn read(&self) -> TokenStream {
        let (ident, ty) = (self.ident, &self.field.ty);
        if self.options.flatten.is_some() {
            return quote!(#ident: <#ty as ::token_providers::framework::Model>::read(object, path)?,);
        }
        let name = self.name();
        quote_spanned! {ty.span()=>
            #ident: ::token_providers::framework::AttributeValue::read(
                object.get(#name),
                &path.attribute(#name),
            )?,
        }
    }

    fn write(&self) -> TokenStream {
        let (ident, ty) = (self.ident, &self.field.ty);
        if self.options.flatten.is_some() {
            return quote!(::token_providers::framework::Model::write(self.#ident, members););
        }
        let name = self.name();
        quote_spanned! {ty.span()=>
            members.insert(::std::borrow::ToOwned::to_owned(#name), ::token_providers::framework::AttributeValue::into_value(self.#ident));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(source: &str) -> Option<String> {
        let input = syn::parse_str(source).expect("a type");
        model(&input).err().map(|error| error.to_string())
    }

    #[test]
    fn invalid_options_are_errors_with_advice() {
        let fields = [
            (
                "",
                "the attribute is neither required, optional nor computed. Add `#[attribute(required)]`",
            ),
            (
                "#[attribute(sensitive)]",
                "the attribute is neither required, optional nor computed.",
            ),
            ("#[attribute(mandatory)]", "unknown option; the options are `required`"),
            ("#[attribute(required, computed)]", "keep one"),
            ("#[attribute(required, optional)]", "keep one"),
            ("#[attribute(required, default = 1)]", "remove them or `required`"),
            ("#[attribute(computed, default = 1)]", "remove them or `computed`"),
            ("#[attribute(computed, empty_is_null)]", "remove them or `computed`"),
            (
                "#[attribute(optional, computed, write_only)]",
                "use only `required` or `optional`",
            ),
            ("#[attribute(required, planned)]", "add `computed` or remove this"),
            (
                "#[attribute(optional, use_state_for_unknown)]",
                "add `computed` or remove this",
            ),
            ("#[attribute(computed, length = 1..)]", "or add `optional`"),
            ("#[attribute(computed, requires(\"a\"))]", "or add `optional`"),
            ("#[attribute(flatten, sensitive)]", "`flatten` excludes other options"),
            (
                "#[attribute(optional, conflicts_with(\"other\"))]",
                "no attribute has this name",
            ),
            (
                "#[attribute(optional, requires_replace_if(f))]",
                "expected `requires_replace_if(condition,",
            ),
        ];
        for (attribute, expected) in fields {
            let error = error(&format!("struct Note {{ {attribute} a: Field<i64> }}"));
            assert!(
                error.as_ref().is_some_and(|error| error.contains(expected)),
                "{attribute}: {error:?}"
            );
        }
        let structs = [
            ("struct Note(Field<i64>);", "must be a struct with named fields"),
            ("enum Note { One }", "must be a struct with named fields"),
            (
                "#[model(versoin = 1)] struct Note {}",
                "unknown option; the options are `version`",
            ),
            (
                "#[model(exactly_one_of(\"a\", \"b\"))] struct Note {}",
                "no attribute has this name",
            ),
        ];
        for (source, expected) in structs {
            let error = error(source);
            assert!(
                error.as_ref().is_some_and(|error| error.contains(expected)),
                "{source}: {error:?}"
            );
        }
    }

    #[test]
    fn valid_options_are_accepted() {
        let options = [
            "required",
            "optional",
            "computed",
            "optional, computed, planned",
            "default = 1, use_state_for_unknown",
            "empty_is_null",
            "optional, write_only",
            "optional, conflicts_with(\"a\")",
            "computed, requires_replace, import, identity",
            "flatten",
        ];
        for options in options {
            let source = format!("struct Note {{ #[attribute({options})] a: Field<i64> }}");
            assert_eq!(error(&source), None, "{options}");
        }
    }
}
