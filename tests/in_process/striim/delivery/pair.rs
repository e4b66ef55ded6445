//! Delivery of a pair's values: the latest version of the secret has the current value, the version before the previous
//! one, and at every instant a delivered value is valid.

use serde_json::json;
use token_providers::framework::Severity;
use token_providers::sandbox::{Effect, Fault};

use super::*;

pub(super) const PAIR: &str = "striim_service_account_token_pair";
const CREATE: &str = "/service-account";

/// A pair with this trigger and this destination.
pub(super) fn pair(release: i64, vault: Json) -> Json {
    json!({
        "name": "ci",
        "expires_in": "90d",
        "rotation_triggers": { "release": release.to_string() },
        "vault": vault,
    })
}

fn delivered(release: i64) -> Json {
    pair(release, destination("striim/ci"))
}

async fn created() -> Setup {
    let mut setup = Setup::of(PAIR);
    setup.apply(&delivered(1)).await.succeeds();
    setup
}

/// A pair that was rotated once, so that both accounts exist.
async fn rotated() -> Setup {
    let mut setup = created().await;
    setup.apply(&delivered(2)).await.succeeds();
    setup
}

impl Setup {
    fn slot(&self, slot: &str, attribute: &str) -> Json {
        self.attribute(slot)[attribute].clone()
    }

    /// The value in a version of a secret.
    fn version_value(&self, path: &str, version: &Json) -> Option<String> {
        let secret = self.vault.secret_version("secret", path, version.as_u64()?)?;
        secret["token"].as_str().map(str::to_owned)
    }

    /// The value of an account, as a reader of the secret receives it.
    fn value_of(&self, slot: &str) -> Option<String> {
        self.version_value("striim/ci", &self.slot(slot, "vault_version"))
    }

    /// Asserts that nothing is left to do: the latest version has the current value, the state's version has the
    /// previous one, both are valid, and the state has neither.
    pub(super) async fn assert_pair_settled(&mut self, config: &Json) {
        self.apply(config).await.changes_nothing();
        let current = self.value_of("current").expect("Vault has the current value");
        assert_eq!(self.delivered_value().as_ref(), Some(&current));
        assert!(self.sandbox.is_live(&current), "the current value is valid");
        let secret = self.vault.secret("secret", "striim/ci").unwrap();
        assert_eq!(secret["name"], self.slot("current", "name"));
        assert_eq!(secret["token_id"], self.slot("current", "token_id"));
        assert_eq!(secret["generation"], self.attribute("generation"));
        if let Some(previous) = self.value_of("previous") {
            assert!(self.sandbox.is_live(&previous), "the previous value is valid");
        }
        for slot in ["current", "previous"] {
            assert!(self.slot(slot, "token").is_null());
        }
        self.assert_no_leaks();
    }

    fn owned_accounts(&self) -> usize {
        self.sandbox.service_accounts().len() - 1
    }
}

#[tokio::test(start_paused = true)]
async fn rotation_delivers_new_value_and_keeps_previous_version_valid() {
    let mut setup = created().await;
    setup.assert_pair_settled(&delivered(1)).await;
    let first = setup.value_of("current").unwrap();
    assert!(setup.slot("previous", "vault_version").is_null());

    for release in 2..=4 {
        let before = setup.value_of("current").unwrap();
        let run = setup.apply(&delivered(release)).await;
        run.rotates_because("rotation_triggers.release changed");
        setup.assert_pair_settled(&delivered(release)).await;
        assert_eq!(setup.slot("current", "vault_version"), release);
        assert_eq!(setup.slot("previous", "vault_version"), release - 1);
        assert_eq!(setup.value_of("previous").as_ref(), Some(&before));
    }
    assert!(!setup.sandbox.is_live(&first));
    assert_eq!(setup.owned_accounts(), 2);

    setup.destroy().await.succeeds();
    assert_eq!((setup.delivered_value(), setup.owned_accounts()), (None, 0));
}

