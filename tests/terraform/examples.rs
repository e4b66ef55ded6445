//! The examples that the documentation of a platform shows.

use std::fs;
use std::path::{Path, PathBuf};

use super::world::{PlatformUnderTest, World};
use crate::support::terraform::Run;

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

impl<P: PlatformUnderTest> World<P> {
    /// The folder of the platform's examples.
    pub(crate) fn examples_folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(P::NAME)
    }

    /// The examples of a kind: of each type a folder.
    pub(crate) fn examples(kind: &str) -> Vec<PathBuf> {
        let folders = fs::read_dir(Self::examples_folder().join(kind)).unwrap();
        folders.map(|folder| folder.unwrap().path()).collect()
    }

    /// The examples of functions. That of `age_decrypt` is left out: it needs another vendor's provider, and is tested by
    /// [`Self::decrypted_values_reach_vault`].
    pub(crate) fn function_examples() -> Vec<PathBuf> {
        let mut examples = Self::examples("functions");
        examples.retain(|example| !example.ends_with("age_decrypt"));
        examples
    }

    /// The example with the `provider` block that the others go without.
    pub(crate) fn provider_example() -> PathBuf {
        Self::examples_folder().join("provider/provider.tf")
    }

    /// Takes these examples as the configuration.
    pub(crate) fn take(&self, files: &[PathBuf]) {
        self.take_edited(files, |text| text);
    }

    /// Takes these examples as the configuration, edited where they name what passes one day.
    pub(crate) fn take_edited(&self, files: &[PathBuf], edit: impl Fn(String) -> String) {
        for file in files {
            let name = file.file_name().unwrap().to_str().unwrap();
            self.workspace.write(name, &edit(read(file))).unwrap();
        }
    }

    /// Imports as the `import.sh` of this example does.
    pub(crate) async fn import_as_shown(&self, example: &Path) -> Run {
        self.import_edited(example, |script| script).await
    }

    /// Imports as the `import.sh` of this example does, after `edit`, which inserts the ids that
    /// the platform has generated.
    pub(crate) async fn import_edited(&self, example: &Path, edit: impl Fn(String) -> String) -> Run {
        let script = edit(read(&example.join("import.sh")));
        let command = script.lines().find_map(|line| line.strip_prefix("terraform import "));
        let (address, id) = command.unwrap().split_once(' ').unwrap();
        self.import(address, id).await
    }

    /// Runs the tests of the guide on testing modules, and asserts that so many runs pass, and that they have changed
    /// something on the platform.
    pub(crate) async fn testing_guide_passes(&mut self, runs: usize) {
        let guide = Self::examples_folder().join("guides/testing");
        fs::create_dir_all(self.workspace.dir().join("tests")).unwrap();
        for file in ["main.tf", "tests/mock.tftest.hcl", "tests/sandbox.tftest.hcl"] {
            self.workspace.write(file, &read(&guide.join(file))).unwrap();
        }
        let run = self
            .workspace
            .run(&["test", "-no-color"])
            .await
            .unwrap()
            .success()
            .unwrap();
        assert!(run.says(&format!("{runs} passed, 0 failed")), "{run}");
        assert!(!self.sandbox.audit_log().is_empty());
    }
}
