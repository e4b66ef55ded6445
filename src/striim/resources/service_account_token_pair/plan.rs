//! The plans of `striim_service_account_token_pair`.

use super::account::Account;
use super::diagnostics::{self, Remaining, Rotated};
use super::storage::FormerSecret;
use super::{ServiceAccountTokenPair, ServiceAccountTokenPairResource, names};
use crate::framework::{Change, Diagnostic, Diagnostics, Field, PrivateState};
use crate::platform::attributes::{is_same_text, keep_spelling, known_duration, may_rotate};
use crate::platform::decision_time::{self, DecisionTime};
use crate::platform::declarations::{Declaration, declaration};
use crate::platform::generation;
use crate::platform::rotation_policy::Decision;
use crate::striim::api::find;
use crate::striim::connection::Context;
use crate::striim::diagnostics::Change::Rotate;
use crate::striim::replacement;
use crate::striim::service_account::plan::{
    NameStatus, check_description, name_status, plan_deletion, warn_if_own_token,
};
use crate::token::{HumanDuration, Reason};

impl ServiceAccountTokenPairResource {
    /// Plans a creation, a replacement, or an update, which may rotate.
    pub(super) async fn plan_change(
        &self,
        context: &Context,
        change: &mut Change<ServiceAccountTokenPair>,
        diagnostics: &mut Diagnostics,
    ) {
        self.session.synchronise(context, diagnostics).await;
        let Change {
            config, prior, planned, ..
        } = change;
        warn_of_short_overlap(planned, prior.as_ref(), diagnostics);
        let Some(prior) = prior else {
            return self.plan_creation(context, config, planned, diagnostics).await;
        };
        self.session.generations().observe(&prior.generation);
        if planned.name != prior.name || !is_same_text(&planned.description, &prior.description) {
            return self.plan_replacement(context, prior, planned, diagnostics).await;
        }
        self.plan_update(context, config, (prior, planned), diagnostics).await;
    }

    async fn plan_creation(
        &self,
        context: &Context,
        config: &ServiceAccountTokenPair,
        planned: &mut ServiceAccountTokenPair,
        diagnostics: &mut Diagnostics,
    ) {
        planned.id = planned.name.clone();
        planned.generation = Field::Unknown;
        planned.previous = Account::default().into();
        diagnostics.ok(config.expiry_to_send(self.now()));
        if let Some(pair) = planned.name.known().cloned() {
            let [first, _] = names(&pair);
            planned.current = planned.planned_account(&first).into();
            self.plan_delivery(context, planned, diagnostics).await;
            let replaces = replacement::replaced_names(&context.private);
            // The first plan call of a replacement has checked the rest.
            if replaces.is_empty() {
                self.check_creation(context, planned, None, diagnostics).await;
            }
            declare(context, &pair, &replaces, &declaration(false, config), diagnostics);
        }
    }

    /// Plans the replacement of `prior`. Terraform plans its creation by another call, and drops the
    /// warnings of that one.
    async fn plan_replacement(
        &self,
        context: &Context,
        prior: &ServiceAccountTokenPair,
        planned: &ServiceAccountTokenPair,
        diagnostics: &mut Diagnostics,
    ) {
        self.plan_deletion(context, prior, diagnostics).await;
        if let (Some(connection), Some(_)) = (context.known_client(), planned.name.known()) {
            let before = &prior.vault;
            let old = prior.owner(before);
            let new = (&planned.vault, planned.new_owner());
            let (writer, operation) = (&connection.vault, connection.operation(context));
            writer
                .plan_replacement(&operation, (before, &old), new, diagnostics)
                .await;
        }
        let is_available = match planned.name.known() {
            Some(_) => self.check_creation(context, planned, Some(prior), diagnostics).await,
            None => false,
        };
        let [first, _] = names(planned.name());
        let replaced = names(prior.name());
        let replaced = replaced.each_ref().map(String::as_str);
        replacement::record(&context.private, &replaced, is_available.then_some(&first));
    }

