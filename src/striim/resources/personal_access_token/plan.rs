//! Plan of `striim_personal_access_token`.

use super::diagnostics;
use super::{LIFETIME, OWN_USER, PersonalAccessToken, PersonalAccessTokenResource, id_of};
use crate::framework::{Change, Diagnostics, Field};
use crate::platform::decision_time;
use crate::platform::declarations::declaration;
use crate::rest::Operation;
use crate::striim::connection::{Connection, Context};
use crate::striim::pat::{self, Found};
use crate::striim::replacement;
use crate::striim::rotating_token::UpdatePlan;

impl PersonalAccessTokenResource {
    /// Plans a creation, a replacement, or an update, which may rotate.
    pub(super) async fn plan_change(
        &self,
        context: &Context,
        change: &mut Change<PersonalAccessToken>,
        diagnostics: &mut Diagnostics,
    ) {
        let Change {
            config,
            prior,
            planned,
            equivalent,
        } = change;
        let prior_policy = prior.as_ref().map(|prior| &prior.token.policy);
        if config.token.policy.needs_clock(prior_policy, self.now()) {
            self.session.synchronise(context, diagnostics).await;
        }
        let is_own = config.email.is_null();
        let Some(prior) = prior else {
            return self.plan_creation(context, config, planned, diagnostics).await;
        };
        self.session.generations().observe(&prior.token.delivery.generation);
        replacement::record(&context.private, &[prior.id()], None);
        if !self.is_of_same_user(context, &config.email, prior).await {
            return self
                .plan_replacement(context, prior, planned, is_own, diagnostics)
                .await;
        }
        // Keeps the spelling of the state. If that is null, Terraform requires the configured value.
        if !prior.email.is_null() {
            planned.email = prior.email.clone();
        }
        equivalent.push("email");
        self.plan_update(context, config, (prior, planned), diagnostics).await;
    }

    async fn plan_creation(
        &self,
        context: &Context,
        config: &PersonalAccessToken,
        planned: &mut PersonalAccessToken,
        diagnostics: &mut Diagnostics,
    ) {
        let token = &mut planned.token;
        token.plan_creation(context, &config.token, LIFETIME, self.now(), diagnostics);
        self.check_creation(context, planned, config.email.is_null(), diagnostics)
            .await;
        let replaces = replacement::replaced_names(&context.private);
        // If this is a replacement, the deletion receives the record, and keeps the PAT to be rotated.
        replacement::record_creation(&context.private, planned.id.known().map(String::as_str));
        if let (Some(id), Some(connection)) = (planned.id.known(), context.known_client()) {
            let declaration = declaration(false, config);
            diagnostics.ok(connection.planned_pats.declare(id, &replaces, declaration));
        }
    }

    /// Reads the user's present PAT, fills in `email` and `id`, and warns of the value that the creation
    /// revokes. Errors of requests are ignored here: apply reports them.
    async fn check_creation(
        &self,
        context: &Context,
        planned: &mut PersonalAccessToken,
        is_own: bool,
        diagnostics: &mut Diagnostics,
    ) {
        // If `email` is null, it becomes the address of the provider's own user, if the platform reports it.
        planned.id = planned.email.clone();
        match is_own {
            true => context.private.set(OWN_USER, true),
            false => context.private.remove(OWN_USER),
        }
        let (Some(connection), true) = (context.known_client(), is_own || !planned.email.is_unknown()) else {
            return;
        };
        let operation = connection.operation(context);
        if let Ok(found) = pat::find(&connection.api, &operation, planned.address()).await {
            planned.id = id_of(&found).into();
            if is_own {
                planned.email = found.address.clone().into();
            }
            diagnostics.push(match &found.token {
                Some(token) => diagnostics::revokes_present(&planned.what(), token, self.now()),
                None => diagnostics::has_none(planned.address()),
            });
            if found.own {
                diagnostics.push(diagnostics::rotates_own_token(&planned.what()));
            }
            let owner = planned.token.present_owner(planned.owner());
            let (writer, vault) = (&connection.vault, &planned.token.delivery.vault);
            writer.plan_creation(&operation, vault, owner, diagnostics).await;
        }
        warn_if_disabled(&connection, &operation, diagnostics).await;
    }

