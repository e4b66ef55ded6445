//! The options in `#[attribute(…)]` and `#[model(…)]`.

use proc_macro2::Span;
use quote::ToTokens;
use syn::meta::ParseNestedMeta;
use syn::punctuated::Punctuated;
use syn::{Attribute, Error, Expr, Ident, LitStr, Result, Token, parenthesized};

/// The options of a field.
#[derive(Default)]
pub(crate) struct FieldOptions {
    pub(crate) flatten: Option<Span>,
    required: Option<Span>,
    optional: Option<Span>,
    computed: Option<Span>,
    pub(crate) default: Option<Expr>,
    pub(crate) description: Option<Expr>,
    pub(crate) deprecated: Option<Expr>,
    pub(crate) requires_replace: bool,
    pub(crate) requires_replace_if: Option<(Expr, Expr)>,
    pub(crate) sensitive: bool,
    pub(crate) write_only: Option<Span>,
    pub(crate) empty_is_null: bool,
    pub(crate) use_state_for_unknown: Option<Span>,
    pub(crate) planned: Option<Span>,
    pub(crate) import: bool,
    pub(crate) identity: bool,
    /// Expressions of type `Validator`.
    pub(crate) validators: Vec<Expr>,
    pub(crate) lengths: Vec<Expr>,
    pub(crate) ranges: Vec<Expr>,
    pub(crate) choices: Vec<Expr>,
    pub(crate) checks: Vec<Expr>,
    pub(crate) conflicts_with: Vec<LitStr>,
    pub(crate) requires: Vec<LitStr>,
    /// The number of options, and the location of the last one.
    count: usize,
    last: Option<Span>,
}

/// Whether the user or the provider sets an attribute.
pub(crate) enum Configurability {
    Required,
    Optional,
    OptionalComputed,
    Computed,
}

const FIELD_OPTIONS: &str = "`required`, `optional`, `computed`, `flatten`, `default`, `description`, `deprecated`, \
     `requires_replace`, `requires_replace_if`, `sensitive`, `write_only`, `empty_is_null`, `use_state_for_unknown`, \
     `planned`, `import`, `identity`, `validate`, `length`, `range`, `one_of`, `check`, `conflicts_with`, `requires`";

impl FieldOptions {
    pub(crate) fn parse(attributes: &[Attribute]) -> Result<Self> {
        let mut options = Self::default();
        for attribute in attributes
            .iter()
            .filter(|attribute| attribute.path().is_ident("attribute"))
        {
            attribute.parse_nested_meta(|meta| options.parse_one(&meta))?;
        }
        Ok(options)
    }

    fn parse_one(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let name = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
        let span = meta.path.get_ident().map_or_else(Span::call_site, Ident::span);
        self.count += 1;
        self.last = Some(span);
        match name.as_str() {
            "flatten" => self.flatten = Some(span),
            "required" => self.required = Some(span),
            "optional" => self.optional = Some(span),
            "computed" => self.computed = Some(span),
            "default" => self.default = Some(meta.value()?.parse()?),
            "description" => self.description = Some(meta.value()?.parse()?),
            "deprecated" => self.deprecated = Some(meta.value()?.parse()?),
            "requires_replace" => self.requires_replace = true,
            "requires_replace_if" => {
                let [condition, description] = expressions(meta)?.try_into().map_err(|_| {
                    meta.error("expected `requires_replace_if(condition, \"description of the condition\")`")
                })?;
                self.requires_replace_if = Some((condition, description));
            }
            "sensitive" => self.sensitive = true,
            "write_only" => self.write_only = Some(span),
            "empty_is_null" => self.empty_is_null = true,
            "use_state_for_unknown" => self.use_state_for_unknown = Some(span),
            "planned" => self.planned = Some(span),
            "import" => self.import = true,
            "identity" => self.identity = true,
            "validate" => self.validators.extend(one_or_more(meta)?),
            "length" => self.lengths.push(meta.value()?.parse()?),
            "range" => self.ranges.push(meta.value()?.parse()?),
            "one_of" => self.choices.push(meta.value()?.parse()?),
            "check" => self.checks.push(meta.value()?.parse()?),
            "conflicts_with" => self.conflicts_with.extend(names(meta)?),
            "requires" => self.requires.extend(names(meta)?),
            _ => return Err(meta.error(format!("unknown option; the options are {FIELD_OPTIONS}"))),
        }
        Ok(())
    }

