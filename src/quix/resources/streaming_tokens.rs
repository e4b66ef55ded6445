//! `quix_streaming_tokens`: the two streaming tokens of an environment.
//!
//! # Flow
//! An environment always has two tokens. Create, refresh and import read them; destroy only removes
//! them from the state. The arguments of [`rotation_policy`](mod@rotation_policy) rotate them
//! ([`rotate`](mod@rotate)).
//!
//! # Guarantees
//! - Only a change of `rotation_triggers` or `forced_rotation_triggers`, or a current token that
//!   `revoke_sha256` lists, rotates the tokens. An import, refresh or destroy never does.
//! - A stale read, which shows the tokens from before the last rotation, does not change the state.
//! - A rotation with an unknown outcome is recorded in the private state, and the next apply waits
//!   for it.
//! - A change of `rotation_triggers` revokes one token: the token that is token 1 in the state when
//!   the change is planned. The rotation is sent only while both tokens are as the last apply left
//!   them. Otherwise the change counts as done.
//!
//!   A run may be killed after a rotation and before its state is written. The next run finds token
//!   2 of the state in the place of token 1, and cannot know who rotated. If the killed run did, a
//!   second rotation would revoke the token that clients were asked to use. If another client did,
//!   the token that the change is about is revoked as well, and another change is needed to revoke
//!   the next one. In both cases it is right to send nothing. `changed_outside` keeps this across
//!   refreshes, until an apply of this resource resets it.
//! - After a successful apply, the tokens are those of the plan. If another client rotated as well,
//!   the apply fails with an error, and the state has the current tokens.
//! - The resource is not removed from the state except by a destroy.
//! - With `age_recipients`, neither the state nor a plan has a value in plain text. A change of the
//!   recipients rotates nothing. An import stores no value, because it does not know the recipients.
//!
//! # Assumptions
//! - Those of [`rotate`](mod@rotate).
//! - Each environment has one such resource. Two resources of one run and one `provider` block
//!   rotate once. In other cases, both may rotate if they read the tokens at the same time.

mod diagnostics;
mod diff;
mod fingerprints;
mod rotate;
mod rotation_policy;
#[cfg(test)]
mod tests;
mod token_pair;

use std::time::Duration;

use self::diff::{Diff, classify};
use self::fingerprints::Fingerprints;
use self::rotate::{read_settled, rotate, time_until_settled};
use self::rotation_policy::{Decision, RotationPolicy};
use self::token_pair::TokenPair;
use crate::framework::{
    Change, Diagnostic, Diagnostics, Failed, Field, Model, Outcome, PrivateState, Resource, StoredState,
};
use crate::platform::encryption::Recipients;
use crate::platform::{Session, account, age_recipients, generation, private_record};
use crate::quix::connection::{Connection, Context};

/// Manages the two streaming tokens of an environment, which authenticate clients of Quix Streams.
/// Both are always valid, and neither expires. **A rotation revokes token 1**, makes token 2 token
/// 1, and creates a new token 2. According to Quix, it may take a few minutes until token 1 is
/// fully deactivated.
///
/// ~> **Without `age_recipients`, the Terraform state contains the tokens.** Everyone who can read
/// the state can use them. With `age_recipients`, it contains them only encrypted, and [the
/// guide](../guides/rotating-streaming-tokens.md#tokens-outside-the-state) shows how to use them.
///
/// An environment always has two tokens. Creating this resource reads them; it rotates them only if
/// `revoke_sha256` lists one of them. Destroying it revokes nothing: the tokens are removed from
/// the state, but remain valid. An import stores only their hashes, because it does not know
/// `age_recipients`; the first apply after it stores the tokens.
///
/// The tokens are rotated by a change of `rotation_triggers` or `forced_rotation_triggers`, or
/// because `revoke_sha256` lists a current token. [The
/// guide](../guides/rotating-streaming-tokens.md) shows rotations with and without downtime.
///
/// A change of `rotation_triggers` revokes one token: token 1 of the state. If a run is
/// killed between the rotation and its state, or another client rotates, the next plan says that
/// the token is already revoked, and does not rotate again.
///
/// Use one such resource per environment, in one state.
///
/// The requests and answers are those of Quix's own Postman collection of 2023 (see [the
/// provider](../index.md)): `current` is token 1, and `next` is token 2. Because the platform may
/// have changed since, the provider also accepts answers with two strings, two objects with a
/// `token` or `value`, or two members whose names end in 1 and 2. In a list, token 1 comes first.
/// It is not documented whether users without the role Admin can read the tokens. The platform does
/// not show who rotated the tokens or who uses them, so a rotation cannot wait until token 1 is
/// unused.
#[derive(Model, Clone, Debug, Default)]
#[model(version = 1)]
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

    /// Decides whether `policy` rotates the tokens of this state.
    fn decide(&self, policy: &RotationPolicy, private: &PrivateState) -> Decision {
        let is_imported = private_record::is_imported(private, &self.tokens.generation);
        policy.decide(&self.policy, &self.tokens, is_imported)
    }
}

