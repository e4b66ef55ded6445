//! `quix_streaming_tokens`: the two streaming tokens of an environment.
//!
//! # Flow
//! An environment always has two tokens, so creating this reads them, and destroying it forgets them. A refresh reads them
//! again. What is declared rotates them (see [`rotation_policy`](mod@rotation_policy) and [`rotate`](mod@rotate)).
//!
//! # Guarantees
//! - Nothing but a change of `rotation_triggers` or `forced_rotation_triggers`, or a present token that `revoke_sha256` lists,
//!   rotates: no import, no refresh, no destruction.
//! - A refresh that shows the tokens of before the last rotation changes nothing: the reader lags behind the state.
//! - A rotation whose outcome is unknown is noted in the private state, so that the next apply waits for it.
//! - One change of `rotation_triggers` revokes one token: the one that the state knew as token 1 when the change was declared.
//!   A rotation is sent only while both tokens are as the last apply left them; otherwise the change is taken for done.
//!
//!   A run may be killed after it has rotated and before its state is written. The next run finds what the state knows as
//!   token 2 in the place of token 1, and nothing proves whose rotation that was. If it was the killed run's, a second one
//!   would revoke the token that users were asked to move to. If it was another client's, the token that the change is about
//!   has been revoked all the same, and to revoke another one takes another change. Both ask for the same: send nothing.
//!   `changed_outside` records that a refresh has seen it until an apply of this resource has settled it; without it, a
//!   refresh that is written to the state would make it look as if nothing had happened.
//! - The tokens after an apply that succeeds are those of the plan: where another client has rotated on top of it, the apply
//!   reports it as an error, and the state follows.
//! - Nothing leaves the state by itself, whatever the platform answers.
//!
//! # Assumptions
//! - Those of [`rotate`](mod@rotate).
//! - One resource manages an environment's tokens. Of two of one run and one `provider` block, only one rotates; otherwise
//!   both do, if they look at the same moment.

mod diff;
mod rotate;
mod rotation_policy;
#[cfg(test)]
mod tests;
mod token_pair;

use self::diff::{Diff, classify};
use self::rotate::{own_token, rotate, time_until_settled};
use self::rotation_policy::{Decision, Rotation, RotationPolicy};
use self::token_pair::TokenPair;
use crate::framework::{Change, Diagnostic, Diagnostics, Failed, Field, Model, Outcome, PrivateState, Resource};
use crate::platform::{Session, account, generation, private_record};
use crate::quix::api;
use crate::quix::connection::{Connection, Context};
use crate::quix::errors::failure;

/// The two streaming tokens of an environment, with which clients of Quix Streams authenticate. Both are always valid, and
/// neither expires. **A rotation revokes token 1 at once**, makes token 2 token 1, and creates a new token 2.
///
/// An environment always has two tokens. So creating this resource creates none, and rotates only where `revoke_sha256` lists
/// one of them: it reads them, as an import does. Destroying it revokes nothing: Terraform forgets them, and they remain
/// valid.
///
/// Tokens are rotated by a change of `rotation_triggers` or `forced_rotation_triggers`, or because `revoke_sha256` lists a
/// present token. [The guide](../guides/rotating-streaming-tokens.md) shows how, with and without downtime.
///
/// One change of `rotation_triggers` revokes one token, the one that the state knows as `token_1`, whatever happens meanwhile.
/// If a run is killed between the rotation and its state, or another client rotates, the next plan says that it has been
/// revoked already and does not rotate again.
///
/// The tokens are kept in the Terraform state: whoever can read the state can use them. Of each environment there should be
/// one such resource, in one state.
///
/// Not documented by the platform: the paths for reading and rotating streaming tokens, which are settings of the provider;
/// the shape in which they are shown (two texts, two objects with a `token` or `value`, or two members whose names end in 1
/// and 2 are understood; of a list, the first is token 1); whether users other than administrators can read them. Who has
/// rotated cannot be proved, and no rotation can be made to depend on token 1 no longer being in use, because the platform
/// does not show who uses it.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::quix) struct StreamingTokens {
    /// The environment's id.
    #[attribute(required, requires_replace, import, identity)]
    workspace_id: Field<String>,
    #[attribute(flatten)]
    policy: RotationPolicy,
    #[attribute(flatten)]
    tokens: TokenPair,
}

impl StreamingTokens {
    fn workspace(&self) -> &str {
        self.workspace_id.known().map_or("", String::as_str)
    }

    /// What a policy means for this state.
    fn decide(&self, policy: &RotationPolicy, private: &PrivateState) -> Decision {
        let is_imported = private_record::is_imported(private, &self.tokens.generation);
        policy.decide(&self.policy, &self.tokens, is_imported)
    }
}

