//! The operator: gives the providers a valid token, and fixes what no provider can fix.

use anyhow::{Context as _, ensure};
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use token_providers::framework::testing::RunOutcome;
use token_providers::sandbox::striim::{AuditAction, Expired, Options};

use super::declared::{OWN, PAIR, PLACES, RELAY, RELAYS, USERS, accounts_of, address, stored_values, values_of};
use super::promises::Promise;
use super::world::{World, plain};

impl World {
    /// Sets the providers' credential to the value of their own token in the state, or to a new one from the portal.
    pub(super) fn sign_in(&self) -> anyhow::Result<()> {
        if self.sandbox.is_live(self.bearer.borrow().expose_secret()) {
            return Ok(());
        }
        let own = address(PLACES - 1);
        let own = self.workspaces[0].terraform.state().remove(&own);
        let mut values = own.iter().flat_map(|own| values_of(&self.vault.server, "", own));
        let known = values.find(|value| self.sandbox.is_live(value));
        let bearer = match known {
            Some(value) => value.into(),
            None => {
                let removed = self.removed.borrow().clone().into_iter();
                let mut removed = removed.filter(|(_, name)| name == OWN);
                if !removed.any(|(value, _)| self.sandbox.is_live(&value)) {
                    self.check_lockout()?;
                }
                self.note("a person makes a token for the providers");
                let rotated = self.sandbox.rotate_outside(OWN);
                rotated.unwrap_or_else(|_| self.sandbox.add_service_account(OWN, None))
            }
        };
        self.bearer.replace(bearer);
        self.signed_in.set(self.sent.borrow().len());
        Ok(())
    }

    /// Asserts that only a rotation revoked the providers' own token, and that it was reported unless the run was killed.
    fn check_lockout(&self) -> anyhow::Result<()> {
        let audit = self.sandbox.audit();
        let last = audit.iter().rfind(|entry| entry.target == OWN);
        if !last.is_some_and(|entry| entry.actor == OWN && entry.action == AuditAction::RotateServiceAccount) {
            // It has expired, or another user revoked it.
            return Ok(());
        }
        let account = self
            .sandbox
            .service_accounts()
            .into_iter()
            .find(|account| account.name == OWN);
        if account.is_none_or(|account| !account.token.is_live(self.now())) {
            return Ok(());
        }
        self.report.borrow_mut().locked_out += 1;
        let killed = self.sent.borrow()[self.signed_in.get()..]
            .iter()
            .any(|(_, killed)| *killed);
        let shown = self.outputs.diagnostics();
        let shown = shown
            .iter()
            .rev()
            .take(20)
            .any(|shown| shown.contains("lost its own token"));
        Promise::NoTokenLost.require(killed || shown, || {
            "nothing explains that the provider's own token was ended".to_owned()
        })
    }

    /// Called after the last fault, before the last runs.
    pub(super) async fn put_in_order(&mut self, platform: &Options) -> anyhow::Result<()> {
        let now = self.now();
        for workspace in &mut self.workspaces {
            workspace.declared.mend(now);
        }
        self.settle_toggle().await;
        // The providers' own account counts, too.
        let left = self.workspaces[0].declared.fit(platform.quota.saturating_sub(1));
        self.workspaces[1].declared.fit(left);
        self.find_hidden(platform).await?;
        self.clear_up(platform).await?;
        if platform.quota < 10 {
            // Accounts of one workspace beyond the quota block the other.
            for workspace in [0, 1] {
                self.apply(&plain(workspace), true).await?;
            }
        }
        Ok(())
    }

    /// Enables personal access tokens if some are declared, and creates the first of a user in the portal.
    async fn settle_toggle(&mut self) {
        if self.workspaces[0].declared.pats.iter().all(Option::is_none) {
            return;
        }
        for workspace in &mut self.workspaces {
            workspace.declared.toggle = workspace.declared.toggle.map(|_| true);
        }
        if !self.sandbox.are_pats_enabled() {
            self.toggle_outside();
        }
        for (user, pat) in USERS.into_iter().zip(&self.workspaces[0].declared.pats) {
            if pat.is_some() {
                // Rejected if there is one.
                let _ = self.sandbox.create_user_token_outside(user, None);
            }
        }
    }

