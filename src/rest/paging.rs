//! Detects whether a list in an answer is incomplete.
//!
//! Only one platform documents pagination. Rows on another page must never be taken for deleted, so
//! this module recognises every common marker of further pages: members of the objects around the
//! list, headers, and the status.

use http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value};

/// The maximum nesting of pagination data: `{"data":{"meta":{"page":{"total":7}}}}`.
const DEPTH: usize = 4;

/// The rows that were read so far.
#[derive(Clone, Copy)]
pub(super) struct Rows {
    /// The number of rows on earlier pages.
    pub(super) before: usize,
    /// The number of rows in this answer.
    pub(super) count: usize,
    /// Whether the request asked for a page, so that the answer may be a later one.
    pub(super) is_page: bool,
}

impl Rows {
    fn is_less_than(self, total: u64) -> bool {
        total > self.before.saturating_add(self.count) as u64
    }
}

/// The name of the member or header that indicates further rows.
pub(super) fn more_rows_marker(status: StatusCode, headers: &HeaderMap, value: &Value, rows: Rows) -> Option<String> {
    marker_in_headers(headers, rows)
        .or_else(|| marker_in_body(value, rows, DEPTH))
        .or_else(|| (status == StatusCode::PARTIAL_CONTENT && !rows.is_page).then(|| "206 Partial Content".to_owned()))
}

fn marker_in_headers(headers: &HeaderMap, rows: Rows) -> Option<String> {
    let more = headers.iter().find(|(name, value)| {
        let Ok(text) = value.to_str() else { return false };
        if *name == header::LINK {
            return is_next_link(text);
        }
        if *name == header::CONTENT_RANGE {
            let total = text.rsplit_once('/').and_then(|(_, total)| total.trim().parse().ok());
            return total.is_some_and(|total| rows.is_less_than(total));
        }
        let key = normalised(name.as_str());
        let key = ["xpagination", "pagination", "x"]
            .iter()
            .find_map(|prefix| key.strip_prefix(prefix))
            .unwrap_or(&key);
        indicates_more(key, &Value::String(text.to_owned()), rows)
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

fn marker_in_body(value: &Value, rows: Rows, depth: usize) -> Option<String> {
    let Value::Object(members) = value else { return None };
    if is_row(members) {
        return None;
    }
    members.iter().find_map(|(key, value)| {
        let name = normalised(key);
        if indicates_more(&name, value, rows) {
            return Some(key.clone());
        }
        match value {
            // The usage of a quota is not the size of a list.
            Value::Object(_) if depth > 0 && !["quota", "limit", "usage"].iter().any(|word| name.contains(word)) => {
                marker_in_body(value, rows, depth - 1)
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

/// Whether an object around the list may itself be a row, so that its members are not pagination
/// data.
fn is_row(members: &Map<String, Value>) -> bool {
    members.contains_key("name") && !members.values().any(|value| value.is_array() || value.is_object())
}

fn indicates_more(key: &str, value: &Value, rows: Rows) -> bool {
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
            number.is_some_and(|total| rows.is_less_than(total))
        }
        "remaining" | "remainingcount" | "remainingitemcount" => number.is_some_and(|number| number > 0),
        "totalpages" | "pages" | "pagecount" | "lastpage" => !rows.is_page && number.is_some_and(|pages| pages > 1),
        "offset" | "skip" => !rows.is_page && number.is_some_and(|offset| offset > 0),
        "continue" | "continuation" | "continuationtoken" | "lastevaluatedkey" | "odatanextlink" => is_given(value),
        key => key.starts_with("next") && is_given(value),
    }
}

/// Whether a continuation value is present.
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

/// Maps `hasMore`, `has_more` and `has-more` to the same key.
fn normalised(key: &str) -> String {
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
        more_rows_marker(StatusCode::OK, &HeaderMap::new(), value, WHOLE)
    }

    #[test]
    fn partial_list_is_detected_by_any_marker() {
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
            json!({"rows": [1, 2], "last": "false"}),
            json!({"rows": [1, 2], "remaining": 1}),
            json!({"rows": [1, 2], "next": ["x"]}),
            json!({"rows": [1, 2], "name": "all", "total": 3}),
        ] {
            assert!(more(&value).is_some(), "{value}");
        }
    }

    #[test]
    fn complete_list_has_no_marker() {
        for value in [
            json!([1, 2]),
            json!({"rows": [1, 2]}),
            json!({"rows": [1, 2], "total": 2, "count": 2, "hasMore": false, "next": null, "offset": 0}),
            json!({"content": [1, 2], "last": true, "totalPages": 1, "number": 0, "size": 20, "pageable": {"offset": 0}}),
            json!({"rows": [1, 2], "page": 1, "limit": 20, "nextPageToken": ""}),
            json!({"rows": [1, 2], "links": {"self": "/a", "next": null}, "quota": {"total": 3, "used": 2}}),
            json!({"rows": [1, 2], "next": {"href": null}}),
            json!({"rows": [1, 2], "next": [], "nextPage": 0, "remaining": 0}),
            json!({"rows": [1, 2], "hasMore": "unknown", "last": "unknown"}),
            json!({"rows": [1, 2], "owner": {"name": "ci", "count": 3}}),
            json!({"rows": [{"rel": "next"}, 2]}),
        ] {
            assert_eq!(more(&value), None, "{value}");
        }
    }

    #[test]
    fn marker_is_found_within_at_most_four_objects() {
        for times in 0..=5 {
            let value = (0..times).fold(json!({"total": 3}), |value, _| json!({ "meta": value }));
            assert_eq!(more(&value).is_some(), times <= DEPTH, "{value}");
        }
    }

    #[test]
    fn partial_list_is_detected_by_headers_and_status() {
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
            let marker = more_rows_marker(StatusCode::OK, &headers, &rows, WHOLE);
            assert_eq!(marker.is_some(), is_part, "{name}: {text}");
        }
        assert!(more_rows_marker(StatusCode::PARTIAL_CONTENT, &HeaderMap::new(), &rows, WHOLE).is_some());
    }

    #[test]
    fn requested_page_has_marker_only_when_rows_remain() {
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
            let marker = more_rows_marker(StatusCode::PARTIAL_CONTENT, &HeaderMap::new(), &value, rows);
            assert_eq!(marker.is_some(), is_part, "{value}");
        }
    }
}
