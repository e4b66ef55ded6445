//! `quix_streaming_tokens`: the two streaming tokens of an environment.
//!
//! # Flow
//! An environment always has two tokens, so creating this reads them, and destroying it forgets them. A refresh reads them
//! again. A change of `rotation_triggers` rotates (see [`super::rotate`]).
//!
//! # Guarantees
//! - Nothing but a change of `rotation_triggers` rotates: no creation, no import, no refresh, no destruction.
//! - One change of `rotation_triggers` ends one token: the one that the state knew as token 1 when the change was declared.
//!   A rotation is sent only while both tokens are as the last apply left them; otherwise the change is taken for done.
//!
//!   So it goes when a run is killed after it has rotated and before its state is written. The next run finds what the
//!   state knows as token 2 in the place of token 1. Nothing proves whose rotation that was. If it was the killed run's, a
//!   second one would end the token that everybody was told to move to. If it was somebody else's, the token that the
//!   change is about has ended all the same, and whoever wants another to end says so by another change. Both ask for the
//!   same: send nothing. `changed_outside` keeps that a refresh has seen it until an apply of this resource has settled it;
//!   without it, a refresh that is written to the state would make it look as if nothing had happened.
//! - What the plan says of the tokens is what is there after an apply that succeeds: where somebody else has rotated on top
//!   of it, the apply says so as an error, and the state follows.
//! - Nothing leaves the state by itself, whatever the platform answers.
//!
//! # Assumptions
//! - Those of [`super::rotate`].
//! - One resource manages an environment's tokens. Of two of one run and one `provider` block, only one rotates; otherwise
//!   both do, if they look at the same moment.

use async_trait::async_trait;
use secrecy::SecretString;

use super::api;
use super::connection::Session;
use super::failure::failure;
use super::rotate::{Outcome, own_token, rotate};
use super::slots::{Since, since};
use crate::framework::{
    Attribute, Change, Context, Diagnostic, Diagnostics, Field, PrivateState, Resource, Schema, Type, model,
};
use crate::platform::attributes::{Triggers, known_triggers};
use crate::platform::{account, generation, private_record};
use crate::token::{Reason, changed_triggers};

model! {
    /// The identity of an environment's streaming tokens.
    pub(super) struct Identity {
        workspace_id: String,
    }
}

model! {
    /// The attributes of `quix_streaming_tokens`.
    pub(super) struct Model {
        workspace_id: String,
        rotation_triggers: Triggers,
        token_1: SecretString,
        token_2: SecretString,
        /// See [`generation`].
        generation: i64,
        changed_outside: bool,
    }
}

impl Model {
    fn workspace(&self) -> &str {
        self.workspace_id.known().map_or("", String::as_str)
    }

    /// The tokens in a state.
    fn tokens(&self) -> Result<api::StreamingTokens, Diagnostic> {
        let tokens = self.token_1.known().zip(self.token_2.known());
        let tokens = tokens.map(|(token_1, token_2)| api::StreamingTokens {
            token_1: token_1.clone(),
            token_2: token_2.clone(),
        });
        tokens.ok_or_else(|| {
            let detail = "A state always holds both. It was changed by hand: remove the resource from it (`terraform state rm`) \
                          and import it again.";
            Diagnostic::error("The state holds no streaming tokens", detail)
        })
    }

    fn follow(&mut self, tokens: api::StreamingTokens) {
        self.token_1 = tokens.token_1.into();
        self.token_2 = tokens.token_2.into();
    }

    /// What declaring these triggers means for the tokens.
    fn decide(&self, triggers: &Field<Triggers>, private: &PrivateState) -> Decision {
        let before = known_triggers(&self.rotation_triggers).unwrap_or_default();
        let is_first_said = before.is_empty() && private_record::is_imported(private, &self.generation);
        let is_settled = self.changed_outside != Field::Known(true);
        let reason = known_triggers(triggers).map(|now| changed_triggers(&before, &now));
        match (reason, is_settled) {
            (None, true) => Decision::NotKnownYet,
            (Some(Some(_)), _) if is_first_said => Decision::Keep,
            (Some(Some(reason)), true) => Decision::Rotate(reason),
            (Some(Some(_)), false) => Decision::Done,
            // Whatever they turn out to be, nothing is rotated before this is settled.
            (None, false) | (Some(None), _) => Decision::Keep,
        }
    }
}