    /// An unlisted account that expired earlier than recorded in the state, because of a lost rotation, counts as deleted. The
    /// run that recreates it is rejected and explains how to delete it.
    async fn find_hidden(&mut self, platform: &Options) -> anyhow::Result<()> {
        if platform.expired != Expired::Hidden {
            return Ok(());
        }
        for workspace in [0, 1] {
            let hidden = self.ended_early(workspace);
            if hidden.is_empty() {
                continue;
            }
            let shown = self.outputs.diagnostics().len();
            self.apply(&plain(workspace), false).await?;
            let shown = self.outputs.diagnostics()[shown..].join("\n");
            let known = self.known();
            let refused = |name: &&String| self.place_of(name).is_some() && !known.contains(*name);
            for name in hidden.iter().filter(refused) {
                let explained = shown.contains("no longer listed") && shown.contains("adopt_existing");
                ensure!(explained, "nothing explains what holds the name {name:?}");
            }
        }
        Ok(())
    }

    /// The expired service accounts of a workspace that are not expired by its state.
    fn ended_early(&self, workspace: usize) -> Vec<String> {
        let now = self.now();
        let there = self.sandbox.service_accounts();
        let has_ended = |name: &String| {
            let account = there.iter().find(|account| account.name == *name);
            account.is_some_and(|account| !account.token.is_live(now))
        };
        let state = self.workspaces[workspace].terraform.state().into_iter();
        let lasting = state.filter(|(address, object)| {
            let mut held = stored_values(&self.vault.server, address, object).into_iter();
            held.any(|held| held.ends.is_none_or(|end| end > now))
        });
        let names = lasting.flat_map(|(address, object)| accounts_of(&address, &object));
        names.filter(has_ended).collect()
    }

    /// Settles service accounts that are in no state: those of other users, and orphans of a run that was killed between a
    /// creation and the state, or whose creation took effect after the client had stopped waiting. The next run reports
    /// them and changes nothing; then the operator acts.
    async fn clear_up(&mut self, platform: &Options) -> anyhow::Result<()> {
        let known = self.known();
        let audit = self.sandbox.audit();
        for (name, id) in self.strangers.iter().filter(|(name, _)| !known.contains(*name)) {
            // An expired one may have been deleted by the platform.
            let touched = audit.iter().any(|entry| entry.actor == OWN && entry.token_id == *id);
            let replaced = self.token_id(name).is_some_and(|now| Some(now) != *id);
            ensure!(
                id.is_none() || !(touched || replaced),
                "{name:?} of another user was touched"
            );
        }
        for account in self.sandbox.service_accounts() {
            let name = account.name;
            if known.contains(&name) || name == OWN {
                continue;
            }
            let is_live = account.token.is_live(self.now());
            let is_hidden = !is_live && platform.expired == Expired::Hidden;
            if !self.strangers.contains_key(&name) {
                // Only a listed account shows that a gateway answered a revocation.
                Promise::NoOrphan.require(is_hidden || self.may_be_left_behind(&name), || {
                    format!("{name:?} was created and not recorded")
                })?;
                self.report.borrow_mut().orphans += 1;
            }
            if RELAYS.contains(&name.as_str()) && self.workspaces[0].declared.pair.is_some() {
                if is_live {
                    self.take_over_pair().await?;
                } else if !self.has_pair() {
                    self.delete_outside(&name)?;
                }
                continue;
            }
            // An account that is about to expire is not adopted.
            let soon = self.now() + SignedDuration::from_hours(1);
            let lasts = is_live && account.token.expires_at.is_none_or(|end| soon < end);
            match self.place_of(&name) {
                // An address with another object is no target of an import.
                Some((workspace, place)) if lasts && !self.is_occupied(workspace, place) => {
                    self.take_over(workspace, place, &name, account.description.as_deref())
                        .await?;
                }
                // An unlisted account is recreated, whatever its description.
                Some((workspace, place)) if is_hidden && account.token.id % 2 == 0 => {
                    self.adopt(workspace, place)?;
                }
                _ => self.delete_outside(&name)?,
            }
        }
        Ok(())
    }

    fn adopt(&mut self, workspace: usize, place: usize) -> anyhow::Result<()> {
        let token = self.workspaces[workspace].declared.places[place].as_mut();
        token.context("it is declared")?.adopt = true;
        Ok(())
    }

    fn delete_outside(&self, name: &str) -> anyhow::Result<()> {
        let deleted = self.sandbox.delete_outside(name);
        deleted.map_err(|refusal| anyhow::anyhow!("{refusal}"))
    }

    /// Whether the state has something at the address of this place.
    fn is_occupied(&self, workspace: usize, place: usize) -> bool {
        self.workspaces[workspace]
            .terraform
            .state()
            .contains_key(&address(place))
    }