    /// Checks a planned creation against the account; returns whether no account has its first name.
    /// `replaced` is the state of the replaced pair, if there is one. Errors of requests are ignored
    /// here: apply reports them.
    async fn check_creation(
        &self,
        context: &Context,
        planned: &ServiceAccountTokenPair,
        replaced: Option<&ServiceAccountTokenPair>,
        diagnostics: &mut Diagnostics,
    ) -> bool {
        let Some(connection) = context.known_client() else {
            return false;
        };
        let Ok(cached) = connection.cached_accounts(&connection.operation(context)).await else {
            return false;
        };
        let (accounts, now) = (cached.items, self.now());
        let [first, second] = names(planned.name());
        diagnostics.ok(check_description(&connection, &planned.description));
        let replaces = replaced
            .map(|replaced| names(replaced.name()).to_vec())
            .unwrap_or_default();
        for name in [&first, &second] {
            if replaces.contains(name) {
                continue;
            }
            match name_status(&connection, &accounts, name).await {
                NameStatus::Available => {}
                NameStatus::Orphan(account) => diagnostics.push(diagnostics::recreates_orphan(account, now)),
                NameStatus::Taken(_) => {
                    let by = diagnostics::DeclaredBy::Pair(planned.name());
                    diagnostics.push(diagnostics::name_taken(name, by, replaced.is_some()));
                    return false;
                }
            }
        }
        let planned_accounts = &connection.planned_accounts;
        if let Some(warning) = planned_accounts.create(&first, &replaces, &accounts, now) {
            diagnostics.push(warning);
        } else if !planned_accounts.has_place_for(&second, &accounts, now) {
            diagnostics.push(diagnostics::no_quota_for_rotation(&second, &accounts, now));
        }
        find(&accounts, &first).is_none()
    }

    async fn plan_update(
        &self,
        context: &Context,
        config: &ServiceAccountTokenPair,
        (prior, planned): (&ServiceAccountTokenPair, &mut ServiceAccountTokenPair),
        diagnostics: &mut Diagnostics,
    ) {
        let names = names(prior.name());
        replacement::record(&context.private, &names.each_ref().map(String::as_str), None);
        declare(context, prior.name(), &[], &declaration(true, config), diagnostics);
        keep_spelling(&mut planned.expires_in, &prior.expires_in);
        keep_spelling(&mut planned.rotate_every, &prior.rotate_every);
        let prior = &prior.with_drift(&context.private);
        planned.current = prior.current.clone();
        planned.previous = prior.previous.clone();
        let decide = |at| config.decide(prior, &context.private, at);
        let records = |at| decision_time::records(prior, planned) || decide(at).is_change();
        let time = DecisionTime::new(&context.private, self.now(), records, config.rotate_every());
        match time.decide(&prior.what(), decide, diagnostics) {
            Decision::Keep => {
                if let Some(connection) = context.known_client() {
                    let owner = prior.owner(&planned.vault);
                    connection.vault.claim(&planned.vault, &owner, diagnostics);
                }
            }
            Decision::Rotate(reasons) => {
                let name = prior.replaced(&context.private, time.at);
                let remaining = prior.remaining(&name);
                diagnostics.push(rotation_warning(
                    (prior, planned),
                    &name,
                    &remaining,
                    &reasons,
                    &context.private,
                ));
                diagnostics.ok(config.expiry_to_send(self.now()));
                self.check_rotation(context, prior, &name, diagnostics).await;
                self.plan_rotated_delivery(context, (prior, planned), &name, diagnostics)
                    .await;
                planned.current = planned.planned_account(&name).into();
                planned.previous = prior.planned_previous(planned, &name).into();
                planned.generation = generation::next(&prior.generation);
                planned.rotated_at = Field::Unknown;
            }
            // The expiry of a pair is never fixed.
            Decision::Expired(_) => {}
            Decision::Unknown(unknown) => {
                diagnostics.push(may_rotate(&prior.what(), &unknown));
                self.plan_rotated_delivery(context, (prior, planned), "", diagnostics)
                    .await;
                planned.current = Field::Unknown;
                planned.previous = Field::Unknown;
                planned.generation = Field::Unknown;
                planned.rotated_at = Field::Unknown;
            }
        }
    }

    /// Checks a planned rotation against the account. Errors of requests are ignored here: apply
    /// reports them.
    async fn check_rotation(
        &self,
        context: &Context,
        prior: &ServiceAccountTokenPair,
        name: &str,
        diagnostics: &mut Diagnostics,
    ) {
        let Some(connection) = context.known_client() else {
            return;
        };
        let operation = connection.operation(context);
        if let Some(account) = prior.account(name) {
            let at = (&*connection, &operation);
            let present = prior.present_token(account, at, &context.private).await;
            let change = (name, &present, Rotate);
            return warn_if_own_token(&connection, &operation, change, self.now(), diagnostics).await;
        }
        let Ok(cached) = connection.cached_accounts(&operation).await else {
            return;
        };
        if find(&cached.items, name).is_some() {
            diagnostics.push(diagnostics::adopts(name));
        } else {
            let planned_accounts = &connection.planned_accounts;
            diagnostics.extend(planned_accounts.create(name, &[], &cached.items, self.now()));
        }
    }

