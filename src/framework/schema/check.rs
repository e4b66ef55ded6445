//! Faults of a schema that Terraform would reject, or that have no effect.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::{Attribute, AttributeType, InUpdates, Nesting, RequiresReplace, Schema, is_name};
use crate::framework::path::AttributePath;
use crate::framework::rule::Rule;
use crate::framework::types::Type;
use crate::framework::value::Value;
use crate::framework::wire;

impl Schema {
    /// Checks what Terraform would refuse or misunderstand, or what could not work.
    ///
    /// # Errors
    /// What is wrong, a line per fault.
    pub fn check(&self) -> Result<(), String> {
        let mut faults = Vec::new();
        check(
            &self.attributes,
            &self.rules,
            &AttributePath::root(),
            Place::default(),
            &mut faults,
        );
        if faults.is_empty() {
            Ok(())
        } else {
            Err(faults.join("\n"))
        }
    }
}

/// Names that mean something else at the top of a block (hashicorp/terraform, `internal/configs`).
const RESERVED: [&str; 8] = [
    "connection",
    "count",
    "depends_on",
    "for_each",
    "lifecycle",
    "locals",
    "provider",
    "provisioner",
];

/// Where attributes are.
#[derive(Clone, Copy, Default)]
struct Place {
    is_nested: bool,
    in_computed: bool,
    in_collection: bool,
    in_set: bool,
}

impl Place {
    /// The place of the members of `attribute`.
    fn within(self, attribute: &Attribute, nesting: Nesting) -> Self {
        Self {
            is_nested: true,
            in_computed: self.in_computed || !attribute.is_configurable(),
            in_collection: self.in_collection || nesting != Nesting::Single,
            in_set: self.in_set || nesting == Nesting::Set,
        }
    }
}

/// Adds the faults of the attributes of an object to `faults`.
fn check(attributes: &[Attribute], rules: &[Rule], path: &AttributePath, place: Place, faults: &mut Vec<String>) {
    let mut names = BTreeSet::new();
    for attribute in attributes {
        let path = path.attribute(attribute.name.clone());
        let is_new = names.insert(&attribute.name);
        let mut problems = attribute.faults(place);
        problems.extend((!is_new).then_some("there are two attributes of this name"));
        let is_second_id = |other: &Attribute| other.import_id && !std::ptr::eq(other, attribute);
        problems.extend(
            (attribute.import_id && attributes.iter().any(is_second_id)).then_some("there are two ids of an import"),
        );
        faults.extend(problems.into_iter().map(|problem| format!("{path}: {problem}")));
        if let AttributeType::Nested {
            nesting,
            attributes,
            rules,
        } = &attribute.ty
        {
            check(attributes, rules, &path, place.within(attribute, *nesting), faults);
        }
    }
    for name in rules.iter().flat_map(Rule::attributes) {
        if !names.contains(&Cow::Borrowed(name)) {
            let path = path.attribute(name);
            faults.push(format!("{path}: a rule names this attribute, and there is none"));
        }
    }
}

impl Attribute {
    /// What Terraform would refuse about it, and options that have no effect.
    fn faults(&self, place: Place) -> Vec<&'static str> {
        let ty = self.ty.to_type();
        let replaces = !matches!(self.requires_replace, RequiresReplace::Never);
        let stays = self.in_updates != InUpdates::Unknown;
        let has_type = |value: &Value| value.is_wholly_known() && wire::encode(value, &ty).is_ok();
        let rules = [
            (
                !is_name(&self.name),
                "a name begins with a lower-case letter, and has lower-case letters, digits and underscores",
            ),
            (
                !place.is_nested && RESERVED.contains(&&*self.name),
                "Terraform reserves this name",
            ),
            (
                self.write_only && self.is_computed(),
                "only what the user sets can be write-only",
            ),
            (
                self.write_only && place.in_set,
                "Terraform does not support write-only attributes in a set",
            ),
            (
                self.write_only && replaces,
                "a write-only value is not compared, so it cannot require a replacement",
            ),
            (
                self.is_configurable() && place.in_computed,
                "the user cannot set it, because the attribute that it is nested in is computed",
            ),
            (
                // A group with planned attributes may be flattened elsewhere, too.
                self.in_updates == InUpdates::State && place.in_computed,
                "whether it stays in updates, the computed attribute that it is nested in decides",
            ),
            (
                stays && !self.is_computed(),
                "only what the provider sets can be unknown in a plan",
            ),
            (
                !self.is_configurable() && !self.validators.is_empty(),
                "only what the user sets is validated",
            ),
            (
                self.validators.iter().any(|validator| !validator.is_for(&ty)),
                "a validator is for values of another type",
            ),
            (
                self.default.as_ref().is_some_and(|default| !has_type(default)),
                "the default has another type",
            ),
            (
                self.empty_is_null && ty != Type::String,
                "only a text can be an empty one",
            ),
            (
                contains_dynamic(&ty, place.in_collection),
                "a collection cannot hold values of any type; all of its elements have one type",
            ),
            (
                self.import_id && (place.is_nested || ty != Type::String),
                "the id of an import is a text, and not nested",
            ),
            (
                self.identity && (place.is_nested || self.write_only || !may_identify(&ty)),
                "what identifies a resource is a text, number or truth value or a list of them, neither nested nor write-only",
            ),
        ];
        rules
            .into_iter()
            .filter(|(is_broken, _)| *is_broken)
            .map(|(_, problem)| problem)
            .collect()
    }
}

/// Whether there is a value of any type in a collection.
fn contains_dynamic(ty: &Type, in_collection: bool) -> bool {
    match ty {
        Type::Dynamic => in_collection,
        Type::List(element) | Type::Set(element) | Type::Map(element) => contains_dynamic(element, true),
        Type::Tuple(types) => types.iter().any(|ty| contains_dynamic(ty, in_collection)),
        Type::Object(types) => types.values().any(|ty| contains_dynamic(ty, in_collection)),
        Type::Bool | Type::Number | Type::String => false,
    }
}

/// Whether Terraform takes such a value as a part of an identity.
fn may_identify(ty: &Type) -> bool {
    match ty {
        Type::Bool | Type::Number | Type::String => true,
        Type::List(element) => matches!(**element, Type::Bool | Type::Number | Type::String),
        _ => false,
    }
}
