//! Striim Cloud's tokens: `cargo demo`.

use anyhow::{Result, ensure};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use token_providers::sandbox::striim::{Options, Role, Sandbox};

use crate::stage::{Scene, Stage, say, show, step};
use crate::vault::Vault;

pub(crate) async fn run() -> Result<()> {
    let demo = Demo::prepare().await?;
    demo.create().await?;
    demo.plan_again().await?;
    demo.rotate().await?;
    demo.disable_and_enable_pats().await?;
    demo.hand_over().await?;
    let encrypted = demo.encrypt().await?;
    demo.revoke(&encrypted).await?;
    demo.print_next_steps();
    Ok(())
}

/// The file with the age recipients of the configuration.
const RECIPIENTS: &str = "age.auto.tfvars";

/// The sandboxed account, and the configuration that manages it.
struct Demo {
    sandbox: Sandbox,
    stage: Stage,
}

impl Demo {
    async fn prepare() -> Result<Self> {
        let sandbox = Sandbox::new(Options::default());
        let scene = Scene {
            name: "striim",
            opening: "Programs call Striim Cloud with API tokens.",
            configuration: include_str!("striim.tf"),
            base_url: "STRIIM_BASE_URL",
            credential: ("STRIIM_TOKEN", sandbox.admin_token()),
        };
        let stage = Stage::set(scene, &sandbox).await?;
        Ok(Self { sandbox, stage })
    }

    async fn create(&self) -> Result<()> {
        step(1, "terraform apply creates a token for CI").await?;
        self.set(90, true)?;
        let run = self.stage.workspace.apply().await?.success()?;
        show(&run, "Apply complete!");
        let status = self.status_with(&self.token().await?).await?;
        ensure!(status == StatusCode::OK, "the new token is rejected: {status}");
        say(&format!("An API call with the new token: {status}."));
        ensure!(!run.stdout.contains(&self.token().await?), "the value was printed");
        say("The value was not printed, because it is sensitive.");
        Ok(())
    }

    async fn plan_again(&self) -> Result<()> {
        step(2, "terraform plan, with the same configuration, finds nothing to do").await?;
        let run = self.stage.workspace.plan().await?.success()?;
        ensure!(run.code == Some(0), "{run}");
        show(&run, "No changes.");
        Ok(())
    }

    async fn rotate(&self) -> Result<()> {
        step(3, "a new expires_at rotates the token in place").await?;
        let old = self.token().await?;
        self.set(180, true)?;
        let run = self.stage.workspace.apply().await?.success()?;
        show(&run, "~ expires_at");
        show(&run, "~ generation");
        show(&run, "Apply complete!");
        let (old, new) = (
            self.status_with(&old).await?,
            self.status_with(&self.token().await?).await?,
        );
        ensure!(
            old == StatusCode::UNAUTHORIZED,
            "the old token is still accepted: {old}"
        );
        ensure!(new == StatusCode::OK, "the new token is rejected: {new}");
        say(&format!(
            "An API call with the old token: {old}. With the new one: {new}."
        ));
        Ok(())
    }

    async fn disable_and_enable_pats(&self) -> Result<()> {
        step(
            4,
            "users' personal access tokens (PATs) are disabled, and enabled again",
        )
        .await?;
        let user = "dana@acme.example";
        self.sandbox.add_user(user, Role::Regular);
        let pat = self.sandbox.add_user_token(user, Some(in_days(30)))?;
        let before = self.get("user-token", pat.expose_secret()).await?.status();
        ensure!(before == StatusCode::OK, "the PAT is rejected: {before}");
        say(&format!("An API call with a user's PAT: {before}."));
        for (enabled, status) in [(false, "disabled"), (true, "enabled")] {
            self.set(180, enabled)?;
            let run = self.stage.workspace.apply().await?.success()?;
            show(&run, "~ enabled");
            let answer = self
                .get("user-token/status", self.sandbox.admin_token().expose_secret())
                .await?;
            let answer: serde_json::Value = serde_json::from_str(&answer.text().await?)?;
            ensure!(answer["enabled"] == enabled, "PATs are not {status}: {answer}");
            let after = self.get("user-token", pat.expose_secret()).await?.status();
            ensure!(after == StatusCode::UNAUTHORIZED, "the PAT is still accepted: {after}");
            say(&format!(
                "PATs are {status}: {answer}. The call with that PAT: {after}."
            ));
        }
        say("Enabling restores no PAT: each user creates a new one.");
        Ok(())
    }

