//! Starting the program, judging its answers, and looking at directories.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::Value;

/// The root of the repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A data directory that the original wrote.
pub(crate) fn golden() -> PathBuf {
    repository().join("core/format/tests/fixtures/heartbeat-go")
}

/// The program with `args`, in an environment that decides nothing.
pub(crate) fn igor<I>(args: I) -> Command
where
    I: IntoIterator,
    I::Item: AsRef<std::ffi::OsStr>,
{
    let mut command = Command::new(env!("CARGO_BIN_EXE_igor"));
    command.args(args).stdin(Stdio::null()).env_clear();
    command
}

/// What a process left behind.
#[derive(Debug)]
pub(crate) struct Answer {
    #[expect(dead_code, reason = "shown when an assertion fails")]
    pub(crate) command: String,
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `command` to its end.
pub(crate) fn answer(mut command: Command) -> Answer {
    let line = format!("{command:?}");
    let Output { status, stdout, stderr } = command.output().expect("the program starts");
    Answer {
        command: line,
        code: status.code(),
        stdout: String::from_utf8(stdout).expect("stdout is UTF-8"),
        stderr: String::from_utf8(stderr).expect("stderr is UTF-8"),
    }
}

/// Runs the program to its end.
pub(crate) fn ask<I>(args: I) -> Answer
where
    I: IntoIterator,
    I::Item: AsRef<std::ffi::OsStr>,
{
    answer(igor(args))
}

impl Answer {
    /// Asserts success without a word on stderr; returns stdout.
    #[track_caller]
    pub(crate) fn done(self) -> String {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{self:#?}");
        self.stdout
    }

    /// Asserts an exit code and an error of one paragraph that holds each of `words`.
    #[track_caller]
    pub(crate) fn refused(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:#?}");
        assert!(self.stderr.starts_with("error: "), "{self:#?}");
        assert_eq!(self.stderr.lines().count(), 1, "the error is one paragraph: {self:#?}");
        for word in words {
            assert!(self.stderr.contains(word), "the error lacks {word:?}: {self:#?}");
        }
    }

    /// The one JSON document on stdout, checked against the schema.
    #[track_caller]
    pub(crate) fn document(&self) -> Value {
        let document = serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("stdout is one document: {error}\n{self:#?}"));
        assert_described(&document);
        document
    }
}

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let path = repository().join("docs/schema/output.schema.json");
    let text = fs::read_to_string(path).expect("the schema can be read");
    serde_json::from_str(&text).expect("the schema is JSON")
});
static VALIDATOR: LazyLock<Validator> =
    LazyLock::new(|| jsonschema::validator_for(&SCHEMA).expect("the schema is a schema"));
static STRICT: LazyLock<Validator> = LazyLock::new(|| {
    let mut schema = SCHEMA.clone();
    forbid_more(&mut schema);
    jsonschema::validator_for(&schema).expect("the strict schema is a schema")
});

/// Asserts that the schema allows `output` and describes each of its fields.
#[track_caller]
pub(crate) fn assert_described(output: &Value) {
    for (validator, what) in [(&*VALIDATOR, "allow"), (&*STRICT, "describe every field of")] {
        let errors: Vec<_> = validator.iter_errors(output).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "the schema does not {what} {output:#}: {errors:#?}");
    }
}

/// Forbids, in every object that the schema describes, fields that it does not describe.
fn forbid_more(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            object.values_mut().for_each(forbid_more);
            if object.contains_key("properties") && object.contains_key("required") {
                object.insert("additionalProperties".to_owned(), Value::Bool(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(forbid_more),
        _ => {}
    }
}

/// Everything below `dir`: the content of each file, nothing for a folder.
pub(crate) fn snapshot(dir: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder can be read") {
            let path = entry.expect("a folder can be listed").path();
            if path.is_dir() {
                folders.push(path.clone());
                found.insert(path, None);
            } else {
                let bytes = fs::read(&path).expect("a file can be read");
                found.insert(path, Some(bytes));
            }
        }
    }
    found
}

/// Copies everything below `from` to `to`.
pub(crate) fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder can be made");
    for (path, bytes) in snapshot(from) {
        let target = to.join(path.strip_prefix(from).expect("it lies below"));
        match bytes {
            None => fs::create_dir_all(target).expect("a folder can be made"),
            Some(bytes) => {
                fs::create_dir_all(target.parent().expect("it has a parent"))
                    .expect("a folder can be made");
                fs::write(target, bytes).expect("a file can be written");
            }
        }
    }
}