/// What a change of the triggers means for the tokens.
#[derive(Debug)]
enum Decision {
    Keep,
    /// The token that was to end has ended.
    Done,
    Rotate(Reason),
    /// It depends on something that is known only at apply.
    NotKnownYet,
}

pub(super) struct StreamingTokens {
    session: Session,
}

impl StreamingTokens {
    pub(super) fn new(session: Session) -> Self {
        Self { session }
    }

    /// The tokens that are there.
    async fn look(
        &self,
        context: &Context,
        workspace: &str,
        diagnostics: &mut Diagnostics,
    ) -> Option<api::StreamingTokens> {
        let connection = self.session.connection(diagnostics)?;
        let reading = diagnostics.ok(connection.reading())?;
        let operation = connection.operation(context);
        let tokens = connection.api.streaming_tokens(&operation, reading, workspace).await;
        diagnostics.ok(tokens.map_err(|error| failure(&error).on("workspace_id")))
    }

    /// Says what a rotation will do, and what will refuse it.
    async fn plan_rotation(&self, prior: &Model, why: &str, diagnostics: &mut Diagnostics) {
        diagnostics.push(ends(prior.workspace(), why));
        let Some(connection) = self.session.connected() else {
            return;
        };
        diagnostics.ok(connection.rotation());
        if let Some(token_1) = prior.token_1.known()
            && connection.api.works_with(token_1).await
        {
            diagnostics.push(own_token(prior.workspace()).as_warning());
        }
    }
}

#[async_trait]
impl Resource for StreamingTokens {
    type Model = Model;
    type Identity = Identity;

    const TYPE: &'static str = "quix_streaming_tokens";

    fn schema(&self) -> Schema {
        Schema::new(
            "The two streaming tokens of an environment, with which clients of Quix Streams prove themselves. Both are always \
             valid, and neither ends by itself. **A rotation ends token 1 at once**, makes token 2 token 1, and makes a new \
             token 2.\n\n\
             An environment always has two tokens. So creating this resource makes nothing and rotates nothing: it reads them, \
             as an import does. Destroying it ends nothing: Terraform forgets them, and they go on working.\n\n\
             Tokens are rotated by a change of `rotation_triggers`. [The guide](../guides/rotating-streaming-tokens.md) shows how, \
             with and without downtime.\n\n\
             One change of `rotation_triggers` ends one token, the one that the state knows as `token_1`, whatever happens \
             meanwhile. If a run is killed between the rotation and its state, or somebody else rotates, the next plan says \
             that it has ended already and does not rotate again.\n\n\
             The tokens are kept in the Terraform state: whoever can read the state can use them. Of each environment there \
             should be one such resource, in one state.\n\n\
             Not documented by the platform: the paths for reading and rotating streaming tokens, which are settings of the \
             provider; the shape in which they are told (two texts, two objects with a `token` or `value`, or two members \
             whose names end in 1 and 2 are understood; of a list, the first is token 1); whether anybody but administrators \
             can read them. It cannot be proved who has rotated, and no rotation can be made to depend on nobody using token 1 \
             any more, because the platform does not tell who does.",
            [
                Attribute::required("workspace_id", Type::String, "The environment's id.").replaces(),
                Attribute::optional(
                    "rotation_triggers",
                    Type::Map(Box::new(Type::String)),
                    "Values to tie the tokens to: any change rotates them once, which ends token 1. What is declared first \
                     after an import does not.",
                ),
                Attribute::computed(
                    "token_1",
                    Type::String,
                    "Token 1: what deployments have in `Quix__Sdk__Token`, and what the next rotation ends.",
                )
                .sensitive(),
                Attribute::computed(
                    "token_2",
                    Type::String,
                    "Token 2: what the next rotation makes token 1. So a plan that rotates knows `token_1`.",
                )
                .sensitive(),
                Attribute::computed(
                    "generation",
                    Type::Number,
                    "The number of the present tokens. Each change of them adds 1, also one from outside Terraform. The plan of \
                     a rotation knows it, so it can be the version of a write-only argument. The first number is the time of \
                     the creation or import in milliseconds, so that none repeats, not even after a replacement.",
                ),
                Attribute::computed(
                    "changed_outside",
                    Type::Bool,
                    "Whether a refresh found other tokens than the last apply left: rotated by somebody else, or by a run that \
                     was killed before its state was written. The next apply sets it to false, and takes a change of \
                     `rotation_triggers` in the same apply for done.",
                ),
            ],
        )
    }