    /// Plans the replacement of `prior`, including the warnings of the creation: Terraform plans the creation
    /// in a second call, and drops the warnings of that call.
    async fn plan_replacement(
        &self,
        context: &Context,
        prior: &PersonalAccessToken,
        planned: &mut PersonalAccessToken,
        is_own: bool,
        diagnostics: &mut Diagnostics,
    ) {
        if is_own {
            planned.email = Field::Unknown;
        }
        self.plan_deletion(context, prior, diagnostics).await;
        let mut successor = PersonalAccessToken {
            email: planned.email.clone(),
            ..PersonalAccessToken::default()
        };
        self.check_creation(context, &mut successor, is_own, diagnostics).await;
        if let (Some(connection), Some(_)) = (context.known_client(), planned.email.known()) {
            let before = &prior.token.delivery.vault;
            let old = prior.token.present_owner(prior.owner());
            let new = (&planned.token.delivery.vault, successor.owner());
            let operation = connection.operation(context);
            connection
                .vault
                .plan_replacement(&operation, (before, &old), new, diagnostics)
                .await;
        }
    }

    async fn plan_update(
        &self,
        context: &Context,
        config: &PersonalAccessToken,
        (prior, planned): (&PersonalAccessToken, &mut PersonalAccessToken),
        diagnostics: &mut Diagnostics,
    ) {
        if let Some(connection) = context.known_client() {
            let declaration = declaration(true, config);
            diagnostics.ok(connection.planned_pats.declare(prior.id(), &[], declaration));
        }
        planned.token.policy.keep_spelling(&prior.token.policy);
        let plan = UpdatePlan {
            owner: prior.owner(),
            lifetime: LIFETIME,
            now: self.now(),
            records: decision_time::records(prior, planned),
        };
        let check_rotation = async |connection: &Connection, diagnostics: &mut Diagnostics| {
            let operation = connection.operation(context);
            let (address, value) = (prior.address(), &prior.token.delivery.token);
            if let Ok(true) = pat::is_own_token(&connection.api, &operation, address, value).await {
                diagnostics.push(diagnostics::rotates_own_token(&prior.what()));
            }
            warn_if_disabled(connection, &operation, diagnostics).await;
        };
        let tokens = (&config.token, &prior.token);
        let token = &mut planned.token;
        token
            .plan_update(context, tokens, plan, check_rotation, diagnostics)
            .await;
    }

    /// Plans the deletion, and warns if the provider will refuse it.
    pub(super) async fn plan_deletion(
        &self,
        context: &Context,
        prior: &PersonalAccessToken,
        diagnostics: &mut Diagnostics,
    ) {
        let Some(connection) = context.known_client() else {
            return;
        };
        let (vault, owner) = (&prior.token.delivery.vault, prior.token.present_owner(prior.owner()));
        connection.vault.plan_deletion(vault, &owner);
        let (operation, value) = (connection.operation(context), &prior.token.delivery.token);
        if let Ok(true) = pat::is_own_token(&connection.api, &operation, prior.address(), value).await {
            diagnostics.push(diagnostics::cannot_revoke_own_token(&prior.what()).as_warning());
        }
    }

    /// Whether the configured `email` identifies the user whose PAT is in the state. Errors of requests are
    /// ignored: then a configured `email` counts as changed, and a null one does not.
    async fn is_of_same_user(&self, context: &Context, email: &Field<String>, prior: &PersonalAccessToken) -> bool {
        let address = prior.address();
        let lookup = async |address: Option<&str>| {
            let connection = context.known_client()?;
            let operation = connection.operation(context);
            pat::find(&connection.api, &operation, address).await.ok()
        };
        match (email, address) {
            (Field::Unknown, _) => false,
            (Field::Known(email), Some(address)) => email.eq_ignore_ascii_case(address),
            // The platform did not report the address of the provider's own user.
            (Field::Known(email), None) => lookup(Some(email)).await.is_some_and(|found| found.own),
            (Field::Null, None) => true,
            // The PAT was created or imported without an address: its user does not change.
            (Field::Null, Some(_)) if prior.email.is_null() || context.private.get(OWN_USER) == Some(true) => true,
            (Field::Null, Some(address)) => match lookup(None).await {
                Some(Found {
                    token: Some(_),
                    address: Some(own),
                    ..
                }) => own.eq_ignore_ascii_case(address),
                Some(Found { token: Some(_), .. }) => lookup(Some(address)).await.is_none_or(|found| found.own),
                _ => true,
            },
        }
    }
}

/// Warns if the plan issues a value while PATs are disabled, if the status can be read.
async fn warn_if_disabled(connection: &Connection, operation: &Operation, diagnostics: &mut Diagnostics) {
    let declared = diagnostics.ok(connection.planned_pats.issue());
    if declared == Some(None) && pat::are_disabled(&connection.api, operation).await {
        diagnostics.push(diagnostics::disabled_now());
    }
}