    pub(super) fn has_pair(&self) -> bool {
        self.workspaces[0].terraform.state().contains_key(PAIR)
    }

    /// Whether the run that created a service account was killed, or stopped waiting before the creation or a later rotation
    /// took effect: a token other than the one to be revoked belongs to another user.
    fn may_be_left_behind(&self, name: &str) -> bool {
        use AuditAction::{CreateServiceAccount, RotateServiceAccount};
        let audit = self.sandbox.audit();
        let makes = |action| matches!(action, CreateServiceAccount | RotateServiceAccount);
        let made = audit.iter().rfind(|entry| makes(entry.action) && entry.target == name);
        let Some(made): Option<Timestamp> = made.map(|entry| entry.at) else {
            return false;
        };
        self.sent.borrow().iter().any(|(line, killed)| {
            let makings = line.makings();
            let mut of_it = makings.iter().filter(|making| making.name == name);
            of_it.any(|making| {
                let too_late = making.given_up.get().is_some_and(|given_up| *given_up < made);
                too_late || (*killed && making.creates)
            })
        })
    }

    /// The address that declares a name.
    fn place_of(&self, name: &str) -> Option<(usize, usize)> {
        let mut all = (0..2).flat_map(|workspace| (0..PLACES).map(move |place| (workspace, place)));
        all.find(|&(workspace, place)| {
            let token = &self.workspaces[workspace].declared.places[place];
            token.as_ref().is_some_and(|token| token.name == name)
        })
    }

    async fn take_over(
        &mut self,
        workspace: usize,
        place: usize,
        name: &str,
        description: Option<&str>,
    ) -> anyhow::Result<()> {
        let token = self.workspaces[workspace].declared.places[place]
            .as_mut()
            .context("it is declared")?;
        // Adoption takes it as it is, description included.
        let adoptable = token.description == description;
        if adoptable && token.adopt {
            return Ok(());
        }
        token.adopt = false;
        let before = self.token_id(name);
        self.is_explained(workspace, name, "adopt_existing").await?;
        ensure!(
            self.token_id(name) == before,
            "{name:?} was touched without being asked"
        );
        if before.is_some_and(|id| id % 2 == 0) && adoptable {
            return self.adopt(workspace, place);
        }
        // The first declaration of an imported token describes it; a later change rotates it.
        let token = self.workspaces[workspace].declared.places[place].as_mut();
        token.context("it is declared")?.trigger = Some(100);
        self.import(workspace, &address(place), name).await?;
        self.apply(&plain(workspace), false).await?;
        let token = self.workspaces[workspace].declared.places[place].as_mut();
        token.context("it is declared")?.trigger = Some(101);
        Ok(())
    }

    /// Adopts the pair, if one of its service accounts exists.
    async fn take_over_pair(&mut self) -> anyhow::Result<()> {
        if self.has_pair() {
            // The next rotation takes it over.
            return Ok(());
        }
        self.is_explained(0, RELAY, "import").await?;
        self.pair()?.trigger = Some(100);
        self.import(0, PAIR, RELAY).await?;
        self.apply(&plain(0), false).await?;
        self.pair()?.trigger = Some(101);
        Ok(())
    }

    fn pair(&mut self) -> anyhow::Result<&mut super::declared::Pair> {
        self.workspaces[0].declared.pair.as_mut().context("it is declared")
    }

    /// Asserts that a run reports an existing service account and the solutions.
    async fn is_explained(&self, workspace: usize, name: &str, advice: &str) -> anyhow::Result<()> {
        let shown = self.outputs.diagnostics().len();
        let ended = self.apply(&plain(workspace), false).await?;
        ensure!(ended == Some(RunOutcome::Failed), "{name:?} was taken without a word");
        let explained = self.outputs.diagnostics()[shown..].iter().any(|shown| {
            let named = shown.contains(&format!("{name:?} exists")) || shown.contains(&format!("{name}-"));
            shown.starts_with("error") && named && shown.contains("exists") && shown.contains(advice)
        });
        ensure!(explained, "nothing explains that {name:?} is there already");
        Ok(())
    }

    async fn import(&self, workspace: usize, address: &str, id: &str) -> anyhow::Result<()> {
        self.sign_in()?;
        let line = self.network.line(workspace, None);
        let terraform = &self.workspaces[workspace].terraform;
        ensure!(terraform.import(&line, address, id).await?, "{id:?} cannot be imported");
        Ok(())
    }
}
