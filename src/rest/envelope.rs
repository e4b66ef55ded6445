//! Finds the list or the object in an answer, whatever envelope surrounds it. Most platforms do not
//! document theirs.

use serde_json::{Map, Value};

use super::paging::{Rows, more_rows_marker};
use super::{Answer, Unreadable};

pub(crate) type Object = Map<String, Value>;

/// The maximum number of objects around the payload: `{"data":{"roles":[…]}}` has two.
const DEPTH: usize = 3;

/// One page of a list.
pub(crate) struct Page {
    /// The rows of the page.
    pub(crate) rows: Vec<Value>,
    /// The member or header that indicates further pages; `None` on the last page.
    pub(crate) more: Option<String>,
}

/// Reads a list that was requested as a whole. An answer that indicates further pages is an error:
/// a row on another page must not be taken for deleted. `names` are the keys that the list may
/// have.
pub(crate) fn whole_list(answer: &Answer, names: &[&str]) -> Result<Vec<Value>, Unreadable> {
    let Page { rows, more } = read(answer, names, 0, false)?;
    match more {
        None => Ok(rows),
        Some(more) => Err(Unreadable(format!(
            "it is only a part of the list (indicated by {more:?}), and how to request the rest is not documented"
        ))),
    }
}

/// Reads one page of a list; `before` is the number of rows on earlier pages.
pub(crate) fn page(answer: &Answer, names: &[&str], before: usize) -> Result<Page, Unreadable> {
    read(answer, names, before, true)
}

fn read(answer: &Answer, names: &[&str], before: usize, is_page: bool) -> Result<Page, Unreadable> {
    let value: Value = answer.json()?;
    let rows = list(value.clone(), names).ok_or_else(|| Unreadable("it contains no list".to_owned()))?;
    let count = rows.len();
    let rows_read = Rows { before, count, is_page };
    let more = more_rows_marker(answer.status, &answer.headers, &value, rows_read);
    Ok(Page { rows, more })
}

/// Finds the array in an answer: the answer itself, the one under a known key such as one of
/// `names`, or the only array.
fn list(value: Value, names: &[&str]) -> Option<Vec<Value>> {
    list_within(value, names, DEPTH)
}

/// Finds the object that has one of `keys`: the answer itself, or the only such object in it.
pub(crate) fn object(value: Value, keys: &[&str]) -> Option<Object> {
    object_within(value, keys, DEPTH)
}

fn list_within(value: Value, names: &[&str], depth: usize) -> Option<Vec<Value>> {
    const KEYS: [&str; 4] = ["data", "items", "content", "results"];
    /// Arrays that never contain the rows.
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
        // `{"token":{"token":…}}` is an envelope, `{"token":"…"}` is not.
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
    fn list_is_found_in_any_envelope() {
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

    /// Wraps a value in this number of objects.
    fn wrapped(value: Value, key: &str, times: usize) -> Value {
        (0..times).fold(value, |value, _| json!({ key: value }))
    }

    #[test]
    fn list_and_object_are_found_below_at_most_three_objects() {
        for key in ["data", "whatever"] {
            for times in 0..=4 {
                let list = list(wrapped(json!([1, 2]), key, times), &["roles"]);
                assert_eq!(list.is_some(), times <= DEPTH, "{key} {times}");
                let object = object(wrapped(json!({"name": "x"}), key, times), &["name"]);
                assert_eq!(object.is_some(), times <= DEPTH, "{key} {times}");
            }
        }
    }

    fn answer(body: &Value) -> Answer {
        Answer {
            status: http::StatusCode::OK,
            headers: http::HeaderMap::new(),
            body: body.to_string().into(),
        }
    }

    #[test]
    fn whole_list_rejects_partial_list_and_page_returns_its_marker() {
        let complete = answer(&json!({"roles": ["a", "b"], "total": 2}));
        let partial = answer(&json!({"roles": ["a", "b"], "total": 3}));
        let rows = [json!("a"), json!("b")];
        assert_eq!(whole_list(&complete, &["roles"]).unwrap(), rows);
        let error = whole_list(&partial, &["roles"]).unwrap_err();
        assert!(error.to_string().contains("\"total\""), "{error}");
        for (answer, before, more) in [(&complete, 0, None), (&partial, 0, Some("total")), (&partial, 1, None)] {
            let page = page(answer, &["roles"], before).unwrap();
            assert_eq!((page.rows.as_slice(), page.more.as_deref()), (rows.as_slice(), more));
        }
        assert!(whole_list(&answer(&json!({"roles": null})), &["roles"]).is_err());
    }

    #[test]
    fn object_is_found_where_it_is_unique() {
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
