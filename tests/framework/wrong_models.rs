//! Compiler errors of models whose fields have invalid types. The derive macro tests its own errors
//! about options.

use std::path::PathBuf;
use std::process::Command;
use std::time::SystemTime;
use std::{env, fs};

/// Returns the folder of compiled crates, and the newest build of this package, which this test was
/// linked with.
fn compiled() -> (PathBuf, PathBuf) {
    let folder = env::current_exe().unwrap().parent().unwrap().to_owned();
    let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let is_crate = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with("libtoken_providers-") && name.ends_with(".rlib")
    };
    let age = |path: &PathBuf| {
        fs::metadata(path)
            .and_then(|file| file.modified())
            .unwrap_or(SystemTime::UNIX_EPOCH)
    };
    (folder, files.filter(is_crate).max_by_key(age).unwrap())
}

/// Returns the compiler's errors for a file with this text.
fn errors(source: &str) -> String {
    let (folder, package) = compiled();
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("model.rs");
    fs::write(&file, source).unwrap();
    let compiler = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let output = Command::new(compiler)
        .args(["--edition=2024", "--crate-type=lib", "--emit=metadata", "--out-dir"])
        .arg(scratch.path())
        .arg("-L")
        .arg(format!("dependency={}", folder.display()))
        .arg("--extern")
        .arg(format!("token_providers={}", package.display()))
        .arg(file)
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn model(field: &str) -> String {
    format!(
        "use token_providers::prelude::*;\n#[derive(Model)]\npub struct Note {{\n    {field}\n}}\npub struct Other;\n"
    )
}

#[test]
fn derive_reports_invalid_field_types() {
    let valid = model("#[attribute(required)] pub title: Field<String>,");
    assert_eq!(errors(&valid), "");
    let cases = [
        (
            "#[attribute(required)] pub title: String,",
            "an attribute is a `Field<…>`, not `std::string::String`",
        ),
        (
            "#[attribute(required)] pub size: Field<u8>,",
            "`u8` is neither a model nor a type",
        ),
        (
            "#[attribute(required)] pub other: Field<Other>,",
            "`Other` is neither a model",
        ),
        ("#[attribute(flatten)] pub other: Other,", "`Other` is neither a model"),
        (
            "#[attribute(required, check = str::is_empty)] pub title: Field<String>,",
            "expected `Result<(), _>`, found `bool`",
        ),
        (
            "#[attribute(default = 1)] pub title: Field<String>,",
            "Field<std::string::String>: From<{integer}>",
        ),
        (
            "#[attribute(optional, planned)] pub title: Field<String>,",
            "add `computed` or remove this",
        ),
    ];
    for (field, expected) in cases {
        let errors = errors(&model(field));
        assert!(
            errors.contains("error") && errors.contains(expected),
            "{field}: {errors}"
        );
    }
}
