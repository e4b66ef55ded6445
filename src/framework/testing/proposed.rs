//! The proposed new state that Terraform computes for a plan.
//!
//! The rules are those of `internal/plans/objchange/objchange.go` in hashicorp/terraform.

use std::collections::BTreeMap;

use super::schema::{AttributeSchema, Nested, NestingMode, ObjectSchema};
use crate::framework::Value;

/// Merges a configuration with the prior state: configured values, and prior values of computed
/// attributes.
pub(super) fn proposed_new(schema: &ObjectSchema, prior: &Value, config: &Value) -> Value {
    if config.is_null() {
        return Value::Null;
    }
    object(schema, prior, config)
}

fn object(schema: &ObjectSchema, prior: &Value, config: &Value) -> Value {
    let members = schema.attributes.iter().map(|(name, attribute)| {
        let value = proposed_attribute(attribute, prior.get(name), config.get(name));
        (name.clone(), value)
    });
    Value::Map(members.collect())
}

fn proposed_attribute(schema: &AttributeSchema, prior: &Value, config: &Value) -> Value {
    match &schema.nested {
        _ if schema.computed && config.is_null() && !was_configured(schema, prior) => prior.clone(),
        Some(nested) => proposed_nested(nested, prior, config),
        None => config.clone(),
    }
}

/// Returns whether the prior value of an optional nested attribute came from a configuration,
/// because it sets attributes that are not computed.
fn was_configured(schema: &AttributeSchema, prior: &Value) -> bool {
    let Some(nested) = schema.nested.as_ref().filter(|_| schema.optional) else {
        return false;
    };
    let mut attributes = nested.object.attributes.iter();
    let objects = nested.objects(prior);
    attributes.any(|(name, attribute)| {
        let mut values = objects.iter().map(|object| object.get(name));
        values.any(|value| !value.is_null() && (!attribute.computed || was_configured(attribute, value)))
    })
}

fn proposed_nested(nested: &Nested, prior: &Value, config: &Value) -> Value {
    let schema = &nested.object;
    match (nested.mode, config) {
        (NestingMode::Single, Value::Map(_)) => object(schema, prior, config),
        (NestingMode::List, Value::List(elements)) => {
            let elements = elements.iter().enumerate();
            // Elements correspond by their index.
            Value::List(
                elements
                    .map(|(index, config)| merge(schema, element(prior, index), config))
                    .collect(),
            )
        }
        (NestingMode::Map, Value::Map(members)) => {
            let members = members.iter().map(|(key, config)| {
                let value = merge(schema, member(prior, key), config);
                (key.clone(), value)
            });
            Value::Map(members.collect::<BTreeMap<_, _>>())
        }
        (NestingMode::Set, Value::List(elements)) => {
            let mut candidates = nested.objects(prior);
            let elements = elements.iter().map(|config| {
                let found = candidates.iter().position(|prior| may_stem_from(schema, prior, config));
                merge(schema, found.map(|at| candidates.remove(at)), config)
            });
            Value::List(elements.collect())
        }
        // Null or unknown.
        (_, config) => config.clone(),
    }
}

/// Merges an element with its prior counterpart, if there is one.
fn merge(schema: &ObjectSchema, prior: Option<&Value>, config: &Value) -> Value {
    match (prior, config) {
        (Some(prior), Value::Map(_)) => object(schema, prior, config),
        (_, config) => config.clone(),
    }
}

fn element(list: &Value, index: usize) -> Option<&Value> {
    match list {
        Value::List(elements) => elements.get(index),
        _ => None,
    }
}

fn member<'a>(map: &'a Value, key: &str) -> Option<&'a Value> {
    match map {
        Value::Map(members) => members.get(key),
        _ => None,
    }
}

/// Returns whether the prior element of a set corresponds to `config`: it differs only in computed
/// attributes.
fn may_stem_from(schema: &ObjectSchema, prior: &Value, config: &Value) -> bool {
    schema.attributes.iter().all(|(name, attribute)| {
        let (prior, config) = (prior.get(name), config.get(name));
        if prior == config || (attribute.computed && config.is_null()) {
            return true;
        }
        let Some(nested) = &attribute.nested else { return false };
        match (nested.mode, prior, config) {
            (NestingMode::Single, Value::Map(_), Value::Map(_)) => may_stem_from(&nested.object, prior, config),
            (NestingMode::Map, Value::Map(priors), Value::Map(configs)) => {
                priors.len() == configs.len()
                    && priors.iter().all(|(key, prior)| {
                        let config = configs.get(key);
                        config.is_some_and(|config| may_stem_from(&nested.object, prior, config))
                    })
            }
            (NestingMode::List | NestingMode::Set, Value::List(priors), Value::List(configs)) => {
                let mut pairs = priors.iter().zip(configs);
                priors.len() == configs.len()
                    && pairs.all(|(prior, config)| may_stem_from(&nested.object, prior, config))
            }
            _ => false,
        }
    })
}