    async fn hand_over(&self) -> Result<()> {
        step(5, "terraform output delivers the token to Vault").await?;
        let vault = Vault::open(self.stage.http.clone()).await?;
        let before = vault.version().await?;
        vault.put(&self.stage.workspace.output("ci_token").await?).await?;
        let version = vault.version().await?;
        ensure!(
            version == before + 1,
            "the secret's version went from {before} to {version}"
        );
        say("terraform output -raw ci_token | vault kv put -mount=secret striim/ci-pipeline token=-");
        say(&format!(
            "Here {} stored the token, as version {version} of the secret.",
            vault.name
        ));
        Ok(())
    }

    /// Encrypts the token's value, and returns the decrypted value.
    async fn encrypt(&self) -> Result<String> {
        step(6, "age_recipients encrypt the token, so that no state contains it").await?;
        let identity = age::x25519::Identity::generate();
        let recipients = format!("age_recipients = [\"{}\"]\n", identity.to_public());
        self.stage.workspace.write(RECIPIENTS, &recipients)?;
        let run = self.stage.workspace.apply().await?.success()?;
        show(&run, "+ encrypted_token");
        let encrypted = self.stage.workspace.output("ci_token_encrypted").await?;
        let token = String::from_utf8(age::decrypt(&identity, encrypted.as_bytes())?)?;
        let state = std::fs::read_to_string(self.stage.workspace.dir().join("terraform.tfstate"))?;
        ensure!(!state.contains(&token), "the state contains the value");
        say("The state has the value only encrypted.");
        let status = self.status_with(&token).await?;
        ensure!(status == StatusCode::OK, "the token is rejected: {status}");
        say("terraform output -raw ci_token_encrypted | age --decrypt --identity key.txt");
        say(&format!(
            "Here the age library decrypted it. An API call with the result: {status}."
        ));
        Ok(token)
    }

    async fn revoke(&self, token: &str) -> Result<()> {
        step(7, "terraform destroy revokes the token").await?;
        let run = self.stage.workspace.destroy().await?.success()?;
        show(&run, "Destroy complete!");
        // Its identity is lost at the end of the demo.
        std::fs::remove_file(self.stage.workspace.dir().join(RECIPIENTS))?;
        let status = self.status_with(token).await?;
        ensure!(
            status == StatusCode::UNAUTHORIZED,
            "the token is still accepted: {status}"
        );
        say(&format!("An API call with the token: {status}."));
        Ok(())
    }

    fn print_next_steps(&self) {
        println!("\nTo continue, start a permanent sandbox in another terminal:");
        say("cargo run --features sandbox --bin token-sandbox -- striim");
        println!("In a third one, paste the `export` line that it prints, then:");
        say(&format!("cd {}", self.stage.workspace.dir().display()));
        say("export TF_CLI_CONFIG_FILE=$PWD/terraform.tfrc");
        say(&format!("{} apply", self.stage.workspace.terraform().command_line()));
        println!("The steps above changed terraform.tfvars, and no other file.");
    }

    /// Sets the configuration's two variables.
    fn set(&self, days: i64, pats_enabled: bool) -> Result<()> {
        let expires_at = in_days(days).strftime("%Y-%m-%dT00:00:00Z");
        let variables = format!("expires_at   = \"{expires_at}\"\npats_enabled = {pats_enabled}\n");
        self.stage.workspace.write("terraform.tfvars", &variables)
    }

    /// The token's current value, which must not be printed.
    async fn token(&self) -> Result<String> {
        self.stage.workspace.output("ci_token").await
    }

    /// The status of an API call with this token.
    async fn status_with(&self, token: &str) -> Result<StatusCode> {
        Ok(self.get("service-accounts", token).await?.status())
    }

    async fn get(&self, path: &str, token: &str) -> Result<reqwest::Response> {
        Ok(self
            .stage
            .http
            .get(self.stage.url(path))
            .bearer_auth(token)
            .send()
            .await?)
    }
}

fn in_days(days: i64) -> Timestamp {
    Timestamp::now() + SignedDuration::from_hours(24 * days)
}