/// The key in the private state for the time of a rotation with an unknown outcome.
const ROTATION_SENT: &str = "rotation_sent";

pub(in crate::quix) struct StreamingTokensResource {
    session: Session,
}

impl StreamingTokensResource {
    pub(in crate::quix) fn new(session: Session) -> Self {
        Self { session }
    }

    /// Plans a creation, which reads the tokens and may rotate them.
    fn plan_creation(context: &Context, planned: &mut StreamingTokens) {
        planned.tokens.plan_values();
        planned.tokens.changed_outside = false.into();
        if planned.policy.may_list_tokens() {
            context.report(diagnostics::create_may_rotate(planned.workspace()));
        }
    }

    /// Reports `warning` about a planned rotation, and what will make the rotation fail.
    async fn plan_rotation(context: &Context, prior: &StreamingTokens, warning: Diagnostic, times: u8) {
        let mut diagnostics = context.diagnostics();
        diagnostics.push(warning);
        let Some(connection) = context.known_client() else {
            return;
        };
        let hashes = [&prior.tokens.token_1_sha256, &prior.tokens.token_2_sha256];
        for hash in hashes.into_iter().take(times.into()).filter_map(Field::known) {
            if connection.api.is_own_hash(hash).await {
                diagnostics.push(diagnostics::own_credential(prior.workspace()).as_warning());
            }
        }
    }

