use serde_json::json;

use super::*;
use crate::framework::diagnostic::Severity;
use crate::framework::{Field, Leaving};

#[derive(Model, Clone, Debug, Default, PartialEq)]
#[model(version = 2)]
struct Note {
    #[attribute(required, identity)]
    title: Field<String>,
    #[attribute(optional)]
    links: Field<Vec<Link>>,
    #[attribute(computed)]
    id: Field<String>,
}

#[derive(Model, Clone, Debug, Default, PartialEq)]
struct Link {
    #[attribute(required)]
    url: Field<String>,
}

/// The outcome of each operation on a note.
#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Succeeds,
    Fails,
    FailsLeavingHalf,
    /// Fails without an error, which is a bug.
    FailsSilently,
    /// Fails after reporting the error to the context.
    Reports,
    Refuses,
    FindsNothing,
}

struct Notes(Mood);

impl Notes {
    fn outcome<T>(&self, context: &Context<()>, half: Note, success: T) -> Outcome<Note, T> {
        let error = || Diagnostic::error("Broken", "The pen broke.");
        match self.0 {
            Mood::Fails => Err(error())?,
            Mood::FailsLeavingHalf => Err(error()).leaving(half),
            Mood::FailsSilently => Err(Failed::reported()),
            Mood::Reports => {
                let mut diagnostics = context.diagnostics();
                diagnostics.push(error());
                Err(Failed::reported())
            }
            Mood::Succeeds | Mood::Refuses | Mood::FindsNothing => Ok(success),
        }
    }
}

fn half() -> Note {
    note("half", "h")
}

fn note(title: &str, id: &str) -> Note {
    Note {
        title: title.into(),
        id: id.into(),
        ..Note::default()
    }
}

impl Resource for Notes {
    type Model = Note;
    type Client = ();

    const TYPE: &'static str = "notes_note";

    async fn create(&self, context: &Context<()>, planned: Note) -> Outcome<Note> {
        self.outcome(context, half(), planned)
    }

    async fn read(&self, context: &Context<()>, state: Note) -> Outcome<Note, Option<Note>> {
        let found = Note {
            title: "found".into(),
            ..state
        };
        self.outcome(context, half(), (self.0 != Mood::FindsNothing).then_some(found))
    }

    async fn update(&self, context: &Context<()>, _: Note, planned: Note) -> Outcome<Note> {
        self.outcome(context, half(), planned)
    }

    async fn delete(&self, context: &Context<()>, _: Note) -> Outcome<Note, ()> {
        self.outcome(context, half(), ())
    }

    async fn permits(&self, _: &Context<()>, _: &Note) -> Result<(), Diagnostics> {
        match self.0 {
            Mood::Refuses => Err(Diagnostic::error("Another account", "It is not here."))?,
            _ => Ok(()),
        }
    }

    fn upgrade(&self, version: i64, state: &StoredState) -> Result<Note, Diagnostic> {
        match version {
            1 => Ok(note(state.text("/name").unwrap_or_default(), "1")),
            _ => Err(other_version("state", Self::TYPE, version, 2)),
        }
    }
}

/// Returns, for each operation, the object that exists afterwards and the summary of the first
/// diagnostic.
async fn outcomes(mood: Mood) -> [(Option<Note>, Option<String>); 4] {
    let notes = Notes(mood);
    let prior = || note("prior", "p").into_value();
    let planned = || note("planned", "p").into_value();
    let seen = |value: Value, context: Context<()>| {
        let exists = (!value.is_null()).then(|| Note::from_value(&value).unwrap());
        (
            exists,
            context
                .take_diagnostics()
                .into_iter()
                .next()
                .map(|diagnostic| diagnostic.summary),
        )
    };
    let contexts: [Context<()>; 4] = std::array::from_fn(|_| Context::with_client(()));
    let [create, read, update, delete] = contexts;
    let created = DynResource::apply(&notes, &create, Value::Null, planned()).await;
    let found = DynResource::read(&notes, &read, prior()).await;
    let updated = DynResource::apply(&notes, &update, prior(), planned()).await;
    let deleted = DynResource::apply(&notes, &delete, prior(), Value::Null).await;
    [
        seen(created, create),
        seen(found, read),
        seen(updated, update),
        seen(deleted, delete),
    ]
}