    fn validate(&self, _: &Model, _: &mut Diagnostics) {}

    async fn plan(&self, context: &Context, change: &mut Change<Model>, diagnostics: &mut Diagnostics) {
        let planned = &mut change.planned;
        let Some(prior) = &change.prior else {
            planned.generation = Field::Unknown;
            planned.changed_outside = false.into();
            if let Some(connection) = self.session.connected() {
                diagnostics.ok(connection.reading());
            }
            return;
        };
        self.session.generations().observe(&prior.generation);
        if planned.workspace_id != prior.workspace_id {
            // It is replaced: what comes instead is planned by itself.
            diagnostics.push(forgotten(prior.workspace()));
            return;
        }
        planned.changed_outside = false.into();
        match prior.decide(&planned.rotation_triggers, &context.private) {
            Decision::Keep => {}
            Decision::Done => diagnostics.push(done(prior.workspace())),
            Decision::Rotate(reason) => {
                planned.token_1 = prior.token_2.clone();
                planned.token_2 = Field::Unknown;
                planned.generation = generation::after(&prior.generation);
                self.plan_rotation(prior, &reason.to_string(), diagnostics).await;
            }
            Decision::NotKnownYet => {
                planned.token_1 = Field::Unknown;
                planned.token_2 = Field::Unknown;
                planned.generation = Field::Unknown;
                let why = "if rotation_triggers, which are known only at apply, turn out to have changed";
                self.plan_rotation(prior, why, diagnostics).await;
            }
        }
    }

    async fn plan_destroy(&self, _: &Context, prior: &Model, diagnostics: &mut Diagnostics) {
        diagnostics.push(forgotten(prior.workspace()));
    }

    async fn create(&self, context: &Context, planned: Model, diagnostics: &mut Diagnostics) -> Option<Model> {
        let tokens = self.look(context, planned.workspace(), diagnostics).await?;
        let mut state = planned;
        state.generation = self.session.first_generation().into();
        state.follow(tokens);
        Some(state)
    }

    async fn read(&self, context: &Context, mut state: Model, diagnostics: &mut Diagnostics) -> Option<Model> {
        if self.session.is_waiting() {
            return Some(state);
        }
        let Some(known) = diagnostics.ok(state.tokens()) else {
            return Some(state);
        };
        let Some(tokens) = self.look(context, state.workspace(), diagnostics).await else {
            return Some(state);
        };
        if let Some(warning) = changed(state.workspace(), since(&known, &tokens)) {
            diagnostics.push(warning);
            state.generation = generation::after(&state.generation);
            state.changed_outside = true.into();
            private_record::set_issued(&context.private);
            state.follow(tokens);
        }
        Some(state)
    }

    async fn update(&self, context: &Context, prior: Model, planned: Model, diagnostics: &mut Diagnostics) -> Model {
        let settled = Model {
            rotation_triggers: planned.rotation_triggers,
            changed_outside: false.into(),
            ..prior.clone()
        };
        // What was unknown in the plan is known now, and all else as it was.
        let Decision::Rotate(_) = prior.decide(&settled.rotation_triggers, &context.private) else {
            return settled;
        };
        let Some((connection, known)) = self.session.connection(diagnostics).zip(diagnostics.ok(prior.tokens())) else {
            return prior;
        };
        let operation = connection.operation(context);
        let outcome = rotate(&connection, &operation, prior.workspace(), &known).await;
        let Some(Outcome { tokens, told }) = diagnostics.ok(outcome) else {
            return prior;
        };
        diagnostics.extend(told);
        let mut state = settled;
        private_record::set_issued(&context.private);
        state.generation = generation::after(&state.generation);
        state.follow(tokens);
        state
    }

