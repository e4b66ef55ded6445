//! The plans of `striim_service_account_token`.

use super::diagnostics;
use super::{ServiceAccountToken, ServiceAccountTokenResource};
use crate::framework::{Change, Diagnostics};
use crate::platform::attributes::is_same_text;
use crate::platform::decision_time;
use crate::platform::declarations::declaration;
use crate::striim::api::find;
use crate::striim::connection::{Connection, Context};
use crate::striim::diagnostics::Change::Rotate;
use crate::striim::replacement;
use crate::striim::rotating_token::UpdatePlan;
use crate::striim::secret_owner::service_account;
use crate::striim::service_account::LIFETIME;
use crate::striim::service_account::plan::{
    NameStatus, check_description, name_status, plan_deletion, warn_if_own_token,
};

impl ServiceAccountTokenResource {
    /// Plans a creation, a replacement, or an update, which may rotate.
    pub(super) async fn plan_change(
        &self,
        context: &Context,
        change: &mut Change<ServiceAccountToken>,
        diagnostics: &mut Diagnostics,
    ) {
        let Change {
            config, prior, planned, ..
        } = change;
        let prior_policy = prior.as_ref().map(|prior| &prior.token.policy);
        if config.token.policy.needs_clock(prior_policy, self.now()) {
            self.session.synchronise(context, diagnostics).await;
        }
        let Some(prior) = prior else {
            return self.plan_creation(context, config, planned, diagnostics).await;
        };
        self.session.generations().observe(&prior.token.delivery.generation);
        if planned.name != prior.name || !is_same_text(&planned.description, &prior.description) {
            return self.plan_replacement(context, prior, planned, diagnostics).await;
        }
        self.plan_update(context, config, (prior, planned), diagnostics).await;
    }

    async fn plan_creation(
        &self,
        context: &Context,
        config: &ServiceAccountToken,
        planned: &mut ServiceAccountToken,
        diagnostics: &mut Diagnostics,
    ) {
        planned.id = planned.name.clone();
        let token = &mut planned.token;
        token.plan_creation(context, &config.token, LIFETIME, self.now(), diagnostics);
        let (Some(connection), false) = (context.known_client(), planned.name.is_unknown()) else {
            return;
        };
        let replaces = replacement::replaced_names(&context.private);
        let (vault, operation) = (&planned.token.delivery.vault, connection.operation(context));
        let owner = planned.token.present_owner(planned.owner());
        let writer = &connection.vault;
        writer.plan_creation(&operation, vault, owner, diagnostics).await;
        // The first plan call of a replacement has checked the rest.
        if replaces.is_empty() {
            self.check_creation(context, &connection, planned, None, diagnostics)
                .await;
        }
        connection.planned_accounts.release(&replaces);
        let declaration = declaration(false, config);
        diagnostics.ok(connection.planned_accounts.declare(&[planned.name()], &declaration));
    }

    /// Plans the replacement of `prior`. Terraform plans its creation by another call, and drops the
    /// warnings of that one.
    async fn plan_replacement(
        &self,
        context: &Context,
        prior: &ServiceAccountToken,
        planned: &ServiceAccountToken,
        diagnostics: &mut Diagnostics,
    ) {
        self.plan_deletion(context, prior, diagnostics).await;
        let mut is_available = false;
        if let (Some(connection), false) = (context.known_client(), planned.name.is_unknown()) {
            let before = &prior.token.delivery.vault;
            let old = prior.token.present_owner(prior.owner());
            let new = (&planned.token.delivery.vault, service_account(planned.name(), None));
            let operation = connection.operation(context);
            connection
                .vault
                .plan_replacement(&operation, (before, &old), new, diagnostics)
                .await;
            is_available = self
                .check_creation(context, &connection, planned, Some(prior), diagnostics)
                .await;
        }
        let successor = is_available.then_some(planned.name());
        replacement::record(&context.private, &[prior.name()], successor);
    }

    /// Checks a planned creation against the account; returns whether no account has its name.
    /// `replaced` is the state of the replaced resource, if there is one. Errors of requests are
    /// ignored here: apply reports them.
    async fn check_creation(
        &self,
        context: &Context,
        connection: &Connection,
        planned: &ServiceAccountToken,
        replaced: Option<&ServiceAccountToken>,
        diagnostics: &mut Diagnostics,
    ) -> bool {
        let name = planned.name();
        diagnostics.ok(check_description(connection, &planned.description));
        let Ok(cached) = connection.cached_accounts(&connection.operation(context)).await else {
            return false;
        };
        let accounts = cached.items;
        let status = match replaced {
            Some(replaced) if replaced.name() == name => NameStatus::Available,
            _ => name_status(connection, &accounts, name).await,
        };
        match status {
            NameStatus::Available => {}
            NameStatus::Orphan(account) | NameStatus::Taken(account) if planned.adopts() => {
                if diagnostics.ok(planned.check_same_description(account)).is_some() {
                    diagnostics.push(diagnostics::adopts(name));
                }
                return false;
            }
            NameStatus::Orphan(account) => diagnostics.push(diagnostics::recreates_orphan(account, self.now())),
            NameStatus::Taken(_) => {
                let by = diagnostics::DeclaredBy::Token;
                diagnostics.push(diagnostics::name_taken(name, by, replaced.is_some()));
                return false;
            }
        }
        let replaces: Vec<_> = replaced
            .map(|replaced| replaced.name().to_owned())
            .into_iter()
            .collect();
        let planned_accounts = &connection.planned_accounts;
        diagnostics.extend(planned_accounts.create(name, &replaces, &accounts, self.now()));
        find(&accounts, name).is_none()
    }

    async fn plan_update(
        &self,
        context: &Context,
        config: &ServiceAccountToken,
        (prior, planned): (&ServiceAccountToken, &mut ServiceAccountToken),
        diagnostics: &mut Diagnostics,
    ) {
        replacement::record(&context.private, &[prior.name()], None);
        if let Some(connection) = context.known_client() {
            let declaration = declaration(true, config);
            diagnostics.ok(connection.planned_accounts.declare(&[prior.name()], &declaration));
        }
        planned.token.policy.keep_spelling(&prior.token.policy);
        let plan = UpdatePlan {
            owner: prior.owner(),
            lifetime: LIFETIME,
            now: self.now(),
            records: decision_time::records(prior, planned),
        };
        let warn_if_own = async |connection: &Connection, diagnostics: &mut Diagnostics| {
            let operation = connection.operation(context);
            let present = prior.present_token(connection, &operation, &context.private).await;
            let change = (prior.name(), &present, Rotate);
            warn_if_own_token(connection, &operation, change, self.now(), diagnostics).await;
        };
        let tokens = (&config.token, &prior.token);
        let token = &mut planned.token;
        token.plan_update(context, tokens, plan, warn_if_own, diagnostics).await;
    }

    /// Plans the deletion, and warns if it will be refused.
    pub(super) async fn plan_deletion(
        &self,
        context: &Context,
        prior: &ServiceAccountToken,
        diagnostics: &mut Diagnostics,
    ) {
        let Some(connection) = context.known_client() else {
            return;
        };
        let (vault, owner) = (&prior.token.delivery.vault, prior.token.present_owner(prior.owner()));
        connection.vault.plan_deletion(vault, &owner);
        let operation = connection.operation(context);
        let present = prior.present_token(&connection, &operation, &context.private).await;
        plan_deletion(&connection, &operation, prior.name(), &present, self.now(), diagnostics).await;
    }
}