/// The key in the private state of when a rotation was sent whose outcome is unknown.
const ROTATION_SENT: &str = "rotation_sent";

pub(in crate::quix) struct StreamingTokensResource {
    session: Session,
}

impl StreamingTokensResource {
    pub(in crate::quix) fn new(session: Session) -> Self {
        Self { session }
    }

    /// Plans the creation: it reads the tokens, and may rotate them.
    fn plan_creation(context: &Context, planned: &mut StreamingTokens) {
        planned.tokens.changed_outside = false.into();
        let Some(connection) = context.known_client() else {
            return;
        };
        let mut diagnostics = context.diagnostics();
        diagnostics.ok(connection.reading());
        if planned.policy.may_list() {
            diagnostics.ok(connection.rotation());
            diagnostics.push(may_revoke_at_creation(planned.workspace()));
        }
    }

    /// Warns of a planned rotation, and of what will refuse it.
    async fn plan_rotation(context: &Context, prior: &StreamingTokens, warning: Diagnostic, times: u8) {
        let mut diagnostics = context.diagnostics();
        diagnostics.push(warning);
        let Some(connection) = context.known_client() else {
            return;
        };
        diagnostics.ok(connection.rotation());
        let tokens = [&prior.tokens.token_1, &prior.tokens.token_2];
        for token in tokens.into_iter().take(times.into()).filter_map(Field::known) {
            if connection.api.is_own_credential(token).await {
                diagnostics.push(own_token(prior.workspace()).as_warning());
            }
        }
    }

    /// Rotates the tokens of `state` this many times. A failure leaves those of the rotations before it.
    async fn rotate(&self, context: &Context, mut state: StreamingTokens, times: u8) -> Outcome<StreamingTokens> {
        let connection = context.client()?;
        let mut tokens = state.tokens.get()?;
        if times > 1 && connection.api.is_own_credential(&tokens.token_2).await {
            return Err(own_token(state.workspace()).into());
        }
        let operation = connection.operation(context);
        let generation = generation::next(&state.tokens.generation);
        for number in 0..times {
            let sent = context.private.get(ROTATION_SENT);
            let settles_in = time_until_settled(sent, self.session.clock().now());
            match rotate(&connection, &operation, state.workspace(), &tokens, settles_in).await {
                Ok(rotated) => {
                    context.private.remove(ROTATION_SENT);
                    private_record::set_issued(&context.private);
                    tokens = rotated.tokens;
                    state.tokens.set_rotated(&tokens, generation);
                    context.diagnostics().extend(rotated.report);
                }
                Err(failed) => {
                    if failed.is_open {
                        context.private.set(ROTATION_SENT, self.session.clock().now());
                    }
                    let leaves = (number > 0).then_some(state);
                    return Err(Failed {
                        diagnostics: failed.why.into(),
                        leaves,
                    });
                }
            }
            if context.has_errors() {
                break;
            }
        }
        Ok(state)
    }
}

/// The tokens of an environment.
async fn read_tokens(context: &Context, workspace: &str) -> Result<api::StreamingTokens, Diagnostic> {
    let connection = context.client()?;
    let operation = connection.operation(context);
    let tokens = connection
        .api
        .streaming_tokens(&operation, connection.reading()?, workspace);
    tokens.await.map_err(|error| failure(&error).on("workspace_id"))
}

impl Resource for StreamingTokensResource {
    type Model = StreamingTokens;
    type Client = Connection;

    const TYPE: &'static str = "quix_streaming_tokens";

    async fn plan(&self, context: &Context, change: &mut Change<StreamingTokens>) -> Result<(), Diagnostics> {
        let planned = &mut change.planned;
        let Some(prior) = &change.prior else {
            Self::plan_creation(context, planned);
            return Ok(());
        };
        let workspace = prior.workspace();
        self.session.generations().observe(&prior.tokens.generation);
        if planned.workspace_id != prior.workspace_id {
            // It is replaced: what comes instead is planned by itself.
            context.report(forgotten(workspace));
            return Ok(());
        }
        planned.tokens.changed_outside = false.into();
        if planned.policy.revoke_sha256 != prior.policy.revoke_sha256
            && planned
                .policy
                .revoke_sha256
                .known()
                .is_some_and(|sums| !sums.is_empty())
            && prior
                .tokens
                .get()
                .is_ok_and(|tokens| planned.policy.listed(&tokens) == Some(0))
        {
            context.report(none_listed(workspace));
        }
        match prior.decide(&planned.policy, &context.private) {
            Decision::Keep => {}
            Decision::Done => context.report(done(workspace)),
            Decision::Rotate(rotation) => {
                planned.tokens.plan_rotation(rotation.times);
                let warning = revokes(workspace, &rotation, prior.tokens.is_settled());
                Self::plan_rotation(context, prior, warning, rotation.times).await;
            }
            Decision::Unknown => {
                planned.tokens.mark_unknown();
                Self::plan_rotation(context, prior, may_revoke(workspace), 1).await;
            }
        }
        Ok(())
    }