    async fn delete(&self, _: &Context, state: Model, _: &mut Diagnostics) -> Option<Model> {
        self.session.generations().observe(&state.generation);
        None
    }

    async fn import(&self, context: &Context, id: &str, diagnostics: &mut Diagnostics) -> Option<Model> {
        let tokens = self.look(context, id, diagnostics).await?;
        let mut state = Model {
            workspace_id: id.into(),
            generation: self.session.first_generation().into(),
            changed_outside: false.into(),
            ..Model::default()
        };
        private_record::set_imported(&context.private);
        state.follow(tokens);
        Some(state)
    }

    async fn permits(&self, context: &Context, state: &Model, diagnostics: &mut Diagnostics) -> bool {
        let is_there = async {
            let mut problems = Diagnostics::default();
            let found = self.look(context, state.workspace(), &mut problems).await;
            match problems.into_iter().next() {
                Some(problem) => Err(problem),
                None => Ok(found.is_some()),
            }
        };
        let what = format!("The streaming tokens of {:?}", state.workspace());
        match self.session.is_waiting() {
            true => true,
            false => account::permits(context, self.session.account(), &what, is_there, diagnostics).await,
        }
    }

    fn record_place(&self, context: &Context) {
        account::record(&context.private, self.session.account());
    }

    fn identity_schema(&self) -> Option<Schema> {
        let id = Attribute::required("workspace_id", Type::String, "The environment's id.");
        Some(Schema::new("", [id]))
    }

    fn identity(&self, state: &Model) -> Option<Identity> {
        Some(Identity {
            workspace_id: state.workspace_id.clone(),
        })
    }

    fn import_id(&self, identity: Identity) -> Result<String, Diagnostic> {
        Ok(identity.workspace_id.into_known().unwrap_or_default())
    }
}

fn ends(workspace: &str, why: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("Token 1 of {workspace:?} is to be ended"),
        format!(
            "The streaming tokens are to be rotated: {why}. Token 1 ends at once, and whatever still uses it is not let in any \
             more. By default that is every deployment that was not restarted since it had another, for Quix__Sdk__Token is \
             token 1. Token 2 goes on working, as token 1.\n\nApply once everything uses token 2, or when it may be down until \
             it is restarted."
        ),
    )
    .on("rotation_triggers")
}

fn done(workspace: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("The streaming tokens of {workspace:?} have been rotated already"),
        "`rotation_triggers` changed, and the token that was token 1 before has ended: by a run that was killed before its \
         state was written, or by somebody else. So the change is taken for done, and no second token ends. If the present \
         token 1 is to end as well, apply this, and change the triggers once more.",
    )
    .on("rotation_triggers")
}

/// What a refresh says of tokens that are not as the state knows them.
fn changed(workspace: &str, since: Since) -> Option<Diagnostic> {
    let (summary, detail) = match since {
        Since::Unchanged => return None,
        Since::Rotated => (
            "were rotated outside of an apply",
            "What the state knows as token 1 has ended, and what it knows as token 2 is token 1 now. Somebody else has rotated, \
             or a run was killed before its state was written.",
        ),
        Since::RotatedMore => (
            "were rotated outside of an apply, more than once",
            "What the state knows as token 1 has ended, and what it knows as token 2 is not in its place. Whatever uses one of \
             them that has ended is not let in any more.",
        ),
        Since::Otherwise => (
            "changed in a way that no rotation leads to",
            "One was replaced by itself, or the platform tells them in another order than before. Compare them with the portal \
             before the next rotation: it might end another token than it says.",
        ),
    };
    Some(Diagnostic::warning(
        format!("The streaming tokens of {workspace:?} {summary}"),
        format!("{detail} The state follows, and what refers to the tokens with it."),
    ))
}

fn forgotten(workspace: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("The streaming tokens of {workspace:?} are forgotten, and go on working"),
        "An environment always has two streaming tokens, which end only by a rotation. Terraform forgets them; whoever has \
         them can use them on.",
    )
}

#[cfg(test)]
mod tests;
