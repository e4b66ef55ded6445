//! Planned values according to the schema: pure functions of configuration, prior state and
//! proposed state.

use std::borrow::Cow;

use super::diagnostic::{Diagnostic, Diagnostics};
use super::path::AttributePath;
use super::rule::Rule;
use super::schema::{Attribute, AttributeType, Configurability, InUpdates, Nesting, RequiresReplace, Schema};
use super::value::Value;

impl Schema {
    /// Completes Terraform's proposed new state: sets defaults, and makes values unknown that the
    /// provider sets. In an update, these are the values that may change.
    pub(crate) fn propose(&self, config: &Value, prior: &Value, proposed: Value) -> Value {
        let proposed = with_defaults(&self.attributes, config, prior, proposed);
        if !prior.is_null() && self.comparable(prior) == self.comparable(&proposed) {
            return proposed;
        }
        with_unknowns(&self.attributes, config, prior, proposed)
    }

    /// Returns the attributes whose change from `prior` to `planned` requires replacement.
    pub(crate) fn requires_replace(&self, prior: &Value, planned: &Value) -> Vec<AttributePath> {
        let mut paths = Vec::new();
        if !prior.is_null() && !planned.is_null() {
            let (prior, planned) = (self.comparable(prior), self.comparable(planned));
            collect_replacements(&self.attributes, &prior, &planned, &AttributePath::root(), &mut paths);
        }
        paths
    }

    /// Returns `object` without write-only values and with null for equivalent empty strings, for
    /// comparisons.
    fn comparable(&self, object: &Value) -> Value {
        comparable(&self.attributes, object.clone())
    }

    /// Checks a configuration with the validators and rules of the schema.
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

    /// Returns `value` with the write-only values of `config`, where alone they are.
    pub(crate) fn with_write_only(&self, value: Value, config: &Value) -> Value {
        with_write_only(&self.attributes, value, config)
    }

    /// Returns `value` without write-only values.
    pub(crate) fn without_write_only(&self, value: Value) -> Value {
        self.with_write_only(value, &Value::Null)
    }

    /// Returns `state` without computed values.
    pub(crate) fn without_computed(&self, state: Value) -> Value {
        without_computed(&self.attributes, state)
    }

    /// Returns the write-only attributes that a configuration sets.
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

/// Visits the attributes of `object` and of nested objects, each with its value and its path.
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

/// Maps the members of an object.
fn map_members(object: Value, attributes: &[Attribute], mut change: impl FnMut(&Attribute, Value) -> Value) -> Value {
    let Value::Map(mut members) = object else { return object };
    for attribute in attributes {
        let member = members.remove(&*attribute.name).unwrap_or(Value::Null);
        members.insert(attribute.name.clone().into_owned(), change(attribute, member));
    }
    Value::Map(members)
}

/// Maps the objects of a nested attribute's value. `change` also receives the corresponding objects
/// of `others`: by index in a list, by key in a map, and in a set by [`corresponding_object`].
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
                let others = others.map(|other| corresponding_object(members, &object, other));
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

/// Returns the object of `set` that became `object` in the proposed state: an equal one, or one
/// that differs only in members which the provider sets. Of several such elements it is the one with
/// the fewest nulls, because the user has set most of its members. Null if there is none.
fn corresponding_object<'a>(members: &[Attribute], object: &Value, set: &'a Value) -> &'a Value {
    let Value::List(candidates) = set else {
        return &Value::Null;
    };
    let equal = candidates.iter().find(|candidate| *candidate == object);
    let source = equal.or_else(|| {
        let corresponding = candidates.iter();
        let corresponding = corresponding.filter(|candidate| corresponds(members, object, candidate));
        corresponding.min_by_key(|candidate| count_nulls(members, candidate))
    });
    source.unwrap_or(&Value::Null)
}

/// Returns the number of null members of an object and of its nested objects.
fn count_nulls(members: &[Attribute], object: &Value) -> usize {
    let mut nulls = 0;
    visit(members, object, &AttributePath::root(), &mut |_, value, _| {
        nulls += usize::from(value.is_null());
    });
    nulls
}