    async fn plan_destroy(&self, context: &Context, prior: &StreamingTokens) -> Result<(), Diagnostics> {
        context.report(forgotten(prior.workspace()));
        Ok(())
    }

    async fn create(&self, context: &Context, planned: StreamingTokens) -> Outcome<StreamingTokens> {
        let tokens = read_tokens(context, planned.workspace()).await?;
        let times = planned.policy.listed(&tokens).unwrap_or_default();
        let state = StreamingTokens {
            tokens: TokenPair::new(&tokens, self.session.first_generation()),
            ..planned
        };
        // Where no rotation succeeds, the tokens are there all the same, and the next plan rotates.
        let rotated = self.rotate(context, state.clone(), times).await;
        rotated.map_err(|failed| failed.or_leaving(state))
    }

    async fn read(
        &self,
        context: &Context,
        mut state: StreamingTokens,
    ) -> Outcome<StreamingTokens, Option<StreamingTokens>> {
        if context.is_config_unknown() {
            return Ok(Some(state));
        }
        let known = state.tokens.get()?;
        let tokens = read_tokens(context, state.workspace()).await?;
        let diff = classify(&known, &tokens);
        context.diagnostics().extend(report(state.workspace(), diff));
        if !matches!(diff, Diff::Unchanged | Diff::Stale) {
            context.private.remove(ROTATION_SENT);
            private_record::set_issued(&context.private);
            state.tokens.refresh_from(&tokens);
        }
        Ok(Some(state))
    }

    async fn update(
        &self,
        context: &Context,
        prior: StreamingTokens,
        planned: StreamingTokens,
    ) -> Outcome<StreamingTokens> {
        // What was unknown in the plan is known now, and all else as it was.
        let decision = prior.decide(&planned.policy, &context.private);
        let mut settled = StreamingTokens {
            policy: planned.policy,
            ..prior
        };
        settled.tokens.changed_outside = false.into();
        match decision {
            Decision::Rotate(rotation) => self.rotate(context, settled, rotation.times).await,
            _ => Ok(settled),
        }
    }

    async fn delete(&self, _: &Context, state: StreamingTokens) -> Outcome<StreamingTokens, ()> {
        self.session.generations().observe(&state.tokens.generation);
        Ok(())
    }

    async fn import(&self, context: &Context, id: &str) -> Outcome<StreamingTokens, Option<StreamingTokens>> {
        let tokens = read_tokens(context, id).await?;
        private_record::set_imported(&context.private);
        Ok(Some(StreamingTokens {
            workspace_id: id.into(),
            policy: RotationPolicy::default(),
            tokens: TokenPair::new(&tokens, self.session.first_generation()),
        }))
    }

    async fn permits(&self, context: &Context, state: &StreamingTokens) -> Result<(), Diagnostics> {
        let what = format!("The streaming tokens of {:?}", state.workspace());
        let is_there = async { read_tokens(context, state.workspace()).await.map(|_| true) };
        let account = self.session.account();
        Ok(account::verify(&context.private, account, &what, is_there).await?)
    }

    fn record_place(&self, context: &Context) {
        account::record(&context.private, self.session.account());
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

/// The warning of a refresh that found other tokens than the state knows.
fn report(workspace: &str, diff: Diff) -> Option<Diagnostic> {
    let (summary, detail) = match diff {
        Diff::Unchanged => return None,
        Diff::Stale => return Some(lags(workspace)),
        Diff::RotatedOnce => (
            "were rotated outside of an apply",
            "What the state knows as token 1 was revoked, and what it knows as token 2 is token 1 now. Another client has \
             rotated, or a run was killed before its state was written.",
        ),
        Diff::RotatedMore => (
            "were rotated outside of an apply, more than once",
            "What the state knows as token 1 was revoked, and what it knows as token 2 is not in its place. Whatever uses a \
             revoked one is rejected.",
        ),
        Diff::Inconsistent => (
            "changed in a way that no rotation leads to",
            "One was replaced by itself, or the platform shows them in another order than before. Compare them with the portal \
             before the next rotation: it might revoke another token than the plan says.",
        ),
    };
    Some(Diagnostic::warning(
        format!("The streaming tokens of {workspace:?} {summary}"),
        format!("{detail} The state follows, and what refers to the tokens with it."),
    ))
}

fn forgotten(workspace: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("The streaming tokens of {workspace:?} are forgotten, and remain valid"),
        "An environment always has two streaming tokens, which only a rotation revokes. Terraform forgets them; whoever has \
         them can still use them.",
    )
}
