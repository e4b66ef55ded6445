//! What a schema says about a planned state: pure functions of configuration, prior and planned state.

use std::borrow::Cow;

use super::diagnostic::{Diagnostic, Diagnostics};
use super::path::AttributePath;
use super::rule::Rule;
use super::schema::{Attribute, AttributeType, Configurability, InUpdates, Nesting, RequiresReplace, Schema};
use super::value::Value;

impl Schema {
    /// What Terraform proposes, with defaults, and with what the provider will set as unknown: at a creation all of it, in
    /// an update what may change.
    pub(crate) fn propose(&self, config: &Value, prior: &Value, proposed: Value) -> Value {
        let proposed = with_defaults(&self.attributes, config, prior, proposed);
        let changes = prior.is_null() || has_changed(&self.attributes, prior, &proposed);
        if !changes {
            return proposed;
        }
        let has_prior = !prior.is_null();
        with_unknowns(&self.attributes, config, has_prior, proposed)
    }

    /// The attributes whose change from `prior` to `planned` replaces the resource.
    pub(crate) fn requires_replace(&self, prior: &Value, planned: &Value) -> Vec<AttributePath> {
        let mut paths = Vec::new();
        if !prior.is_null() && !planned.is_null() {
            replaced(&self.attributes, prior, planned, &AttributePath::root(), &mut paths);
        }
        paths
    }

    /// Checks a configuration by the validators and rules.
    pub(crate) fn validate(&self, config: &Value) -> Diagnostics {
        let mut diagnostics = Diagnostics::default();
        if let Some(message) = &self.deprecated {
            diagnostics.push(Diagnostic::warning("Deprecated", message.clone()));
        }
        validate(
            &self.attributes,
            &self.rules,
            config,
            &AttributePath::root(),
            &mut diagnostics,
        );
        diagnostics
    }

    /// `value` with what is write-only taken from `config`, the only one that has it.
    pub(crate) fn with_write_only(&self, value: Value, config: &Value) -> Value {
        with_write_only(&self.attributes, value, config)
    }

    /// `value` without what is write-only.
    pub(crate) fn without_write_only(&self, value: Value) -> Value {
        self.with_write_only(value, &Value::Null)
    }

    /// `state` without what only the provider sets.
    pub(crate) fn without_computed(&self, state: Value) -> Value {
        without_computed(&self.attributes, state)
    }

    /// The write-only attributes that a configuration sets.
    pub(crate) fn write_only_set(&self, config: &Value) -> Vec<AttributePath> {
        let mut paths = Vec::new();
        visit(
            &self.attributes,
            config,
            &AttributePath::root(),
            &mut |attribute, value, path| {
                if attribute.write_only && !value.is_null() {
                    paths.push(path.clone());
                }
            },
        );
        paths
    }
}

/// Visits the attributes of `object` and of the objects in it, each with its value and its path.
fn visit(
    attributes: &[Attribute],
    object: &Value,
    path: &AttributePath,
    visitor: &mut dyn FnMut(&Attribute, &Value, &AttributePath),
) {
    for attribute in attributes {
        let path = path.attribute(attribute.name.clone());
        let value = object.get(&attribute.name);
        visitor(attribute, value, &path);
        if let AttributeType::Nested {
            nesting, attributes, ..
        } = &attribute.ty
        {
            for (path, object) in nesting.objects(value, &path) {
                visit(attributes, object, &path, visitor);
            }
        }
    }
}

/// Changes the members of an object by their attributes.
fn map_members(object: Value, attributes: &[Attribute], mut change: impl FnMut(&Attribute, Value) -> Value) -> Value {
    let Value::Map(mut members) = object else { return object };
    for attribute in attributes {
        let member = members.remove(&*attribute.name).unwrap_or(Value::Null);
        members.insert(attribute.name.clone().into_owned(), change(attribute, member));
    }
    Value::Map(members)
}

