//! Terraform's rules for the plans and results of providers, and its messages about violations.
//!
//! They are those of `internal/plans/objchange/plan_valid.go` and `compatible.go` in
//! hashicorp/terraform. Messages contain no values, which may be secret.

use super::schema::{AttributeSchema, Nested, NestingMode, ObjectSchema};
use crate::framework::types::Type;
use crate::framework::value::Value;

/// Returns the violations of a plan. A provider may only decide about values that the user did not
/// set.
pub(super) fn plan_problems(schema: &ObjectSchema, prior: &Value, config: &Value, planned: &Value) -> Vec<String> {
    match (config.is_null(), planned.is_null()) {
        (false, true) => return vec!["planned for absence but config wants existence".to_owned()],
        (true, false) => return vec!["planned for existence but config wants absence".to_owned()],
        (true, true) => return Vec::new(),
        (false, false) => {}
    }
    let mut problems = Vec::new();
    check_object(schema, prior, config, planned, "", &mut problems);
    problems
}

fn check_object(
    schema: &ObjectSchema,
    prior: &Value,
    config: &Value,
    planned: &Value,
    path: &str,
    problems: &mut Vec<String>,
) {
    for (name, attribute) in &schema.attributes {
        let path = format!("{path}.{name}");
        check_attribute(
            attribute,
            prior.get(name),
            config.get(name),
            planned.get(name),
            &path,
            problems,
        );
    }
}

fn check_attribute(
    schema: &AttributeSchema,
    prior: &Value,
    config: &Value,
    planned: &Value,
    path: &str,
    problems: &mut Vec<String>,
) {
    if schema.write_only {
        if !planned.is_null() {
            problems.push(format!("{path}: planned value for write-only attribute is not null"));
        }
        return;
    }
    let keeps_prior = planned == prior && !prior.is_null() && !config.is_null();
    let may_compute = schema.is_read_only() || (schema.computed && config.is_null());
    if planned == config || keeps_prior || may_compute {
        return;
    }
    if config.is_null() {
        problems.push(format!(
            "{path}: planned value {planned:?} for a non-computed attribute"
        ));
        return;
    }
    match &schema.nested {
        Some(nested) => check_nested(nested, prior, config, planned, path, problems),
        None => problems.push(format!(
            "{path}: planned value {planned:?} does not match config value {config:?} nor prior value {prior:?}"
        )),
    }
}

fn check_nested(
    nested: &Nested,
    prior: &Value,
    config: &Value,
    planned: &Value,
    path: &str,
    problems: &mut Vec<String>,
) {
    let schema = &nested.object;
    match (nested.mode, config, planned) {
        (NestingMode::Single, Value::Map(_), Value::Map(_)) => {
            check_object(schema, prior, config, planned, path, problems);
        }
        (NestingMode::List, Value::List(configs), Value::List(plans)) if configs.len() == plans.len() => {
            let priors = match prior {
                Value::List(priors) => priors.as_slice(),
                _ => &[],
            };
            for (index, (config, planned)) in configs.iter().zip(plans).enumerate() {
                let prior = priors.get(index).unwrap_or(&Value::Null);
                check_object(schema, prior, config, planned, &format!("{path}[{index}]"), problems);
            }
        }
        (NestingMode::Map, Value::Map(configs), Value::Map(plans)) if configs.keys().eq(plans.keys()) => {
            for ((key, config), planned) in configs.iter().zip(plans.values()) {
                check_object(
                    schema,
                    prior.get(key),
                    config,
                    planned,
                    &format!("{path}[{key:?}]"),
                    problems,
                );
            }
        }
        // Elements of sets have no key: each must match a configured one, and vice versa.
        (NestingMode::Set, Value::List(configs), Value::List(plans)) => {
            let priors = nested.objects(prior);
            let fits = |config: &Value, planned: &Value| {
                let is_prior = priors.contains(&planned);
                let mut problems = Vec::new();
                check_object(schema, &Value::Null, config, planned, path, &mut problems);
                is_prior || problems.is_empty()
            };
            let each_is_configured = plans
                .iter()
                .all(|planned| configs.iter().any(|config| fits(config, planned)));
            let each_is_planned = configs
                .iter()
                .all(|config| plans.iter().any(|planned| fits(config, planned)));
            if configs.len() != plans.len() || !each_is_configured || !each_is_planned {
                problems.push(format!("{path}: the planned set does not match the configured one"));
            }
        }
        (_, _, Value::Unknown) => problems.push(format!("{path}: planned unknown for configured value")),
        _ => problems.push(format!("{path}: the planned elements are not the configured ones")),
    }
}