#[tokio::test]
async fn state_after_operation_is_returned_or_remaining_or_prior_object() {
    let no = None::<&str>;
    let (prior, planned, half) = (Some("prior"), Some("planned"), Some("half"));
    let broken = Some("Broken");
    let silent = Some("Operation failed without an error");
    let gone = Some("notes_note \"p\" was deleted outside Terraform");
    // The title after create, read, update and delete, and the summary of the reported diagnostic.
    let cases = [
        (Mood::Succeeds, [planned, Some("found"), planned, no], [no; 4]),
        (Mood::Fails, [no, prior, prior, prior], [broken; 4]),
        (Mood::Reports, [no, prior, prior, prior], [broken; 4]),
        (Mood::FailsLeavingHalf, [half; 4], [broken; 4]),
        (Mood::FailsSilently, [no, prior, prior, prior], [silent; 4]),
        (
            Mood::Refuses,
            [planned, prior, prior, prior],
            [
                no,
                Some("Another account"),
                Some("Another account"),
                Some("Another account"),
            ],
        ),
        (Mood::FindsNothing, [planned, no, planned, no], [no, gone, no, no]),
    ];
    for (mood, titles, summaries) in cases {
        let outcomes = outcomes(mood).await;
        for ((outcome, title), summary) in outcomes.into_iter().zip(titles).zip(summaries) {
            let found = outcome.0.map(|note| note.title.into_known().unwrap());
            assert_eq!((found.as_deref(), outcome.1.as_deref()), (title, summary));
        }
    }
}

#[tokio::test]
async fn import_reads_by_id_and_fails_if_absent() {
    let context = Context::with_client(());
    let imported = DynResource::import(&Notes(Mood::Succeeds), &context, "n1")
        .await
        .unwrap();
    assert_eq!(Note::from_value(&imported).unwrap(), note("found", "n1"));
    assert!(context.take_diagnostics().is_empty());
    for (mood, summary) in [
        (Mood::FindsNothing, "Nothing to import"),
        (Mood::Fails, "Broken"),
        (Mood::FailsSilently, "Operation failed without an error"),
    ] {
        assert!(DynResource::import(&Notes(mood), &context, "n1").await.is_none());
        let diagnostics: Vec<_> = context.take_diagnostics().into_iter().collect();
        let [error] = &diagnostics[..] else {
            panic!("{diagnostics:?}")
        };
        assert_eq!((error.summary.as_str(), error.severity), (summary, Severity::Error));
    }
}

#[tokio::test]
async fn import_without_id_attribute_fails() {
    #[derive(Model, Clone)]
    struct Nameless {
        #[attribute(required)]
        id: Field<i64>,
    }
    struct Counter;
    impl Resource for Counter {
        type Model = Nameless;
        type Client = ();

        const TYPE: &'static str = "notes_counter";

        async fn create(&self, _: &Context<()>, planned: Nameless) -> Outcome<Nameless> {
            Ok(planned)
        }

        async fn read(&self, _: &Context<()>, state: Nameless) -> Outcome<Nameless, Option<Nameless>> {
            Ok(Some(state))
        }

        async fn delete(&self, _: &Context<()>, _: Nameless) -> Outcome<Nameless, ()> {
            Ok(())
        }
    }
    let context = Context::with_client(());
    assert!(DynResource::import(&Counter, &context, "1").await.is_none());
    assert_eq!(
        context.take_diagnostics().into_iter().next().unwrap().summary,
        "Import not supported"
    );
}

#[test]
fn stored_state_is_read_or_upgraded_or_rejected_by_version() {
    let upgrade = |version, json| {
        let upgraded = DynResource::upgrade(&Notes(Mood::Succeeds), version, &StoredState::new(json));
        upgraded
            .map(|state| Note::from_value(&state).unwrap())
            .map_err(|error| error.detail)
    };
    let links = json!([{ "url": "u", "gone": [1] }]);
    let linked = Note {
        links: vec![Link { url: "u".into() }].into(),
        ..note("t", "i")
    };
    let current = json!({ "title": "t", "id": "i", "links": links, "gone": { "a": 1 } });
    assert_eq!(upgrade(2, current), Ok(linked));
    assert_eq!(upgrade(1, json!({ "name": "t" })), Ok(note("t", "1")));
    let older = upgrade(0, json!({})).unwrap_err();
    assert!(
        older.contains("schema version 0") && older.contains("An older version"),
        "{older}"
    );
    let newer = upgrade(3, json!({})).unwrap_err();
    assert!(
        newer.contains("schema version 3") && newer.contains("Use that version"),
        "{newer}"
    );
    let misfit = upgrade(2, json!({ "links": [{ "url": 1 }] })).unwrap_err();
    assert!(misfit.contains("links[0].url"), "{misfit}");
}

#[test]
fn identity_has_marked_attributes_and_imports_by_single_string() {
    let (notes, context) = (Notes(Mood::Succeeds), Context::with_client(()));
    let schema = DynResource::identity_schema(&notes).unwrap();
    assert_eq!(schema.attributes.len(), 1);
    let identity = DynResource::identity(&notes, &context, &note("t", "i").into_value()).unwrap();
    assert_eq!(identity.text("title"), Some("t"));
    assert_eq!(identity.text("id"), None);
    assert_eq!(DynResource::import_id(&notes, &context, &identity).unwrap(), "t");
    let upgraded = DynResource::upgrade_identity(&notes, 0, &StoredState::new(json!({ "title": "t" })));
    assert_eq!(upgraded.unwrap().text("title"), Some("t"));
    let newer = DynResource::upgrade_identity(&notes, 1, &StoredState::new(json!({}))).unwrap_err();
    assert!(newer.detail.contains("Use that version"), "{newer}");
}
