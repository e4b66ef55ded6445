//! Whether an answer says that the list in it is only a part of one.
//!
//! No platform documents pages of its lists but one. What is on another page must never be taken for gone, so every common
//! way of saying that there is more is recognised: in the objects around the list, in headers, and by the status.

use http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value};

/// How deep the information about pages may lie: `{"data":{"meta":{"page":{"total":7}}}}`.
const DEPTH: usize = 4;

/// What is known of the rows that were read.
#[derive(Clone, Copy)]
pub(super) struct Rows {
    /// How many rows come before those of this answer.
    pub(super) before: usize,
    /// How many rows the answer has.
    pub(super) count: usize,
    /// Whether pages were requested: then this answer may be a later one.
    pub(super) is_page: bool,
}

impl Rows {
    fn is_exceeded_by(self, total: u64) -> bool {
        total > self.before.saturating_add(self.count) as u64
    }
}

/// The name of the member or the header that says that there is more.
pub(super) fn says_more(status: StatusCode, headers: &HeaderMap, value: &Value, rows: Rows) -> Option<String> {
    in_headers(headers, rows)
        .or_else(|| in_value(value, rows, DEPTH))
        .or_else(|| (status == StatusCode::PARTIAL_CONTENT && !rows.is_page).then(|| "206 Partial Content".to_owned()))
}

fn in_headers(headers: &HeaderMap, rows: Rows) -> Option<String> {
    let more = headers.iter().find(|(name, value)| {
        let Ok(text) = value.to_str() else { return false };
        if *name == header::LINK {
            return is_next_link(text);
        }
        if *name == header::CONTENT_RANGE {
            let total = text.rsplit_once('/').and_then(|(_, total)| total.trim().parse().ok());
            return total.is_some_and(|total| rows.is_exceeded_by(total));
        }
        let key = folded(name.as_str());
        let key = ["xpagination", "pagination", "x"]
            .iter()
            .find_map(|prefix| key.strip_prefix(prefix))
            .unwrap_or(&key);
        member_says_more(key, &Value::String(text.to_owned()), rows)
    });
    more.map(|(name, _)| name.to_string())
}

/// `<https://…?page=2>; rel="next"`
fn is_next_link(text: &str) -> bool {
    text.split(';').skip(1).any(|parameter| {
        let parameter = parameter.split(',').next().unwrap_or_default();
        let relation = parameter.trim().to_ascii_lowercase();
        let relations = relation
            .strip_prefix("rel")
            .map(|rest| rest.trim_start_matches([' ', '=', '"']));
        relations.is_some_and(|names| names.trim_end_matches('"').split(' ').any(|name| name == "next"))
    })
}

fn in_value(value: &Value, rows: Rows, depth: usize) -> Option<String> {
    let Value::Object(members) = value else { return None };
    if is_about_something_else(members) {
        return None;
    }
    members.iter().find_map(|(key, value)| {
        let name = folded(key);
        if member_says_more(&name, value, rows) {
            return Some(key.clone());
        }
        match value {
            // How much of a quota is used is no size of a list.
            Value::Object(_) if depth > 0 && !["quota", "limit", "usage"].iter().any(|word| name.contains(word)) => {
                in_value(value, rows, depth - 1)
            }
            // `"links": [{"rel": "next", "href": "…"}]`
            Value::Array(links) if name.contains("link") => {
                let is_next = |link: &Value| link.get("rel").and_then(Value::as_str) == Some("next");
                links.iter().any(is_next).then(|| key.clone())
            }
            _ => None,
        }
    })
}

/// Whether an object around the list may be one of its kind itself, so that its members mean something else.
fn is_about_something_else(members: &Map<String, Value>) -> bool {
    members.contains_key("name") && !members.values().any(|value| value.is_array() || value.is_object())
}

fn member_says_more(key: &str, value: &Value, rows: Rows) -> bool {
    let flag = match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    };
    let number = match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    match key {
        "last" | "islast" | "lastpage" | "islastpage" | "complete" | "iscomplete" if flag == Some(false) => true,
        "more" | "hasmore" | "hasnext" | "hasnextpage" | "hasmorepages" | "moreavailable" | "moreresults"
        | "hasmoreitems" | "truncated" | "istruncated" | "partial" | "ispartial" | "incomplete"
        | "incompleteresults" => flag == Some(true),
        "total" | "totalcount" | "totalelements" | "totalitems" | "totalresults" | "totalrecords" | "totalrows"
        | "totalhits" | "totalsize" | "count" | "recordcount" | "resultcount" | "itemcount" => {
            number.is_some_and(|total| rows.is_exceeded_by(total))
        }
        "remaining" | "remainingcount" | "remainingitemcount" => number.is_some_and(|number| number > 0),
        "totalpages" | "pages" | "pagecount" | "lastpage" => !rows.is_page && number.is_some_and(|pages| pages > 1),
        "offset" | "skip" => !rows.is_page && number.is_some_and(|offset| offset > 0),
        "continue" | "continuation" | "continuationtoken" | "lastevaluatedkey" | "odatanextlink" => is_given(value),
        key => key.starts_with("next") && is_given(value),
    }
}