/// Returns the violations of a result that completes `planned`. Known values must not change.
pub(super) fn completion_problems(ty: &Type, planned: &Value, actual: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    check_completion(ty, planned, actual, "", &mut problems);
    problems
}

fn check_completion(ty: &Type, planned: &Value, actual: &Value, path: &str, problems: &mut Vec<String>) {
    match (ty, planned, actual) {
        (_, Value::Unknown, _) | (Type::Dynamic, _, _) => {}
        (Type::Object(types), Value::Map(_), Value::Map(_)) => {
            for (name, ty) in types {
                let path = format!("{path}.{name}");
                check_completion(ty, planned.get(name), actual.get(name), &path, problems);
            }
        }
        (Type::Map(ty), Value::Map(plans), Value::Map(actuals)) if plans.keys().eq(actuals.keys()) => {
            for ((key, planned), actual) in plans.iter().zip(actuals.values()) {
                check_completion(ty, planned, actual, &format!("{path}[{key:?}]"), problems);
            }
        }
        (Type::List(ty), Value::List(plans), Value::List(actuals)) if plans.len() == actuals.len() => {
            for (index, (planned, actual)) in plans.iter().zip(actuals).enumerate() {
                check_completion(ty, planned, actual, &format!("{path}[{index}]"), problems);
            }
        }
        (Type::Tuple(types), Value::List(plans), Value::List(actuals)) if plans.len() == actuals.len() => {
            for (index, (ty, (planned, actual))) in types.iter().zip(plans.iter().zip(actuals)).enumerate() {
                check_completion(ty, planned, actual, &format!("{path}[{index}]"), problems);
            }
        }
        // Elements may turn out to be equal, so the set may get smaller, but never larger.
        (Type::Set(ty), Value::List(plans), Value::List(actuals)) => {
            let fits = |planned: &Value, actual: &Value| completion_problems(ty, planned, actual).is_empty();
            let all_remain = plans
                .iter()
                .all(|planned| actuals.iter().any(|actual| fits(planned, actual)));
            let none_is_new = actuals
                .iter()
                .all(|actual| plans.iter().any(|planned| fits(planned, actual)));
            if plans.len() < actuals.len() || !all_remain || !none_is_new {
                problems.push(format!("{path}: the elements of the set have changed"));
            }
        }
        (_, planned, actual) if planned == actual => {}
        (_, planned, actual) => {
            let path = if path.is_empty() { "Root object" } else { path };
            problems.push(format!("{path}: was {planned:?}, but now {actual:?}"));
        }
    }
}

/// Returns the paths of write-only attributes that have a value.
pub(super) fn stored_write_only<'a>(schema: &'a ObjectSchema, value: &Value) -> Vec<&'a str> {
    let write_only = schema.attributes.iter().filter(|(_, attribute)| attribute.write_only);
    let stored = write_only.filter(|(name, _)| !value.get(name).is_null());
    stored.map(|(name, _)| name.as_str()).collect()
}

/// Returns whether a value is known, with all its elements and members.
pub(super) fn is_wholly_known(value: &Value) -> bool {
    match value {
        Value::Unknown => false,
        Value::Map(members) => members.values().all(is_wholly_known),
        Value::List(elements) => elements.iter().all(is_wholly_known),
        Value::Dynamic(_, value) => is_wholly_known(value),
        _ => true,
    }
}

/// Replaces unknown values by null, because a state has none.
pub(super) fn unknown_as_null(value: Value) -> Value {
    match value {
        Value::Unknown => Value::Null,
        Value::Map(members) => {
            let members = members.into_iter();
            Value::Map(members.map(|(name, value)| (name, unknown_as_null(value))).collect())
        }
        Value::List(elements) => Value::List(elements.into_iter().map(unknown_as_null).collect()),
        value => value,
    }
}
