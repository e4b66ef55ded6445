//! Paths of mounts, namespaces and secrets.

/// Normalises the path of a mount or a namespace: no leading slash, one trailing slash; an empty
/// path stays empty.
pub(super) fn folder(path: &str) -> String {
    match path.trim_matches('/') {
        "" => String::new(),
        path => format!("{path}/"),
    }
}

/// The names directly below a folder, from sorted paths.
pub(super) fn names_below<'a>(paths: impl Iterator<Item = &'a String>, folder: &str) -> Vec<&'a str> {
    let below = paths.filter_map(|path| path.strip_prefix(folder));
    let mut names: Vec<_> = below
        .map(|rest| rest.split_inclusive('/').next().unwrap_or(rest))
        .collect();
    names.dedup();
    names
}
