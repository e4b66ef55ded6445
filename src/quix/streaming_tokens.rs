//! `quix_streaming_tokens`: the two streaming tokens of an environment.
//!
//! # Flow
//! An environment always has two tokens, so creating this reads them, and destroying it forgets them. A refresh reads them
//! again. What is declared rotates (see [`super::decision`] and [`super::rotate`]).
//!
//! # Guarantees
//! - Nothing but a change of `rotation_triggers` or `forced_rotation_triggers`, or a present token that `revoke_sha256` lists,
//!   rotates: no import, no refresh, no destruction.
//! - A refresh that shows the tokens of before the last rotation changes nothing: the reader lags behind the state.
//! - A rotation whose outcome is unknown is noted in the private state, so that the next apply waits for it.
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
use super::decision::{Decision, Declared, Present, Rotation, Sums, decide, is_sum, listed};
use super::failure::failure;
use super::rotate::{open_for, own_token, rotate};
use super::slots::{Since, since};
use crate::framework::{
    Attribute, Change, Context, Diagnostic, Diagnostics, Field, PrivateState, Resource, Schema, Type, model,
};
use crate::platform::attributes::{Triggers, invalid};
use crate::platform::{account, generation, private_record};

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
        forced_rotation_triggers: Triggers,
        revoke_sha256: Sums,
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

    fn declared(&self) -> Declared<'_> {
        Declared {
            triggers: &self.rotation_triggers,
            forced_triggers: &self.forced_rotation_triggers,
            revoked: &self.revoke_sha256,
        }
    }

    /// What the declarations of `config` mean for this state.
    fn decide(&self, config: &Self, private: &PrivateState) -> Decision {
        let tokens = self.tokens().ok();
        decide(
            config.declared(),
            Present {
                declared: self.declared(),
                tokens: tokens.as_ref(),
                is_settled: self.changed_outside != Field::Known(true),
                is_imported: private_record::is_imported(private, &self.generation),
            },
        )
    }
}

