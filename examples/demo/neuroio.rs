//! NeuroIO's stream tokens: `cargo demo neuroio`.

use anyhow::{Result, ensure};
use http::{StatusCode, header};
use token_providers::sandbox::neuroio::{Options, Realm, Sandbox};
use token_providers::sandbox::{Effect, Fault};

use crate::stage::{Scene, Stage, say, show, step};

pub(crate) async fn run() -> Result<()> {
    let demo = Demo::prepare().await?;
    demo.create().await?;
    demo.switch().await?;
    demo.rotate().await?;
    demo.lose_an_answer().await?;
    demo.reach_the_limit().await?;
    demo.delete().await
}

/// The sandboxed account, and the configuration that manages it.
struct Demo {
    sandbox: Sandbox,
    stage: Stage,
}

impl Demo {
    async fn prepare() -> Result<Self> {
        let sandbox = Sandbox::new(Options::default());
        let scene = Scene {
            name: "neuroio",
            opening: "Applications authenticate to NeuroIO with stream tokens.",
            configuration: include_str!("neuroio.tf"),
            base_url: "NEUROIO_BASE_URL",
            credential: ("NEUROIO_API_TOKEN", sandbox.add_api_token(&Realm::Account)),
        };
        let stage = Stage::set(scene, &sandbox).await?;
        Ok(Self { sandbox, stage })
    }

    async fn create(&self) -> Result<()> {
        step(1, "terraform apply creates a token for a camera").await?;
        self.set(1, true, 1)?;
        let run = self.stage.workspace.apply().await?.success()?;
        show(&run, "Apply complete!");
        let (key, status) = self.call().await?;
        ensure!(status == StatusCode::OK, "the new token is rejected: {status}");
        say(&format!("An API call with the new token: {status}."));
        ensure!(!run.stdout.contains(&key), "the value was printed");
        let run = self.stage.workspace.plan().await?.success()?;
        ensure!(run.code == Some(0), "{run}");
        show(&run, "No changes.");
        Ok(())
    }

    async fn switch(&self) -> Result<()> {
        step(2, "is_active = false disables the token, true enables it again").await?;
        for (active, expected) in [(false, StatusCode::UNAUTHORIZED), (true, StatusCode::OK)] {
            self.set(1, active, 1)?;
            let run = self.stage.workspace.apply().await?.success()?;
            show(&run, "~ is_active");
            let (_, status) = self.call().await?;
            ensure!(status == expected, "an API call with the token: {status}");
            say(&format!("An API call with the same token: {status}."));
        }
        Ok(())
    }

    async fn rotate(&self) -> Result<()> {
        step(
            3,
            "another release: a new token is created, then the old one is deleted",
        )
        .await?;
        let (old, _) = self.call().await?;
        self.set(1, true, 2)?;
        let run = self.stage.workspace.apply().await?.success()?;
        show(&run, "Warning: The stream token");
        show(&run, "~ generation");
        show(&run, "Apply complete!");
        let (new, status) = self.call().await?;
        ensure!(status == StatusCode::OK, "the new token is rejected: {status}");
        let status = self.call_with(&old).await?;
        ensure!(
            new != old && status == StatusCode::UNAUTHORIZED,
            "an API call with the old token: {status}"
        );
        say(&format!(
            "An API call with the new token: 200 OK, with the old one: {status}."
        ));
        Ok(())
    }

    async fn lose_an_answer(&self) -> Result<()> {
        step(4, "a second camera, and the platform's answer is lost").await?;
        let lost = Fault::new(Effect::Cut).after().on("POST", "/streams/tokens/");
        self.sandbox.fault(lost);
        self.set(2, true, 2)?;
        let run = self.stage.workspace.apply().await?;
        ensure!(
            run.code == Some(1) && run.says("New stream tokens since the request"),
            "{run}"
        );
        say("The apply fails and names the token, because its creator cannot be proved. It is imported:");
        let tokens = self.sandbox.tokens(&Realm::Account);
        let id = tokens.last().map(|token| token.id.to_string()).unwrap_or_default();
        let camera = "neuroio_stream_token.camera[1]";
        self.stage.workspace.import(camera, &id).await?.success()?;
        let run = self.stage.workspace.apply().await?.success()?;
        show(&run, "Apply complete!");
        let there = self.sandbox.tokens(&Realm::Account).len();
        ensure!(there == 2, "there are {there} tokens");
        say("The platform and the state have two tokens: none is lost, none exists twice.");
        Ok(())
    }

    async fn reach_the_limit(&self) -> Result<()> {
        step(
            5,
            "six cameras are one more than the platform allows, and the plan warns",
        )
        .await?;
        self.set(6, true, 2)?;
        let run = self.stage.workspace.plan().await?.success()?;
        ensure!(run.says("This plan exceeds the limit of permanent tokens"), "{run}");
        show(&run, "Warning: This plan exceeds");
        let there = self.sandbox.tokens(&Realm::Account).len();
        ensure!(there == 2, "there are {there} tokens");
        say("Nothing was created.");
        self.set(2, true, 2)
    }

    async fn delete(&self) -> Result<()> {
        step(6, "terraform destroy deletes these tokens, and no other").await?;
        let other = self.sandbox.add_token(&Realm::Account, true);
        let run = self.stage.workspace.destroy().await?.success()?;
        show(&run, "Destroy complete!");
        let remaining = self.sandbox.tokens(&Realm::Account);
        ensure!(
            remaining.len() == 1 && remaining[0].id == other.id,
            "remaining: {remaining:?}"
        );
        say("A token that was created outside Terraform still exists.");
        Ok(())
    }

    /// Sets the configuration's variables.
    fn set(&self, cameras: usize, active: bool, release: u32) -> Result<()> {
        let variables = format!("cameras = {cameras}\nactive  = {active}\nrelease = {release}\n");
        self.stage.workspace.write("terraform.tfvars", &variables)
    }

    /// The first camera's token, which must not be printed, and the status of an API call with it.
    async fn call(&self) -> Result<(String, StatusCode)> {
        let key = self.stage.workspace.output("first").await?;
        let status = self.call_with(&key).await?;
        Ok((key, status))
    }

    /// The status of an API call with a token.
    async fn call_with(&self, key: &str) -> Result<StatusCode> {
        let request = self
            .stage
            .http
            .get(self.stage.url("streams/tokens/"))
            .header(header::AUTHORIZATION, format!("Token {key}"));
        Ok(request.send().await?.status())
    }
}