/// Changes each object in the value of a nested attribute. `change` also takes the object in the same place of the other
/// values; in a set, where objects have no place, an equal one, or else the object itself.
fn map_objects<const N: usize>(
    nesting: Nesting,
    value: Value,
    others: [&Value; N],
    mut change: impl FnMut(Value, [&Value; N]) -> Value,
) -> Value {
    const NULL: &Value = &Value::Null;
    match (nesting, value) {
        (Nesting::Single, value @ Value::Map(_)) => change(value, others),
        (Nesting::List, Value::List(objects)) => {
            let objects = objects.into_iter().enumerate();
            Value::List(
                objects
                    .map(|(i, object)| change(object, others.map(|other| element(other, i))))
                    .collect(),
            )
        }
        (Nesting::Set, Value::List(objects)) => {
            let changed = objects.into_iter().map(|object| {
                // One that is equal is the object itself, too.
                let same = object.clone();
                change(object, others.map(|other| if other.is_null() { NULL } else { &same }))
            });
            Value::set(changed.collect::<Vec<_>>())
        }
        (Nesting::Map, Value::Map(objects)) => {
            let objects = objects.into_iter().map(|(key, object)| {
                let changed = change(object, others.map(|other| other.get(&key)));
                (key, changed)
            });
            Value::Map(objects.collect())
        }
        (_, value) => value,
    }
}

/// An element of a list; null if there is none.
fn element(list: &Value, index: usize) -> &Value {
    match list {
        Value::List(elements) => elements.get(index).unwrap_or(&Value::Null),
        _ => &Value::Null,
    }
}

fn with_defaults(attributes: &[Attribute], config: &Value, prior: &Value, proposed: Value) -> Value {
    map_members(proposed, attributes, |attribute, value| {
        let (config, before) = (config.get(&attribute.name), prior.get(&attribute.name));
        if let AttributeType::Nested {
            nesting, attributes, ..
        } = &attribute.ty
            && !config.is_null()
        {
            return map_objects(*nesting, value, [config, before], |object, [config, before]| {
                with_defaults(attributes, config, before, object)
            });
        }
        match &attribute.default {
            _ if !config.is_null() => value,
            Some(default) => default.clone(),
            // The prior spelling of none stays, so that it is no difference.
            None if attribute.empty_is_null && !prior.is_null() && is_none(before) => before.clone(),
            None if attribute.empty_is_null => Value::String(String::new()),
            None => value,
        }
    })
}

fn with_unknowns(attributes: &[Attribute], config: &Value, has_prior: bool, proposed: Value) -> Value {
    map_members(proposed, attributes, |attribute, value| {
        let config = config.get(&attribute.name);
        if let AttributeType::Nested {
            nesting, attributes, ..
        } = &attribute.ty
            && !config.is_null()
        {
            return map_objects(*nesting, value, [config], |object, [config]| {
                // A new object has no value of its own in the proposal.
                with_unknowns(attributes, config, has_prior, object)
            });
        }
        let stays = has_prior && attribute.in_updates != InUpdates::Unknown && !value.is_null();
        let has_value = attribute.default.is_some() || attribute.empty_is_null;
        let is_left_to_the_provider = attribute.is_computed() && config.is_null() && !has_value;
        let keeps_null = has_prior && attribute.in_updates == InUpdates::Planned;
        if is_left_to_the_provider && !stays && !keeps_null {
            Value::Unknown
        } else {
            value
        }
    })
}

/// Whether anything differs that matters.
fn has_changed(attributes: &[Attribute], before: &Value, after: &Value) -> bool {
    let differs = |attribute: &Attribute| differs(attribute, before.get(&attribute.name), after.get(&attribute.name));
    attributes
        .iter()
        .any(|attribute| !attribute.write_only && differs(attribute))
}

fn replaced(
    attributes: &[Attribute],
    prior: &Value,
    planned: &Value,
    path: &AttributePath,
    paths: &mut Vec<AttributePath>,
) {
    for attribute in attributes.iter().filter(|attribute| !attribute.write_only) {
        let (before, after) = (prior.get(&attribute.name), planned.get(&attribute.name));
        if !differs(attribute, before, after) {
            continue;
        }
        // What is required was not known where it is null: an import could not read it. Its first declaration is no change.
        let was_unknown = attribute.configurability == Configurability::Required && before.is_null();
        let path = path.attribute(attribute.name.clone());
        match &attribute.requires_replace {
            _ if was_unknown => {}
            RequiresReplace::Always => paths.push(path),
            RequiresReplace::If { condition, .. } if condition(before, after) => paths.push(path),
            _ => replaced_within(attribute, before, after, &path, paths),
        }
    }
}