    /// Rotates the tokens of `state` this many times, and stores them. If a rotation fails, the
    /// tokens of the previous one are kept.
    async fn rotate(
        &self,
        context: &Context,
        mut state: StreamingTokens,
        times: u8,
        recipients: Option<&Recipients>,
    ) -> Outcome<StreamingTokens> {
        let connection = context.client()?;
        let mut known = state.tokens.fingerprints()?;
        if times > 1 && connection.api.is_own_hash(&known.token_2).await {
            return Err(diagnostics::own_credential(state.workspace()).into());
        }
        let operation = connection.operation(context);
        let generation = generation::next(&state.tokens.generation);
        for number in 0..times {
            let sent = context.private.get(ROTATION_SENT);
            let settles_in = time_until_settled(sent, self.session.clock().now());
            match rotate(&connection, &operation, state.workspace(), &known, settles_in).await {
                Ok(rotated) => {
                    context.private.remove(ROTATION_SENT);
                    private_record::set_issued(&context.private);
                    known = Fingerprints::from(&rotated.tokens);
                    let stored = state.tokens.set_rotated(&rotated.tokens, generation, recipients);
                    context.diagnostics().extend(rotated.report);
                    context.diagnostics().ok(stored);
                }
                Err(error) => {
                    if error.is_outcome_unknown {
                        context.private.set(ROTATION_SENT, self.session.clock().now());
                    }
                    let leaves = (number > 0).then_some(state);
                    return Err(Failed {
                        diagnostics: error.diagnostic.into(),
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

    /// Reads the tokens of `state`, and stores them for these recipients.
    async fn store(
        &self,
        context: &Context,
        mut state: StreamingTokens,
        recipients: Option<&Recipients>,
    ) -> Outcome<StreamingTokens> {
        let connection = context.client()?;
        let operation = connection.operation(context);
        let known = state.tokens.fingerprints()?;
        let tokens = read_settled(&connection, &operation, state.workspace(), &known, Duration::ZERO).await?;
        if known != Fingerprints::from(&tokens) {
            return Err(diagnostics::changed_since_plan(state.workspace()).into());
        }
        state.tokens.set(&tokens, recipients)?;
        Ok(state)
    }
}

/// Whether `planned` declares other hashes than `prior`, and none of them matches a token in the
/// state.
fn lists_no_token(planned: &RotationPolicy, prior: &StreamingTokens) -> bool {
    let hashes = &planned.revoke_sha256;
    *hashes != prior.policy.revoke_sha256
        && hashes.known().is_some_and(|hashes| !hashes.is_empty())
        && prior
            .tokens
            .fingerprints()
            .is_ok_and(|tokens| planned.listed_slot(&tokens) == Some(0))
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
            // The resource is replaced. Terraform plans the creation in a separate call.
            context.report(diagnostics::not_revoked(workspace));
            return Ok(());
        }
        planned.tokens.changed_outside = false.into();
        if lists_no_token(&planned.policy, prior) {
            context.report(diagnostics::none_listed(workspace));
        }
        if !prior.tokens.is_stored_for(&planned.tokens.age_recipients) {
            planned.tokens.plan_values();
        }
        match prior.decide(&planned.policy, &context.private) {
            Decision::Keep => {}
            Decision::AlreadyRotated => context.report(diagnostics::rotated_before_plan(workspace)),
            Decision::Rotate(rotation) => {
                planned.tokens.plan_rotation(&prior.tokens, rotation.times);
                let (times, is_settled) = (rotation.times, prior.tokens.is_settled());
                let warning = diagnostics::will_rotate(workspace, times, &rotation.reasons, is_settled);
                Self::plan_rotation(context, prior, warning, times).await;
            }
            Decision::Unknown => {
                planned.tokens.mark_unknown();
                Self::plan_rotation(context, prior, diagnostics::may_rotate(workspace), 1).await;
            }
        }
        Ok(())
    }

    async fn plan_destroy(&self, context: &Context, prior: &StreamingTokens) -> Result<(), Diagnostics> {
        context.report(diagnostics::not_revoked(prior.workspace()));
        Ok(())
    }

    async fn create(&self, context: &Context, planned: StreamingTokens) -> Outcome<StreamingTokens> {
        let recipients = age_recipients::prepare(&planned.tokens.age_recipients)?;
        let recipients = recipients.as_ref();
        let tokens = context.client()?.streaming_tokens(context, planned.workspace()).await?;
        let times = planned.policy.listed_slot(&Fingerprints::from(&tokens));
        let mut pair = TokenPair::new(&tokens, self.session.first_generation());
        pair.set_recipients(planned.tokens.age_recipients.clone());
        pair.set(&tokens, recipients)?;
        let state = StreamingTokens {
            tokens: pair,
            ..planned
        };
        // If no rotation succeeds, the state has the current tokens, and the next plan rotates
        // them.
        let rotated = self
            .rotate(context, state.clone(), times.unwrap_or_default(), recipients)
            .await;
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
        let known = state.tokens.fingerprints()?;
        let tokens = context.client()?.streaming_tokens(context, state.workspace()).await?;
        let diff = classify(&known, &Fingerprints::from(&tokens));
        context
            .diagnostics()
            .extend(diagnostics::drift(state.workspace(), diff));
        if !matches!(diff, Diff::Unchanged | Diff::Stale) {
            state.tokens.refresh_from(&tokens)?;
            context.private.remove(ROTATION_SENT);
            private_record::set_issued(&context.private);
        }
        Ok(Some(state))
    }

    async fn update(
        &self,
        context: &Context,
        prior: StreamingTokens,
        planned: StreamingTokens,
    ) -> Outcome<StreamingTokens> {
        let recipients = age_recipients::prepare(&planned.tokens.age_recipients)?;
        let recipients = recipients.as_ref();
        // The decision of the plan, with the values that were unknown in it.
        let decision = prior.decide(&planned.policy, &context.private);
        let is_stored = prior.tokens.is_stored_for(&planned.tokens.age_recipients);
        let mut settled = StreamingTokens {
            policy: planned.policy,
            ..prior
        };
        settled.tokens.set_recipients(planned.tokens.age_recipients);
        settled.tokens.changed_outside = false.into();
        match decision {
            Decision::Rotate(rotation) => self.rotate(context, settled, rotation.times, recipients).await,
            _ if is_stored => Ok(settled),
            _ => self.store(context, settled, recipients).await,
        }
    }

    async fn delete(&self, _: &Context, state: StreamingTokens) -> Outcome<StreamingTokens, ()> {
        self.session.generations().observe(&state.tokens.generation);
        Ok(())
    }

    async fn import(&self, context: &Context, id: &str) -> Outcome<StreamingTokens, Option<StreamingTokens>> {
        let tokens = context.client()?.streaming_tokens(context, id).await?;
        private_record::set_imported(&context.private);
        Ok(Some(StreamingTokens {
            workspace_id: id.into(),
            policy: RotationPolicy::default(),
            tokens: TokenPair::new(&tokens, self.session.first_generation()),
        }))
    }

    fn upgrade(&self, _: i64, state: &StoredState) -> Result<StreamingTokens, Diagnostic> {
        let mut state: StreamingTokens = state.read()?;
        state.tokens.add_hashes();
        Ok(state)
    }

    async fn permits(&self, context: &Context, state: &StreamingTokens) -> Result<(), Diagnostics> {
        let what = format!("The streaming tokens of {:?}", state.workspace());
        let exists = async {
            let tokens = context.client()?.streaming_tokens(context, state.workspace()).await;
            tokens.map(|_| true)
        };
        let account = self.session.account();
        Ok(account::verify(&context.private, account, &what, exists).await?)
    }

    fn record_place(&self, context: &Context) {
        account::record(&context.private, self.session.account());
    }
}