#[tokio::test(start_paused = true)]
async fn unwritable_secret_is_rejected_before_a_value_is_issued() {
    type Break = fn(&mut Setup);
    let cases: [(Break, &str); 3] = [
        (|setup| setup.vault.seal(), "Vault is sealed"),
        (|setup| setup.vault.unmount("secret"), "No KV version 2 is mounted"),
        (
            |setup| setup.put_foreign_secret(),
            "`name` (\"ci-a\" or \"ci-b\") next to a value",
        ),
    ];
    for (break_it, phrase) in cases {
        for rotation in [false, true] {
            let mut setup = match rotation {
                true => rotated().await,
                false => Setup::of(PAIR),
            };
            let issued = setup.sandbox.issued_values().len();
            break_it(&mut setup);
            setup.apply(&delivered(3)).await.fails(phrase);
            assert_eq!(setup.sandbox.issued_values().len(), issued, "{phrase}");
            setup.assert_no_leaks();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn failed_delivery_is_followed_by_rotation_of_the_same_account() {
    for rotations in 1..=3 {
        let mut setup = created().await;
        for release in 2..=rotations {
            setup.apply(&delivered(release)).await.succeeds();
        }
        let works = setup.delivered_value().unwrap();
        let config = delivered(9);
        setup.vault.fault(Fault::answer(403).on("POST", DATA).times(u32::MAX));
        for _ in 0..2 {
            setup.apply(&config).await.fails("could not be delivered to Vault");
            assert_eq!(setup.slot("current", "vault_version"), 0);
            assert_eq!(setup.value_of("previous").as_ref(), Some(&works));
            assert!(setup.sandbox.is_live(&works), "the delivered value is valid");
        }
        let lost = setup.slot("current", "name");
        setup.vault.clear_faults();
        let run = setup.apply(&config).await;
        run.rotates_because("its value did not reach Vault (\"secret/striim/ci\", field \"token\") and is lost");
        assert_eq!(setup.slot("current", "name"), lost);
        assert!(setup.sandbox.is_live(&works));
        setup.assert_pair_settled(&config).await;
    }
}

#[tokio::test(start_paused = true)]
async fn failed_first_delivery_is_followed_by_replacement() {
    let mut setup = Setup::of(PAIR);
    setup.vault.fault(Fault::answer(403).on("POST", DATA).times(u32::MAX));
    setup
        .apply(&delivered(1))
        .await
        .fails("could not be delivered to Vault");
    assert!(setup.resource.object().unwrap().is_tainted);
    setup.vault.clear_faults();
    setup.apply(&delivered(1)).await.succeeds();
    setup.assert_pair_settled(&delivered(1)).await;
    assert_eq!(setup.owned_accounts(), 1);
}

#[tokio::test(start_paused = true)]
async fn apply_killed_before_delivery_is_followed_by_rotation_of_the_same_account() {
    for rotated_before in [false, true] {
        let mut setup = match rotated_before {
            true => rotated().await,
            false => created().await,
        };
        let works = setup.delivered_value().unwrap();
        let other = ["ci-a", "ci-b"].map(String::from);
        let other = other.into_iter().find(|name| setup.slot("current", "name") != *name);
        setup.vault.fault(Fault::new(Effect::Hang).on("POST", DATA));
        setup.kill_apply(&delivered(3)).await;
        assert!(setup.sandbox.is_live(&works));

        setup.apply(&delivered(3)).await.succeeds();
        assert_eq!(setup.slot("current", "name").as_str(), other.as_deref());
        assert_eq!(setup.value_of("previous").as_ref(), Some(&works));
        assert!(setup.sandbox.is_live(&works));
        setup.assert_pair_settled(&delivered(3)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn apply_killed_after_delivery_is_recognised_by_next_run() {
    for rotated_before in [false, true] {
        let mut setup = match rotated_before {
            true => rotated().await,
            false => created().await,
        };
        let release = if rotated_before { 2 } else { 1 };
        let (generation, before) = (setup.generation(), setup.delivered_value().unwrap());
        setup.vault.fault(Fault::new(Effect::Hang).after().on("POST", DATA));
        setup.kill_apply(&delivered(3)).await;
        let value = setup.delivered_value().unwrap();
        assert!(setup.sandbox.is_live(&value) && setup.sandbox.is_live(&before));

        // The configuration from before, so that nothing else causes a rotation.
        let run = setup.apply(&delivered(release)).await.succeeds();
        assert!(!run.reports(Severity::Warning, "rotated"), "{:?}", run.diagnostics);
        setup.assert_pair_settled(&delivered(release)).await;
        assert_eq!(setup.value_of("current"), Some(value));
        assert_eq!(setup.value_of("previous"), Some(before));
        assert_eq!(setup.generation(), generation + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn changes_outside_terraform_rotate_without_revoking_the_only_valid_value() {
    type Change = fn(&Setup);
    // What happens, and the account that is rotated: the one that lost its value, or the older one.
    let cases: [(&str, Change, &str, &str); 5] = [
        (
            "secret deleted",
            |setup| setup.vault.delete("secret", "striim/ci"),
            "no longer has its current value",
            "ci-a",
        ),
        (
            "metadata deleted",
            |setup| setup.vault.delete_metadata("secret", "striim/ci"),
            "no longer has its current value",
            "ci-a",
        ),
        (
            "current rotated",
            |setup| drop(setup.sandbox.rotate_outside("ci-b").unwrap()),
            "its value did not reach Vault",
            "ci-b",
        ),
        (
            "current deleted",
            |setup| setup.sandbox.delete_outside("ci-b").unwrap(),
            "deleted outside Terraform",
            "ci-b",
        ),
        (
            "current rotated, secret deleted",
            |setup| {
                setup.sandbox.rotate_outside("ci-b").unwrap();
                setup.vault.delete_metadata("secret", "striim/ci");
            },
            "its value did not reach Vault",
            "ci-b",
        ),
    ];
    for (case, change, reason, rotated_account) in cases {
        let mut setup = rotated().await;
        change(&setup);
        setup.apply(&delivered(2)).await.rotates_because(reason);
        assert_eq!(setup.slot("current", "name"), rotated_account, "{case}");
        setup.assert_pair_settled(&delivered(2)).await;
        assert_eq!(setup.owned_accounts(), 2, "{case}");
    }

    // A change of the previous account is no reason.
    let mut setup = rotated().await;
    setup.sandbox.rotate_outside("ci-a").unwrap();
    let run = setup.apply(&delivered(2)).await.succeeds();
    run.warns("\"ci-a\" was rotated outside Terraform");
    assert_eq!(setup.slot("previous", "vault_version"), 0);
    setup.assert_pair_settled(&delivered(2)).await;
}

#[tokio::test(start_paused = true)]
async fn version_of_previous_value_is_null_once_vault_lacks_it() {
    let mut setup = rotated().await;
    let secret = setup.vault.secret("secret", "striim/ci").unwrap();
    setup.vault.delete_metadata("secret", "striim/ci");
    setup.vault.put("secret", "striim/ci", secret);
    setup.apply(&delivered(2)).await.succeeds();
    assert_eq!(setup.slot("current", "vault_version"), 1);
    assert!(setup.slot("previous", "vault_version").is_null());
    setup.assert_pair_settled(&delivered(2)).await;
}

#[tokio::test(start_paused = true)]
async fn values_from_the_state_are_delivered_when_vault_is_declared() {
    let mut setup = Setup::of(PAIR);
    for release in 1..=2 {
        setup.apply(&pair(release, Json::Null)).await.succeeds();
    }
    let kept = setup.slot("current", "token").as_str().unwrap().to_owned();
    let revoked = setup.slot("previous", "token").as_str().unwrap().to_owned();
    setup.recorded.clear();
    let run = setup.apply(&delivered(2)).await;
    run.rotates_because("its value moves from the state to Vault");
    // The plan's prior state had both values.
    setup.recorded.clear();
    assert!(setup.sandbox.is_live(&kept) && !setup.sandbox.is_live(&revoked));
    assert_eq!(setup.value_of("previous"), Some(kept));
    assert_eq!(setup.slot("current", "vault_version"), 2);
    setup.assert_pair_settled(&delivered(2)).await;
}

#[tokio::test(start_paused = true)]
async fn moved_secret_keeps_previous_value_until_next_rotation() {
    let mut setup = rotated().await;
    let before = setup.delivered_value().unwrap();
    let moved = |release| pair(release, destination("striim/other"));
    let run = setup.apply(&moved(2)).await;
    run.rotates_because("\"secret/striim/other\"")
        .warns("It stays where it is stored now until the next rotation revokes it");
    assert_eq!(setup.delivered_value().as_ref(), Some(&before));
    assert!(setup.sandbox.is_live(&before));
    let value = setup.secret_field("striim/other", "token").unwrap();
    assert!(setup.sandbox.is_live(&value));
    assert!(setup.slot("previous", "vault_version").is_null());
    setup.apply(&moved(2)).await.changes_nothing();

    // The current value is lost: the account with the value in the former secret is not rotated.
    setup
        .sandbox
        .rotate_outside(setup.slot("current", "name").as_str().unwrap())
        .unwrap();
    setup.apply(&moved(2)).await.succeeds();
    assert!(setup.sandbox.is_live(&before));

    setup.apply(&moved(3)).await.succeeds();
    assert!(!setup.sandbox.is_live(&before));
    assert_eq!(setup.delivered_value(), None, "the revoked value is deleted");
    assert!(setup.slot("previous", "vault_version").is_i64());
    setup.apply(&moved(3)).await.changes_nothing();

    setup.apply(&pair(3, Json::Null)).await.rotates_because("to the state");
    let (current, other) = (
        setup.slot("current", "token"),
        setup.secret_field("striim/other", "token"),
    );
    assert!(setup.sandbox.is_live(current.as_str().unwrap()));
    assert!(setup.sandbox.is_live(&other.unwrap()));
    setup.destroy().await.succeeds();
    assert_eq!(setup.secret_field("striim/other", "token"), None);
    assert_eq!(setup.owned_accounts(), 0);
}

#[tokio::test(start_paused = true)]
async fn concurrent_write_is_kept_and_the_former_value_remains_valid() {
    let mut setup = rotated().await;
    let works = setup.delivered_value().unwrap();
    setup
        .sandbox
        .fault(Fault::new(Effect::Delay(jiff::SignedDuration::from_secs(3))).on("POST", ROTATE));
    let (vault, theirs) = (setup.vault.clone(), json!({"password": "theirs"}));
    let meanwhile = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        vault.put("secret", "striim/ci", theirs.as_object().unwrap().clone());
    };
    let config = delivered(3);
    let (run, ()) = tokio::join!(setup.apply(&config), meanwhile);
    run.fails("Another client wrote the secret \"secret/striim/ci\" at the same time");
    assert!(setup.sandbox.is_live(&works));
    setup.apply(&config).await.fails("belongs to another token or program");
    setup.vault.delete("secret", "striim/ci");
    setup.apply(&config).await.rotates_because("did not reach");
    assert!(setup.sandbox.is_live(&works));
    setup.assert_pair_settled(&config).await;
}

#[tokio::test(start_paused = true)]
async fn orphan_of_killed_rotation_is_rotated_and_delivered() {
    let mut setup = created().await;
    setup.sandbox.fault(Fault::new(Effect::Hang).after().on("POST", CREATE));
    setup.kill_apply(&delivered(2)).await;
    assert_eq!(setup.owned_accounts(), 2);
    let run = setup.apply(&delivered(1)).await.succeeds();
    run.warns("has a service account that the state did not know");
    assert_eq!(setup.slot("previous", "vault_version"), 0);
    setup.apply(&delivered(2)).await.succeeds();
    setup.assert_pair_settled(&delivered(2)).await;
    assert_eq!(setup.owned_accounts(), 2);
}

#[tokio::test(start_paused = true)]
async fn destroy_after_failed_delivery_deletes_the_remaining_version() {
    let mut setup = rotated().await;
    setup.vault.fault(Fault::answer(403).on("POST", DATA));
    setup.apply(&delivered(3)).await.fails("could not be delivered");
    setup.destroy().await.succeeds();
    assert_eq!((setup.delivered_value(), setup.owned_accounts()), (None, 0));
}