/// Whether there is something to go on with.
fn is_given(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(given) => *given,
        Value::Number(number) => number.as_f64() > Some(0.0),
        Value::String(text) => !matches!(text.trim(), "" | "null" | "false" | "0" | "-1"),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => members.values().any(is_given),
    }
}

/// `hasMore`, `has_more` and `has-more` are one.
fn folded(key: &str) -> String {
    let letters = key.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|letter| letter.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const WHOLE: Rows = Rows {
        before: 0,
        count: 2,
        is_page: false,
    };

    fn more(value: &Value) -> Option<String> {
        says_more(StatusCode::OK, &HeaderMap::new(), value, WHOLE)
    }

    #[test]
    fn list_that_says_that_it_is_a_part_is_one() {
        for value in [
            json!({"content": [1, 2], "last": false}),
            json!({"content": [1, 2], "totalElements": 3, "last": true}),
            json!({"rows": [1, 2], "total": "3"}),
            json!({"rows": [1, 2], "count": 50, "next": "https://example.com/?page=2"}),
            json!({"rows": [1, 2], "hasMore": true}),
            json!({"rows": [1, 2], "has_more": true}),
            json!({"rows": [1, 2], "hasNextPage": "true"}),
            json!({"rows": [1, 2], "nextPageToken": "x"}),
            json!({"rows": [1, 2], "next_page": 2}),
            json!({"rows": [1, 2], "links": {"self": "/a", "next": {"href": "/b"}}}),
            json!({"rows": [1, 2], "_links": [{"rel": "next", "href": "/b"}]}),
            json!({"rows": [1, 2], "@odata.nextLink": "/b"}),
            json!({"items": [1, 2], "metadata": {"continue": "x", "remainingItemCount": 1}}),
            json!({"rows": [1, 2], "page": {"size": 2, "totalElements": 7, "totalPages": 4, "number": 0}}),
            json!({"rows": [1, 2], "page": 1, "totalPages": 2}),
            json!({"rows": [1, 2], "offset": 20}),
            json!({"data": {"rows": [1, 2], "meta": {"pagination": {"total": 3}}}}),
            json!({"rows": [1, 2], "isTruncated": true}),
            json!({"rows": [1, 2], "complete": false}),
        ] {
            assert!(more(&value).is_some(), "{value}");
        }
    }

    #[test]
    fn whole_list_is_not_taken_for_a_part() {
        for value in [
            json!([1, 2]),
            json!({"rows": [1, 2]}),
            json!({"rows": [1, 2], "total": 2, "count": 2, "hasMore": false, "next": null, "offset": 0}),
            json!({"content": [1, 2], "last": true, "totalPages": 1, "number": 0, "size": 20, "pageable": {"offset": 0}}),
            json!({"rows": [1, 2], "page": 1, "limit": 20, "nextPageToken": ""}),
            json!({"rows": [1, 2], "links": {"self": "/a", "next": null}, "quota": {"total": 3, "used": 2}}),
            json!({"rows": [1, 2], "next": {"href": null}}),
        ] {
            assert_eq!(more(&value), None, "{value}");
        }
    }

    #[test]
    fn headers_and_the_status_say_that_a_list_is_a_part() {
        let rows = json!([1, 2]);
        for (name, text, is_part) in [
            ("link", r#"</a?page=1>; rel="first", </a?page=2>; rel="next""#, true),
            ("link", "</a?page=2>; rel=next", true),
            ("link", r#"</a?page=2>; title="x"; rel="last next""#, true),
            ("link", r#"</next>; rel="self", </b>; rel="prev""#, false),
            ("x-total-count", "3", true),
            ("x-total-count", "2", false),
            ("x-total", "3", true),
            ("x-pagination-total-count", "3", true),
            ("x-next-page", "2", true),
            ("x-next-page", "", false),
            ("x-has-more", "true", true),
            ("x-total-pages", "2", true),
            ("content-range", "items 0-1/3", true),
            ("content-range", "items 0-1/2", false),
            ("x-request-id", "17", false),
            ("x-ratelimit-remaining", "17", false),
        ] {
            let headers = HeaderMap::from_iter([(name.parse().unwrap(), text.parse().unwrap())]);
            let said = says_more(StatusCode::OK, &headers, &rows, WHOLE);
            assert_eq!(said.is_some(), is_part, "{name}: {text}");
        }
        assert!(says_more(StatusCode::PARTIAL_CONTENT, &HeaderMap::new(), &rows, WHOLE).is_some());
    }

    #[test]
    fn page_that_was_requested_is_followed_by_what_is_left() {
        let rows = Rows {
            before: 20,
            count: 2,
            is_page: true,
        };
        for (value, is_part) in [
            (json!({"results": [1, 2], "count": 22, "offset": 20, "pages": 2}), false),
            (json!({"results": [1, 2], "count": 23, "offset": 20, "pages": 2}), true),
            (json!({"results": [1, 2], "count": 22, "next": "/b"}), true),
        ] {
            let said = says_more(StatusCode::PARTIAL_CONTENT, &HeaderMap::new(), &value, rows);
            assert_eq!(said.is_some(), is_part, "{value}");
        }
    }
}
