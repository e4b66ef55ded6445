//! Random faults, changes outside Terraform and killed runs.

use token_providers::framework::Severity;

use super::*;

/// Injects a fault or a change outside Terraform before the next run.
fn disturb(setup: &Setup, random: &mut fastrand::Rng) {
    let (vault, sandbox) = (&setup.vault, &setup.sandbox);
    let fault = any_fault(random);
    match random.u8(..10) {
        0 => vault.fault(fault.on("POST", DATA)),
        1 => vault.fault(fault.on("GET", DATA)),
        2 => vault.fault(fault.on("POST", "/sys/capabilities-self")),
        3 => vault.fault(fault.on("POST", "/secret/delete/striim/ci")),
        4 => sandbox.fault(fault.on("POST", ROTATE)),
        5 => sandbox.fault(fault.on("POST", "/service-account")),
        6 => vault.seal(),
        7 => vault.delete("secret", "striim/ci"),
        8 => vault.delete_metadata("secret", "striim/ci"),
        _ => drop(sandbox.rotate_outside("ci-pipeline")),
    }
}

/// Whatever happened to a token and its Vault, and wherever runs were killed: two runs later all is as declared.
#[tokio::test(start_paused = true)]
async fn delivered_value_is_current_after_random_faults_and_kills() {
    for seed in 0..100 {
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let mut setup = Setup::new();
        setup.sandbox.set_options(|options| options.rate_limits = None);
        let mut release = 0;
        for _ in 0..random.usize(1..6) {
            if random.u8(..3) > 0 {
                disturb(&setup, &mut random);
            }
            release += i64::from(random.u8(..2));
            let config = if random.u8(..6) == 0 {
                stored_in_state(release)
            } else {
                delivered(release)
            };
            let config = Some(&config).filter(|_| random.u8(..8) > 0);
            // Killed somewhere on its way, or not at all.
            let limit = Duration::from_secs([2, 7, 40, 10_000][random.usize(..4)]);
            if let Some(run) = setup.apply_within(limit, config).await
                && !run.has_errors()
                && !run.reports(Severity::Warning, "could not be refreshed from Vault")
                && setup.resource.object().is_some()
                && !setup.attribute("vault_version").is_null()
            {
                let value = setup.delivered_value().expect("Vault holds what the state says");
                assert!(setup.sandbox.is_live(&value), "seed {seed}");
            }
            setup.vault.unseal();
        }
        setup.vault.clear_faults();
        setup.sandbox.clear_faults();
        let config = delivered(release);
        for _ in 0..3 {
            let run = setup.apply(&config).await;
            // A run that was killed while it created the account left an orphan: its user deletes it.
            if run.reports(Severity::Error, "import") && setup.resource.object().is_none() {
                setup.sandbox.delete_outside("ci-pipeline").unwrap();
            }
        }
        setup.recorded.clear();
        setup.assert_settled(&config).await;
        assert_eq!(
            setup.sandbox.service_accounts().len(),
            2,
            "the provider's own, and this one"
        );
    }
}