/// The key in the private state of when a rotation was sent whose outcome is unknown.
const ROTATION_SENT: &str = "rotation_sent";

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

    /// Reports in a plan what a rotation will do, and what will refuse it.
    async fn plan_rotation(&self, prior: &Model, revokes: Diagnostic, times: u8, diagnostics: &mut Diagnostics) {
        diagnostics.push(revokes);
        let Some(connection) = self.session.connected() else {
            return;
        };
        diagnostics.ok(connection.rotation());
        for token in [&prior.token_1, &prior.token_2].into_iter().take(times.into()) {
            if let Some(token) = token.known()
                && connection.api.works_with(token).await
            {
                diagnostics.push(own_token(prior.workspace()).as_warning());
            }
        }
    }

    /// Rotates so often. The state has what came of it also where a later one fails, and the second result is whether any has
    /// happened.
    async fn rotate(
        &self,
        context: &Context,
        mut state: Model,
        times: u8,
        diagnostics: &mut Diagnostics,
    ) -> (Model, bool) {
        let Some((connection, mut tokens)) = self.session.connection(diagnostics).zip(diagnostics.ok(state.tokens()))
        else {
            return (state, false);
        };
        if times > 1 && connection.api.works_with(&tokens.token_2).await {
            diagnostics.push(own_token(state.workspace()));
            return (state, false);
        }
        let operation = connection.operation(context);
        let mut is_rotated = false;
        for _ in 0..times {
            let sent = context.private.get(ROTATION_SENT);
            let open_for = open_for(sent, self.session.clock().now());
            match rotate(&connection, &operation, state.workspace(), &tokens, open_for).await {
                Ok(outcome) => {
                    context.private.remove(ROTATION_SENT);
                    diagnostics.extend(outcome.told);
                    tokens = outcome.tokens;
                    state.follow(tokens.clone());
                    is_rotated = true;
                }
                Err(failed) => {
                    if failed.is_open {
                        context.private.set(ROTATION_SENT, self.session.clock().now());
                    }
                    diagnostics.push(failed.why);
                }
            }
            if diagnostics.has_errors() {
                break;
            }
        }
        if is_rotated {
            private_record::set_issued(&context.private);
            state.generation = generation::after(&state.generation);
        }
        (state, is_rotated)
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
             An environment always has two tokens. So creating this resource makes nothing, and rotates only where \
             `revoke_sha256` lists one of them: it reads them, as an import does. Destroying it ends nothing: Terraform forgets them, and they go on working.\n\n\
             Tokens are rotated by a change of `rotation_triggers` or `forced_rotation_triggers`, or because `revoke_sha256` \
             lists a present token. [The guide](../guides/rotating-streaming-tokens.md) shows how, \
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
                    "Values to tie the tokens to: any change rotates them once, which revokes token 1, unless they were rotated \
                     outside since the last apply: then the token that was to be revoked has been, and nothing is rotated. What \
                     is declared first after an import does not rotate.",
                ),
                Attribute::optional(
                    "forced_rotation_triggers",
                    Type::Map(Box::new(Type::String)),
                    "The same, but any change rotates once in any case, also where they were rotated outside since the last \
                     apply: it revokes the token that is token 1 when the plan is made. If a run is killed between the rotation \
                     and its state, the next apply rotates again.",
                ),
                Attribute::optional(
                    "revoke_sha256",
                    Type::Set(Box::new(Type::String)),
                    "SHA-256 sums, in hexadecimal, of values that must not be valid, such as leaked ones \
                     (`printf %s \"$TOKEN\" | sha256sum`). As long as token 1 has one of them, an apply rotates once; as long as \
                     token 2 has, twice, which revokes both. If neither has, nothing is rotated, and the plan says so.",
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

    fn validate(&self, config: &Model, diagnostics: &mut Diagnostics) {
        let sums = config.revoke_sha256.known().into_iter().flatten();
        if sums
            .filter(|sum| !sum.is_unknown())
            .any(|sum| !sum.known().is_some_and(|sum| is_sum(sum)))
        {
            // It may be the token itself, so it is not shown.
            let problem = "must hold SHA-256 sums, each of 64 hexadecimal digits, and not the values themselves";
            diagnostics.push(invalid("revoke_sha256", problem));
        }
    }

    async fn plan(&self, context: &Context, change: &mut Change<Model>, diagnostics: &mut Diagnostics) {
        let planned = &mut change.planned;
        let Some(prior) = &change.prior else {
            planned.generation = Field::Unknown;
            planned.changed_outside = false.into();
            if let Some(connection) = self.session.connected() {
                diagnostics.ok(connection.reading());
                let lists = planned.revoke_sha256.known().map(|sums| !sums.is_empty());
                if lists.unwrap_or(planned.revoke_sha256.is_unknown()) {
                    diagnostics.ok(connection.rotation());
                    diagnostics.push(may_revoke_at_creation(planned.workspace()));
                }
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
        if planned.revoke_sha256 != prior.revoke_sha256
            && let Some(tokens) = prior.tokens().ok()
            && planned.revoke_sha256.known().is_some_and(|sums| !sums.is_empty())
            && listed(&planned.revoke_sha256, &tokens) == Some(0)
        {
            diagnostics.push(none_listed(prior.workspace()));
        }
        match prior.decide(planned, &context.private) {
            Decision::Keep => {}
            Decision::Done => diagnostics.push(done(prior.workspace())),
            Decision::Rotate(rotation) => {
                planned.token_1 = match rotation.times {
                    1 => prior.token_2.clone(),
                    _ => Field::Unknown,
                };
                planned.token_2 = Field::Unknown;
                planned.generation = generation::after(&prior.generation);
                let is_settled = prior.changed_outside != Field::Known(true);
                let warning = revokes(prior.workspace(), &rotation, is_settled);
                self.plan_rotation(prior, warning, rotation.times, diagnostics).await;
            }
            Decision::Unknown => {
                planned.token_1 = Field::Unknown;
                planned.token_2 = Field::Unknown;
                planned.generation = Field::Unknown;
                self.plan_rotation(prior, may_revoke(prior.workspace()), 1, diagnostics)
                    .await;
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
        let times = listed(&state.revoke_sha256, &tokens).unwrap_or_default();
        state.follow(tokens);
        if times > 0 {
            // Where it fails, the next plan rotates.
            (state, _) = self.rotate(context, state, times, diagnostics).await;
        }
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
        let since = since(&known, &tokens);
        if since == Since::Earlier {
            diagnostics.push(lags(state.workspace()));
            return Some(state);
        }
        if let Some(warning) = changed(state.workspace(), since) {
            diagnostics.push(warning);
            context.private.remove(ROTATION_SENT);
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
            forced_rotation_triggers: planned.forced_rotation_triggers,
            revoke_sha256: planned.revoke_sha256,
            changed_outside: false.into(),
            ..prior.clone()
        };
        // What was unknown in the plan is known now, and all else as it was.
        let Decision::Rotate(rotation) = prior.decide(&settled, &context.private) else {
            return settled;
        };
        let (rotated, is_rotated) = self.rotate(context, settled, rotation.times, diagnostics).await;
        if is_rotated { rotated } else { prior }
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

/// The warning of a plan that rotates.
fn revokes(workspace: &str, rotation: &Rotation, is_settled: bool) -> Diagnostic {
    let why: Vec<_> = rotation.why.iter().map(|(_, why)| why.as_str()).collect();
    let why = why.join("; ");
    let attribute = rotation
        .why
        .first()
        .map_or("rotation_triggers", |(attribute, _)| attribute);
    let again = if is_settled {
        ""
    } else {
        " They were rotated outside since the last apply; this rotates them once more, so that what was token 2 at the last \
         apply is revoked, too."
    };
    let (summary, detail) = if rotation.times > 1 {
        (
            format!("Both streaming tokens of {workspace:?} are to be revoked"),
            format!(
                "The streaming tokens are to be rotated twice: {why}. A rotation revokes token 1 only, and token 2 takes its \
                 place; so token 1 is revoked with it. Whatever uses either is rejected until it is given a new one.{again}"
            ),
        )
    } else {
        (
            format!("Token 1 of {workspace:?} is to be revoked"),
            format!(
                "The streaming tokens are to be rotated: {why}. Token 1 is revoked at once, and whatever still uses it is \
                 rejected. By default that is every deployment that was not restarted since it had another, for \
                 Quix__Sdk__Token is token 1. Token 2 remains valid, as token 1.{again}\n\nApply once everything uses token 2, \
                 or when it may be down until it is restarted."
            ),
        )
    };
    Diagnostic::warning(summary, detail).on(attribute)
}

/// The warning of a plan that may rotate.
fn may_revoke(workspace: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("Token 1 of {workspace:?} may be revoked"),
        "`rotation_triggers`, `forced_rotation_triggers` or `revoke_sha256` has a value that is known only at apply. If a trigger \
         turns out to have changed, or a present token to be listed, the streaming tokens are rotated: token 1 is revoked at \
         once, and token 2 takes its place. If token 2 is listed, both are revoked.",
    )
}

/// The warning of a plan that creates with sums of tokens to revoke.
fn may_revoke_at_creation(workspace: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("Streaming tokens of {workspace:?} may be revoked"),
        "The present tokens are read when this is applied. If `revoke_sha256` lists token 1, they are rotated once, which revokes \
         it; if it lists token 2, twice, which revokes both.",
    )
    .on("revoke_sha256")
}

/// The warning of a plan with sums that no present token has.
fn none_listed(workspace: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("No streaming token of {workspace:?} is listed in revoke_sha256"),
        "Neither present token has one of these SHA-256 sums, so nothing is rotated for them. Either what they stand for has been \
         revoked already, or it was no token of this environment, or the sum is of something else, such as the token with a line \
         break. `printf %s \"$TOKEN\" | sha256sum` shows the right one.",
    )
    .on("revoke_sha256")
}

/// The warning of a refresh whose answer is older than the state.
fn lags(workspace: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("The platform shows streaming tokens of {workspace:?} from before the last rotation"),
        "It shows what the state knows as token 1 as token 2 still, which was so before the last rotation. The state, which has \
         the tokens from the answer to that rotation, is kept. If this does not pass within minutes, compare the tokens with the \
         portal; to take over what it shows, remove the resource from the state (`terraform state rm`) and import it again.",
    )
}

fn done(workspace: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("The streaming tokens of {workspace:?} have been rotated already"),
        "`rotation_triggers` changed, and the token that was token 1 at the last apply has been revoked since: by a run that was \
         killed before its state was written, or by another client. So nothing is rotated for the change. If the present token 1 \
         must be revoked as well, for instance because it is the one that leaked, change `forced_rotation_triggers`, or list its \
         SHA-256 sum in `revoke_sha256`.",
    )
    .on("rotation_triggers")
}

/// What a refresh says of tokens that are not as the state knows them.
fn changed(workspace: &str, since: Since) -> Option<Diagnostic> {
    let (summary, detail) = match since {
        Since::Unchanged | Since::Earlier => return None,
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
