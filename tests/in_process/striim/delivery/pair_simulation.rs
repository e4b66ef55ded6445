//! Random faults, changes outside Terraform and killed runs of a pair.

use age::x25519::Identity;
use token_providers::framework::Severity;

use super::pair::{PAIR, pair};
use super::*;

/// Injects a fault or a change outside Terraform before the next run.
fn disturb(setup: &Setup, random: &mut fastrand::Rng) {
    let (vault, sandbox) = (&setup.vault, &setup.sandbox);
    let fault = any_fault(random);
    match random.u8(..10) {
        0 | 1 => vault.fault(fault.on("POST", DATA)),
        2 => vault.fault(fault.on("GET", DATA)),
        3 => vault.fault(fault.on("POST", "/sys/capabilities-self")),
        4 => sandbox.fault(fault.on("POST", ROTATE)),
        5 => sandbox.fault(fault.on("POST", "/service-account")),
        6 => vault.seal(),
        7 => vault.delete("secret", "striim/ci"),
        8 => vault.delete_metadata("secret", "striim/ci"),
        _ => drop(sandbox.rotate_outside(["ci-a", "ci-b"][random.usize(..2)])),
    }
}

/// The values that can be read where the state says that they are stored.
fn readable(setup: &Setup, identity: &Identity) -> Vec<String> {
    let Some(object) = setup.resource.object() else {
        return Vec::new();
    };
    let state: Json = serde_json::from_str(&object.to_json()).unwrap();
    let mut values = Vec::new();
    for slot in ["current", "previous"] {
        let account = &state[slot];
        let version = account["vault_version"].as_u64().filter(|version| *version > 0);
        let secret = version.and_then(|version| setup.vault.secret_version("secret", "striim/ci", version));
        values.extend(secret.and_then(|secret| secret["token"].as_str().map(str::to_owned)));
        let encrypted = account["encrypted_token"].as_str();
        let decrypted = encrypted.and_then(|text| age::decrypt(identity, text.as_bytes()).ok());
        values.extend(decrypted.map(|value| String::from_utf8(value).unwrap()));
    }
    values
}

/// Whatever happened, and wherever runs were killed: no run revokes the last valid value that was delivered, and a few
/// runs later all is as declared.
#[tokio::test(start_paused = true)]
async fn a_delivered_value_is_valid_during_random_faults_and_kills() {
    for seed in 0..100 {
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let identity = Identity::generate();
        let encrypted = random.bool();
        let config = |release| {
            let mut config = pair(release, destination("striim/ci"));
            if encrypted {
                config["age_recipients"] = json!([identity.to_public().to_string()]);
            }
            config
        };
        let mut setup = Setup::of(PAIR);
        setup.sandbox.set_options(|options| options.rate_limits = None);
        let mut release = 0;
        let mut delivered = Vec::new();
        for _ in 0..random.usize(1..8) {
            if random.u8(..3) > 0 {
                disturb(&setup, &mut random);
            }
            release += i64::from(random.u8(..2));
            // Terraform replaces a tainted pair, which revokes both values.
            let is_kept = setup.resource.object().is_some_and(|object| !object.is_tainted);
            let had_valid = is_kept && delivered.iter().any(|value: &String| setup.sandbox.is_live(value));
            // Killed somewhere on its way, or not at all.
            let limit = Duration::from_secs([2, 7, 40, 10_000][random.usize(..4)]);
            let run = setup.apply_within(limit, Some(&config(release))).await;
            delivered.extend(readable(&setup, &identity));
            let has_valid = delivered.iter().any(|value| setup.sandbox.is_live(value));
            assert!(has_valid || !had_valid, "seed {seed}: the last valid value was revoked");
            if let Some(run) = run
                && !run.has_errors()
                && !run.reports(Severity::Warning, "could not be refreshed from Vault")
            {
                let value = setup.delivered_value().expect("Vault has what the state says");
                assert!(setup.sandbox.is_live(&value), "seed {seed}");
            }
            setup.vault.unseal();
        }
        setup.vault.clear_faults();
        setup.sandbox.clear_faults();
        let config = config(release);
        for _ in 0..3 {
            let run = setup.apply(&config).await;
            // A run that was killed while it created the first account left an orphan: its user deletes it.
            if run.has_errors() && setup.resource.object().is_none() {
                for name in ["ci-a", "ci-b"] {
                    drop(setup.sandbox.delete_outside(name));
                }
            }
        }
        setup.assert_pair_settled(&config).await;
        assert!(
            setup.sandbox.service_accounts().len() <= 3,
            "the provider's own, and the pair"
        );
    }
}