    /// Returns whether the user or the provider sets the attribute. `field` is the location of
    /// errors that do not concern a single option.
    pub(crate) fn configurability(&self, field: &Ident) -> Result<Configurability> {
        let has_fallback = self.default.is_some() || self.empty_is_null;
        if let (Some(span), true) = (self.required, has_fallback) {
            return Err(Error::new(
                span,
                "`default` and `empty_is_null` have no effect on a required attribute: remove them or `required`",
            ));
        }
        if let (Some(span), Some(_)) = (self.required, self.optional.or(self.computed)) {
            return Err(Error::new(
                span,
                "`required` excludes `optional` and `computed`: keep one",
            ));
        }
        if let (Some(span), None, true) = (self.computed, self.optional, has_fallback) {
            return Err(Error::new(
                span,
                "`default` and `empty_is_null` have no effect on an attribute that is only computed: remove them or `computed`",
            ));
        }
        let may_be_computed = self.computed.is_some() || has_fallback;
        let configurability = match (self.required, self.optional, may_be_computed) {
            (Some(_), ..) => Configurability::Required,
            (None, Some(_), false) => Configurability::Optional,
            (None, Some(_), true) => Configurability::OptionalComputed,
            (None, None, true) if self.computed.is_none() => Configurability::OptionalComputed,
            (None, None, true) => Configurability::Computed,
            (None, None, false) => {
                return Err(Error::new(
                    field.span(),
                    "the attribute is neither required, optional nor computed. Add `#[attribute(required)]`, \
                     `#[attribute(optional)]` or `#[attribute(computed)]`, or `#[attribute(flatten)]` for a group of attributes",
                ));
            }
        };
        if let (Some(span), true) = (self.write_only, may_be_computed) {
            return Err(Error::new(
                span,
                "a write-only attribute cannot be computed, because no state holds it: use only `required` or `optional`",
            ));
        }
        if let (Some(span), false) = (self.planned.or(self.use_state_for_unknown), may_be_computed) {
            return Err(Error::new(
                span,
                "this has an effect only on computed attributes: add `computed` or remove this",
            ));
        }
        let has_rules = !self.conflicts_with.is_empty() || !self.requires.is_empty();
        if matches!(configurability, Configurability::Computed) && (self.has_validators() || has_rules) {
            return Err(Error::new(
                field.span(),
                "only what the user sets is validated: remove the validators and rules of this computed attribute, or add \
                 `optional`",
            ));
        }
        Ok(configurability)
    }

    fn has_validators(&self) -> bool {
        let lists = [
            &self.validators,
            &self.lengths,
            &self.ranges,
            &self.choices,
            &self.checks,
        ];
        lists.iter().any(|list| !list.is_empty())
    }

    /// Rejects other options in addition to `flatten`.
    pub(crate) fn check_flatten(&self) -> Result<()> {
        match (self.count, self.last) {
            (0 | 1, _) | (_, None) => Ok(()),
            (_, Some(last)) => Err(Error::new(
                self.flatten.unwrap_or(last),
                "`flatten` excludes other options: set them on the attributes of the group",
            )),
        }
    }
}

/// The options of a struct.
#[derive(Default)]
pub(crate) struct ModelOptions {
    pub(crate) version: Option<Expr>,
    pub(crate) description: Option<Expr>,
    pub(crate) deprecated: Option<Expr>,
    /// Expressions of type `Rule`.
    pub(crate) rules: Vec<Expr>,
    pub(crate) conflicting: Vec<Vec<LitStr>>,
    pub(crate) exactly_one_of: Vec<Vec<LitStr>>,
    pub(crate) at_least_one_of: Vec<Vec<LitStr>>,
}

impl ModelOptions {
    pub(crate) fn parse(attributes: &[Attribute]) -> Result<Self> {
        let mut options = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("model")) {
            attribute.parse_nested_meta(|meta| options.parse_one(&meta))?;
        }
        Ok(options)
    }

    fn parse_one(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        match meta.path.to_token_stream().to_string().as_str() {
            "version" => self.version = Some(meta.value()?.parse()?),
            "description" => self.description = Some(meta.value()?.parse()?),
            "deprecated" => self.deprecated = Some(meta.value()?.parse()?),
            "rule" => self.rules.extend(one_or_more(meta)?),
            "conflicting" => self.conflicting.push(names(meta)?),
            "exactly_one_of" => self.exactly_one_of.push(names(meta)?),
            "at_least_one_of" => self.at_least_one_of.push(names(meta)?),
            _ => {
                return Err(meta.error(
                    "unknown option; the options are `version`, `description`, `deprecated`, `rule`, \
                     `conflicting`, `exactly_one_of`, `at_least_one_of`",
                ));
            }
        }
        Ok(())
    }
}

/// Parses `= expression` or `(expression, …)`.
fn one_or_more(meta: &ParseNestedMeta<'_>) -> Result<Vec<Expr>> {
    if meta.input.peek(Token![=]) {
        return Ok(vec![meta.value()?.parse()?]);
    }
    expressions(meta)
}

fn expressions(meta: &ParseNestedMeta<'_>) -> Result<Vec<Expr>> {
    let content;
    parenthesized!(content in meta.input);
    let expressions = Punctuated::<Expr, Token![,]>::parse_terminated(&content)?;
    Ok(expressions.into_iter().collect())
}

/// Parses `= "name"` or `("name", …)`, the names of other attributes.
fn names(meta: &ParseNestedMeta<'_>) -> Result<Vec<LitStr>> {
    if meta.input.peek(Token![=]) {
        return Ok(vec![meta.value()?.parse()?]);
    }
    let content;
    parenthesized!(content in meta.input);
    let names = Punctuated::<LitStr, Token![,]>::parse_terminated(&content)?;
    Ok(names.into_iter().collect())
}
