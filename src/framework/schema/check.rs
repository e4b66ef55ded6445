//! Checks of a schema: faults that Terraform would reject, and options without effect.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::{Attribute, AttributeType, InUpdates, Nesting, RequiresReplace, Schema, is_name};
use crate::framework::path::AttributePath;
use crate::framework::rule::Rule;
use crate::framework::types::Type;
use crate::framework::value::Value;
use crate::framework::wire;

impl Schema {
    /// Checks the schema for faults that Terraform would reject, and for options without effect.
    ///
    /// # Errors
    /// The faults, one per line, each with the path of its attribute.
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

/// Names with a special meaning at the top level of a block (hashicorp/terraform,
/// `internal/configs`).
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

/// The surroundings of an attribute.
#[derive(Clone, Copy, Default)]
struct Place {
    is_nested: bool,
    in_computed: bool,
    in_collection: bool,
    in_set: bool,
}

impl Place {
    /// Returns the place of the members of `attribute`.
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
        problems.extend((!is_new).then_some("two attributes have this name"));
        let is_second_id = |other: &Attribute| other.import_id && !std::ptr::eq(other, attribute);
        problems.extend(
            (attribute.import_id && attributes.iter().any(is_second_id))
                .then_some("two attributes are marked as the import id"),
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
            faults.push(format!("{path}: a rule names this attribute, which does not exist"));
        }
    }
}

impl Attribute {
    /// Returns the faults of this attribute, without those of its members.
    fn faults(&self, place: Place) -> Vec<&'static str> {
        let ty = self.ty.to_type();
        let replaces = !matches!(self.requires_replace, RequiresReplace::Never);
        let stays = self.in_updates != InUpdates::Unknown;
        let has_type = |value: &Value| value.is_wholly_known() && wire::encode(value, &ty).is_ok();
        let rules = [
            (
                !is_name(&self.name),
                "a name must begin with a lowercase letter and contain only lowercase letters, digits and underscores",
            ),
            (
                !place.is_nested && RESERVED.contains(&&*self.name),
                "Terraform reserves this name",
            ),
            (
                self.write_only && self.is_computed(),
                "only attributes that the user sets can be write-only",
            ),
            (
                self.write_only && place.in_set,
                "Terraform does not support write-only attributes in a set",
            ),
            (
                self.write_only && replaces,
                "a write-only value is not stored, so a change of it cannot require replacement",
            ),
            (
                self.is_configurable() && place.in_computed,
                "the user cannot set a member of a computed attribute",
            ),
            (
                // A group with planned attributes may also be flattened into other models.
                self.in_updates == InUpdates::State && place.in_computed,
                "`use_state_for_unknown` has no effect in a computed attribute; set it on that attribute",
            ),
            (
                stays && !self.is_computed(),
                "only computed attributes can use the state's value in updates",
            ),
            (
                !self.is_configurable() && !self.validators.is_empty(),
                "only attributes that the user sets are validated",
            ),
            (
                self.validators.iter().any(|validator| !validator.is_for(&ty)),
                "a validator checks another type",
            ),
            (
                self.default.as_ref().is_some_and(|default| !has_type(default)),
                "the default is not a known value of the attribute's type",
            ),
            (
                self.empty_is_null && ty != Type::String,
                "`empty_is_null` requires the type string",
            ),
            (
                contains_dynamic(&ty, place.in_collection),
                "a collection cannot contain the type dynamic, because its elements have one type",
            ),
            (
                self.import_id && (place.is_nested || ty != Type::String),
                "the import id must be a string at the top level",
            ),
            (
                self.identity && (place.is_nested || self.write_only || !may_identify(&ty)),
                "an identity attribute must be a string, number, bool or list of those, at the top level and not write-only",
            ),
        ];
        rules
            .into_iter()
            .filter(|(is_broken, _)| *is_broken)
            .map(|(_, problem)| problem)
            .collect()
    }
}

/// Returns whether a collection contains the type dynamic.
fn contains_dynamic(ty: &Type, in_collection: bool) -> bool {
    match ty {
        Type::Dynamic => in_collection,
        Type::List(element) | Type::Set(element) | Type::Map(element) => contains_dynamic(element, true),
        Type::Tuple(types) => types.iter().any(|ty| contains_dynamic(ty, in_collection)),
        Type::Object(types) => types.values().any(|ty| contains_dynamic(ty, in_collection)),
        Type::Bool | Type::Number | Type::String => false,
    }
}

/// Returns whether Terraform accepts the type in an identity.
fn may_identify(ty: &Type) -> bool {
    match ty {
        Type::Bool | Type::Number | Type::String => true,
        Type::List(element) => matches!(**element, Type::Bool | Type::Number | Type::String),
        _ => false,
    }
}
