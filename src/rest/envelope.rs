//! What an answer is about, whatever is wrapped around it. Platforms seldom document that.

use serde_json::{Map, Value};

use super::paging::{Rows, says_more};
use super::{Answer, Unreadable};

pub(crate) type Object = Map<String, Value>;

/// How many objects may be wrapped around what is looked for: `{"data":{"roles":[…]}}`.
const DEPTH: usize = 3;

/// A page of a list.
pub(crate) struct Page {
    /// Its rows.
    pub(crate) rows: Vec<Value>,
    /// What the answer says by which it is not the last one.
    pub(crate) more: Option<String>,
}

/// The rows of a list that was requested as a whole. An answer that says that it is a part is not believed: what is in
/// another part must not be taken for gone. `names` are those that the list may have; the first one is shown in errors.
pub(crate) fn whole_list(answer: &Answer, names: &[&str]) -> Result<Vec<Value>, Unreadable> {
    let Page { rows, more } = read(answer, names, 0, false)?;
    match more {
        None => Ok(rows),
        Some(more) => Err(Unreadable(format!(
            "it is only a part of the list (it says so by {more:?}), and how to request the rest is not documented"
        ))),
    }
}

/// A page of a list, which `before` rows come before.
pub(crate) fn page(answer: &Answer, names: &[&str], before: usize) -> Result<Page, Unreadable> {
    read(answer, names, before, true)
}

fn read(answer: &Answer, names: &[&str], before: usize, is_page: bool) -> Result<Page, Unreadable> {
    let value: Value = answer.json()?;
    let rows = list(value.clone(), names).ok_or_else(|| Unreadable("it holds no list".to_owned()))?;
    let count = rows.len();
    let rows_read = Rows { before, count, is_page };
    let more = says_more(answer.status, &answer.headers, &value, rows_read);
    Ok(Page { rows, more })
}

/// The array that an answer is or holds: under a key that promises it, such as one of `names`, else where it is the only
/// one.
fn list(value: Value, names: &[&str]) -> Option<Vec<Value>> {
    list_within(value, names, DEPTH)
}

/// The object that tells one of `keys`: the answer itself, or the only such object in it.
pub(crate) fn object(value: Value, keys: &[&str]) -> Option<Object> {
    object_within(value, keys, DEPTH)
}

fn list_within(value: Value, names: &[&str], depth: usize) -> Option<Vec<Value>> {
    const KEYS: [&str; 4] = ["data", "items", "content", "results"];
    /// Arrays that are about something else.
    const OTHERS: [&str; 4] = ["errors", "warnings", "links", "messages"];
    let mut members = match value {
        Value::Array(items) => return Some(items),
        Value::Object(members) if depth > 0 => members,
        _ => return None,
    };
    if let Some(value) = names.iter().chain(&KEYS).find_map(|key| members.remove(*key)) {
        return list_within(value, names, depth - 1);
    }
    members.retain(|key, _| !OTHERS.contains(&key.as_str()));
    only(
        members
            .into_iter()
            .filter_map(|(_, value)| list_within(value, names, depth - 1)),
    )
}

fn object_within(value: Value, keys: &[&str], depth: usize) -> Option<Object> {
    match value {
        // `{"token":{"token":…}}` is wrapped, `{"token":"…"}` is not.
        Value::Object(members)
            if keys
                .iter()
                .any(|key| members.get(*key).is_some_and(|value| !value.is_object())) =>
        {
            Some(members)
        }
        Value::Object(members) if depth > 0 => only(
            members
                .into_iter()
                .filter_map(|(_, value)| object_within(value, keys, depth - 1)),
        ),
        _ => None,
    }
}

fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    let item = items.next()?;
    items.next().is_none().then_some(item)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_is_found_whatever_is_around_it() {
        let rows = json!([1, 2]);
        for answer in [
            json!([1, 2]),
            json!({ "roles": rows, "others": [] }),
            json!({ "data": { "content": rows }, "links": [] }),
            json!({ "whatever": rows, "errors": [], "total": 2 }),
        ] {
            assert_eq!(list(answer.clone(), &["roles"]), rows.as_array().cloned(), "{answer}");
        }
        for answer in [
            json!({}),
            json!("text"),
            json!(null),
            json!({"a": [], "b": []}),
            json!({"roles": null}),
        ] {
            assert_eq!(list(answer.clone(), &["roles"]), None, "{answer}");
        }
    }

    #[test]
    fn an_object_is_found_where_it_is_the_only_one() {
        for answer in [json!({"name": "x"}), json!({"data": {"name": "x"}, "status": "OK"})] {
            assert_eq!(object(answer, &["name"]).unwrap()["name"], "x");
        }
        for answer in [
            json!({"a": {"name": "x"}, "b": {"name": "y"}}),
            json!([{"name": "x"}]),
            json!({}),
        ] {
            assert_eq!(object(answer.clone(), &["name"]), None, "{answer}");
        }
    }
}