fn corresponds(members: &[Attribute], object: &Value, source: &Value) -> bool {
    members.iter().all(|member| {
        let (value, source) = (object.get(&member.name), source.get(&member.name));
        value == source || source.is_null() && member.is_computed() || objects_correspond(member, value, source)
    })
}

/// Returns whether the objects of a nested attribute's value correspond to those of `source`.
fn objects_correspond(member: &Attribute, value: &Value, source: &Value) -> bool {
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
        && pairs.all(|((place, object), (other, source))| place == other && corresponds(attributes, object, source))
}

/// Returns an element of a list; null if the list is shorter.
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
            // Null and an empty string are equivalent, so the prior one stays.
            None if attribute.empty_is_null && !prior.is_null() && is_null_or_empty(before) => before.clone(),
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
        // A new object has no prior value.
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

/// Returns `object` without write-only values and with null for equivalent empty strings. Both can
/// occur: Terraform insists on a configured empty string where the prior value was null.
fn comparable(attributes: &[Attribute], object: Value) -> Value {
    map_members(object, attributes, |attribute, value| match &attribute.ty {
        _ if attribute.write_only || attribute.empty_is_null && is_null_or_empty(&value) => Value::Null,
        AttributeType::Nested {
            nesting, attributes, ..
        } => map_objects(*nesting, attributes, value, [], |object, []| {
            comparable(attributes, object)
        }),
        AttributeType::Plain(_) => value,
    })
}

/// Adds the changes between two [comparable] objects that require replacement.
fn collect_replacements(
    attributes: &[Attribute],
    prior: &Value,
    planned: &Value,
    path: &AttributePath,
    paths: &mut Vec<AttributePath>,
) {
    for attribute in attributes {
        let (before, after) = (prior.get(&attribute.name), planned.get(&attribute.name));
        // A required attribute is null in the state if import could not read it. Its first
        // declaration is no change.
        let was_unknown = attribute.configurability == Configurability::Required && before.is_null();
        if before == after || was_unknown {
            continue;
        }
        let path = path.attribute(attribute.name.clone());
        match &attribute.requires_replace {
            RequiresReplace::Always => paths.push(path),
            RequiresReplace::If { condition, .. } if condition(before, after) => paths.push(path),
            _ => collect_nested_replacements(attribute, before, after, &path, paths),
        }
    }
}

/// Adds the changes within a nested attribute that require replacement. Added and removed objects
/// have no changed members.
fn collect_nested_replacements(
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
        // The objects of a set have no key. A changed object appears as one removed and one added.
        let compared = |objects: Vec<(AttributePath, &Value)>| -> Vec<Value> {
            objects
                .into_iter()
                .map(|(_, object)| replacing_members(attributes, object))
                .collect()
        };
        let (mut gone, mut new) = (compared(before), compared(after));
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
            collect_replacements(attributes, before, after, &path, paths);
        }
    }
}

/// Returns the members of an object whose change may require replacement.
fn replacing_members(attributes: &[Attribute], object: &Value) -> Value {
    let members = attributes.iter().filter(|attribute| attribute.may_replace());
    let members = members.map(|member| (member.name.clone().into_owned(), object.get(&member.name).clone()));
    Value::Map(members.collect())
}

fn is_null_or_empty(text: &Value) -> bool {
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

/// Returns `changed` with every unchanged part exactly as in `exact`. `held` is `exact` after
/// conversion to the model and back, which loses detail: a partly unknown collection becomes
/// unknown, and a number is converted to its Rust type.
pub(crate) fn restore_unchanged(changed: Value, held: &Value, exact: &Value) -> Value {
    match (changed, held, exact) {
        (changed, held, exact) if changed == *held => exact.clone(),
        (Value::Map(members), Value::Map(_), Value::Map(_)) => {
            let members = members.into_iter().map(|(name, member)| {
                let member = restore_unchanged(member, held.get(&name), exact.get(&name));
                (name, member)
            });
            Value::Map(members.collect())
        }
        (Value::List(elements), Value::List(_), Value::List(_)) => {
            let elements = elements.into_iter().enumerate();
            let elements = elements.map(|(i, changed)| restore_unchanged(changed, element(held, i), element(exact, i)));
            Value::List(elements.collect())
        }
        (changed, ..) => changed,
    }
}

#[cfg(test)]
mod tests;