    /// Plans the deletion, and warns if it will be refused.
    pub(super) async fn plan_deletion(
        &self,
        context: &Context,
        prior: &ServiceAccountTokenPair,
        diagnostics: &mut Diagnostics,
    ) {
        let Some(connection) = context.known_client() else {
            return;
        };
        let operation = connection.operation(context);
        connection.vault.plan_deletion(&prior.vault, &prior.owner(&prior.vault));
        if let Some(former) = FormerSecret::read(&context.private) {
            let vault = former.vault();
            connection.vault.plan_deletion(&vault, &prior.owner(&vault));
        }
        for account in prior.accounts() {
            let at = (&*connection, &operation);
            let present = prior.present_token(account, at, &context.private).await;
            let name = account.name();
            plan_deletion(&connection, &operation, name, &present, self.now(), diagnostics).await;
        }
    }

    /// Plans the delivery of the first value.
    async fn plan_delivery(&self, context: &Context, planned: &ServiceAccountTokenPair, diagnostics: &mut Diagnostics) {
        if let Some(connection) = context.known_client() {
            let operation = connection.operation(context);
            let (writer, owner) = (&connection.vault, planned.new_owner());
            writer
                .plan_creation(&operation, &planned.vault, owner, diagnostics)
                .await;
        }
    }

    /// Plans the delivery of the value that a rotation of `name` issues.
    async fn plan_rotated_delivery(
        &self,
        context: &Context,
        (prior, planned): (&ServiceAccountTokenPair, &ServiceAccountTokenPair),
        name: &str,
        diagnostics: &mut Diagnostics,
    ) {
        let Some(connection) = context.known_client() else {
            return;
        };
        let (writer, vault) = (&connection.vault, &planned.vault);
        if let Some(former) = FormerSecret::of(name, &context.private) {
            let before = former.vault();
            writer.plan_move(&before, vault, &prior.owner(&before));
        }
        let operation = connection.operation(context);
        writer.plan(&operation, vault, prior.owner(vault), diagnostics).await;
    }
}

/// Records the names that a pair has after this plan, in place of `replaces`: no other resource may
/// have one of them.
fn declare(
    context: &Context,
    pair: &str,
    replaces: &[String],
    declaration: &Declaration,
    diagnostics: &mut Diagnostics,
) {
    if let Some(connection) = context.known_client() {
        let [first, second] = names(pair);
        connection.planned_accounts.release(replaces);
        diagnostics.ok(connection.planned_accounts.declare(&[&first, &second], declaration));
    }
}

/// The warning of a plan that rotates the service account of that name.
fn rotation_warning(
    (prior, planned): (&ServiceAccountTokenPair, &ServiceAccountTokenPair),
    name: &str,
    remaining: &Account,
    reasons: &[Reason],
    private: &PrivateState,
) -> Diagnostic {
    let is_stored = |account: &Account| account.is_stored() || FormerSecret::of(account.name(), private).is_some();
    let rotated = match prior.account(name) {
        None => Rotated::Created,
        Some(account) if is_stored(account) => Rotated::KnownValue,
        Some(_) => Rotated::UnknownValue,
    };
    let remaining = is_stored(remaining).then(|| Remaining {
        name: remaining.name(),
        expiry: remaining.expiry(),
        stays_in_former_storage: prior.stays_in_former_storage(remaining, planned),
    });
    diagnostics::will_rotate(prior.name(), (name, rotated), remaining, reasons)
}

/// Warns if the former value expires before the next rotation: at creation, and when one of the two
/// durations changes.
fn warn_of_short_overlap(
    planned: &ServiceAccountTokenPair,
    prior: Option<&ServiceAccountTokenPair>,
    diagnostics: &mut Diagnostics,
) {
    let durations = |pair: &ServiceAccountTokenPair| known_duration(&pair.expires_in).zip(pair.rotate_every());
    let Some((expires_in, rotate_every)) = durations(planned) else {
        return;
    };
    if prior.and_then(durations) == Some((expires_in, rotate_every)) || expires_in / 2 >= rotate_every {
        return;
    }
    let overlap = HumanDuration(expires_in.saturating_sub(rotate_every));
    diagnostics.push(diagnostics::short_overlap(planned.name(), overlap));
}