/// The changes within a nested attribute. An object that is new or gone has no member that changed.
fn replaced_within(
    attribute: &Attribute,
    before: &Value,
    after: &Value,
    path: &AttributePath,
    paths: &mut Vec<AttributePath>,
) {
    let AttributeType::Nested {
        nesting, attributes, ..
    } = &attribute.ty
    else {
        return;
    };
    match nesting {
        // The objects of a set have no place: one that changed is one that is gone and one that is new.
        Nesting::Set => {
            if attributes
                .iter()
                .any(|member| !matches!(member.requires_replace, RequiresReplace::Never))
            {
                paths.push(path.clone());
            }
        }
        _ => {
            let before = nesting.objects(before, path);
            for (path, after) in nesting.objects(after, path) {
                if let Some((_, before)) = before.iter().find(|(other, _)| *other == path) {
                    replaced(attributes, before, after, &path, paths);
                }
            }
        }
    }
}

/// Whether there is a difference that matters. Terraform insists on a configured empty text where there was null.
fn differs(attribute: &Attribute, before: &Value, after: &Value) -> bool {
    before != after && !(attribute.empty_is_null && is_none(before) && is_none(after))
}

fn is_none(text: &Value) -> bool {
    match text {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

fn validate(
    attributes: &[Attribute],
    rules: &[Rule],
    object: &Value,
    path: &AttributePath,
    diagnostics: &mut Diagnostics,
) {
    for attribute in attributes {
        let path = path.attribute(attribute.name.clone());
        let value = object.get(&attribute.name);
        if let Some(message) = attribute.deprecated.as_ref().filter(|_| !value.is_null()) {
            let summary = format!("`{path}` is deprecated");
            diagnostics.push(Diagnostic::warning(summary, Cow::clone(message)).on(path.clone()));
        }
        for problem in attribute
            .validators
            .iter()
            .filter_map(|validator| validator.problem(value))
        {
            diagnostics.push(Diagnostic::invalid(path.clone(), problem));
        }
        if let AttributeType::Nested {
            nesting,
            attributes,
            rules,
        } = &attribute.ty
        {
            for (path, object) in nesting.objects(value, &path) {
                if matches!(object, Value::Map(_)) {
                    validate(attributes, rules, object, &path, diagnostics);
                }
            }
        }
    }
    diagnostics.extend(rules.iter().filter_map(|rule| rule.check(object, path)));
}

fn with_write_only(attributes: &[Attribute], value: Value, config: &Value) -> Value {
    map_members(value, attributes, |attribute, value| {
        let config = config.get(&attribute.name);
        match &attribute.ty {
            _ if attribute.write_only => config.clone(),
            AttributeType::Nested {
                nesting, attributes, ..
            } => map_objects(*nesting, value, [config], |object, [config]| {
                with_write_only(attributes, object, config)
            }),
            AttributeType::Plain(_) => value,
        }
    })
}

fn without_computed(attributes: &[Attribute], state: Value) -> Value {
    map_members(state, attributes, |attribute, value| match &attribute.ty {
        _ if !attribute.is_configurable() => Value::Null,
        AttributeType::Nested {
            nesting, attributes, ..
        } => map_objects(*nesting, value, [], |object, []| without_computed(attributes, object)),
        AttributeType::Plain(_) => value,
    })
}

/// `planned` with the known parts of what a model holds as unknown because a part of it is.
pub(crate) fn with_known_parts(planned: Value, proposed: &Value) -> Value {
    match (planned, proposed) {
        (Value::Unknown, proposed @ (Value::List(_) | Value::Map(_))) if !proposed.is_wholly_known() => {
            proposed.clone()
        }
        (Value::Map(members), Value::Map(_)) => {
            let members = members.into_iter().map(|(name, member)| {
                let proposed = proposed.get(&name);
                let member = with_known_parts(member, proposed);
                (name, member)
            });
            Value::Map(members.collect())
        }
        (Value::List(elements), Value::List(proposed)) if elements.len() == proposed.len() => {
            let elements = elements.into_iter().zip(proposed);
            Value::List(
                elements
                    .map(|(element, proposed)| with_known_parts(element, proposed))
                    .collect(),
            )
        }
        (planned, _) => planned,
    }
}
