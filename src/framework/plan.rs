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
        if !prior.is_null() && self.significant(prior) == self.significant(&proposed) {
            return proposed;
        }
        with_unknowns(&self.attributes, config, prior, proposed)
    }

    /// The attributes whose change from `prior` to `planned` replaces the resource.
    pub(crate) fn requires_replace(&self, prior: &Value, planned: &Value) -> Vec<AttributePath> {
        let mut paths = Vec::new();
        if !prior.is_null() && !planned.is_null() {
            let (prior, planned) = (self.significant(prior), self.significant(planned));
            replaced(&self.attributes, &prior, &planned, &AttributePath::root(), &mut paths);
        }
        paths
    }

    /// `object` without what makes no difference between two of them.
    fn significant(&self, object: &Value) -> Value {
        significant(&self.attributes, object.clone())
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

/// Changes each object in the value of a nested attribute with these `members`. `change` also takes the object in the
/// same place of the other values; in a set, where objects have no place, the one that the object was made of.
fn map_objects<const N: usize>(
    nesting: Nesting,
    members: &[Attribute],
    value: Value,
    others: [&Value; N],
    mut change: impl FnMut(Value, [&Value; N]) -> Value,
) -> Value {
    match (nesting, value) {
        (Nesting::Single, value @ Value::Map(_)) => change(value, others),
        (Nesting::List, Value::List(objects)) => {
            let objects = objects.into_iter().enumerate();
            let changed = objects.map(|(i, object)| change(object, others.map(|other| element(other, i))));
            Value::List(changed.collect())
        }
        (Nesting::Set, Value::List(objects)) => {
            let changed = objects.into_iter().map(|object| {
                let others = others.map(|other| source(members, &object, other));
                change(object, others)
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

/// The object of a set that `object` was made of: an equal one, or else one that leaves to the provider what differs. Null
/// if there is none.
fn source<'a>(members: &[Attribute], object: &Value, set: &'a Value) -> &'a Value {
    let Value::List(candidates) = set else {
        return &Value::Null;
    };
    let equal = candidates.iter().find(|candidate| *candidate == object);
    let source = equal.or_else(|| {
        candidates
            .iter()
            .find(|candidate| is_made_of(members, object, candidate))
    });
    source.unwrap_or(&Value::Null)
}

fn is_made_of(members: &[Attribute], object: &Value, source: &Value) -> bool {
    members.iter().all(|member| {
        let (value, source) = (object.get(&member.name), source.get(&member.name));
        value == source || source.is_null() && member.is_computed() || are_made_of(member, value, source)
    })
}

/// Whether the objects in the value of a nested attribute were made of those in the same places of `source`.
fn are_made_of(member: &Attribute, value: &Value, source: &Value) -> bool {
    let AttributeType::Nested {
        nesting, attributes, ..
    } = &member.ty
    else {
        return false;
    };
    let places = |value| nesting.objects(value, &AttributePath::root());
    let (objects, sources) = (places(value), places(source));
    let mut pairs = objects.iter().zip(&sources);
    *nesting != Nesting::Set
        && !objects.is_empty()
        && objects.len() == sources.len()
        && pairs.all(|((place, object), (other, source))| place == other && is_made_of(attributes, object, source))
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
            let others = [config, before];
            return map_objects(*nesting, attributes, value, others, |object, [config, before]| {
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

fn with_unknowns(attributes: &[Attribute], config: &Value, prior: &Value, proposed: Value) -> Value {
    map_members(proposed, attributes, |attribute, value| {
        let (config, before) = (config.get(&attribute.name), prior.get(&attribute.name));
        if let AttributeType::Nested {
            nesting, attributes, ..
        } = &attribute.ty
            && !config.is_null()
        {
            let others = [config, before];
            return map_objects(*nesting, attributes, value, others, |object, [config, before]| {
                with_unknowns(attributes, config, before, object)
            });
        }
        let has_value = attribute.default.is_some() || attribute.empty_is_null;
        let is_left_to_the_provider = attribute.is_computed() && config.is_null() && !has_value;
        // An object that is new has no prior value to keep.
        let stays = match attribute.in_updates {
            InUpdates::Unknown => false,
            InUpdates::State => !prior.is_null() && !value.is_null(),
            InUpdates::Planned => !prior.is_null(),
        };
        if is_left_to_the_provider && !stays {
            Value::Unknown
        } else {
            value
        }
    })
}

/// `object` without what is write-only, and with null for an empty text that means the same. Terraform insists on a
/// configured empty text where there was null.
fn significant(attributes: &[Attribute], object: Value) -> Value {
    map_members(object, attributes, |attribute, value| match &attribute.ty {
        _ if attribute.write_only || attribute.empty_is_null && is_none(&value) => Value::Null,
        AttributeType::Nested {
            nesting, attributes, ..
        } => map_objects(*nesting, attributes, value, [], |object, []| {
            significant(attributes, object)
        }),
        AttributeType::Plain(_) => value,
    })
}

/// Adds the paths of the changes between two [significant] objects that replace the resource.
fn replaced(
    attributes: &[Attribute],
    prior: &Value,
    planned: &Value,
    path: &AttributePath,
    paths: &mut Vec<AttributePath>,
) {
    for attribute in attributes {
        let (before, after) = (prior.get(&attribute.name), planned.get(&attribute.name));
        // What is required was not known where it is null: an import could not read it. Its first declaration is no change.
        let was_unknown = attribute.configurability == Configurability::Required && before.is_null();
        if before == after || was_unknown {
            continue;
        }
        let path = path.attribute(attribute.name.clone());
        match &attribute.requires_replace {
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
    let (before, after) = (nesting.objects(before, path), nesting.objects(after, path));
    if *nesting == Nesting::Set {
        // The objects of a set have no place: one that changed is one that is gone and one that is new.
        let deciding = |objects: Vec<(AttributePath, &Value)>| -> Vec<Value> {
            objects
                .into_iter()
                .map(|(_, object)| deciding(attributes, object))
                .collect()
        };
        let (mut gone, mut new) = (deciding(before), deciding(after));
        gone.retain(|object| match new.iter().position(|other| other == object) {
            Some(position) => {
                new.swap_remove(position);
                false
            }
            None => true,
        });
        if !gone.is_empty() && !new.is_empty() {
            paths.push(path.clone());
        }
        return;
    }
    for (path, after) in after {
        if let Some((_, before)) = before.iter().find(|(other, _)| *other == path) {
            replaced(attributes, before, after, &path, paths);
        }
    }
}

/// The members of an object whose change replaces the resource.
fn deciding(attributes: &[Attribute], object: &Value) -> Value {
    let members = attributes.iter().filter(|attribute| attribute.may_replace());
    let members = members.map(|member| (member.name.clone().into_owned(), object.get(&member.name).clone()));
    Value::Map(members.collect())
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
            } => map_objects(*nesting, attributes, value, [config], |object, [config]| {
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
        } => map_objects(*nesting, attributes, value, [], |object, []| {
            without_computed(attributes, object)
        }),
        AttributeType::Plain(_) => value,
    })
}

/// `changed` with all that did not change exactly as in `exact`, where `held` is `exact` as the model holds it: it holds a
/// collection that is unknown in part as unknown, and a number as its type has it.
pub(crate) fn with_exact_parts(changed: Value, held: &Value, exact: &Value) -> Value {
    match (changed, held, exact) {
        (changed, held, exact) if changed == *held => exact.clone(),
        (Value::Map(members), Value::Map(_), Value::Map(_)) => {
            let members = members.into_iter().map(|(name, member)| {
                let member = with_exact_parts(member, held.get(&name), exact.get(&name));
                (name, member)
            });
            Value::Map(members.collect())
        }
        (Value::List(elements), Value::List(_), Value::List(_)) => {
            let elements = elements.into_iter().enumerate();
            let elements = elements.map(|(i, changed)| with_exact_parts(changed, element(held, i), element(exact, i)));
            Value::List(elements.collect())
        }
        (changed, ..) => changed,
    }
}

#[cfg(test)]
mod tests;
