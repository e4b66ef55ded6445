//! Quix's streaming tokens and personal access tokens: `cargo demo quix`.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use http::StatusCode;
use token_providers::sandbox::quix::{Options, Role, Sandbox};
use token_providers::sandbox::{Effect, Fault};

use crate::stage::{Scene, Stage, say, show, step};

const ENVIRONMENT: &str = "acme-shop";
const ROTATION: &str = "/workspaces/acme-shop/sdktokens/rotate";

pub(crate) async fn run() -> Result<()> {
    let demo = Demo::prepare().await?;
    let old = demo.read().await?;
    let token = demo.move_services().await?;
    demo.rotate(&old, &token).await?;
    demo.kill_a_run().await?;
    demo.rotate_outside().await?;
    demo.rotate_personal().await?;
    demo.forget().await
}

/// The sandboxed organisation, and the configuration that manages an environment's tokens.
struct Demo {
    sandbox: Sandbox,
    stage: Stage,
}

impl Demo {
    async fn prepare() -> Result<Self> {
        let sandbox = Sandbox::new(Options::default());
        sandbox.add_workspace(ENVIRONMENT);
        let scene = Scene {
            name: "quix",
            opening: "Services authenticate to Quix with the two streaming tokens of their environment.",
            configuration: include_str!("quix.tf"),
            base_url: "Quix__Portal__Api",
            credential: ("Quix__Sdk__Token", sandbox.add_user(Role::Admin)),
        };
        let stage = Stage::set(scene, &sandbox).await?;
        Ok(Self { sandbox, stage })
    }

    async fn read(&self) -> Result<String> {
        step(
            1,
            "terraform apply reads both tokens; it creates none, because they always exist",
        )
        .await?;
        self.set("2027-01-15", 1)?;
        let run = self.stage.workspace.apply().await?.success()?;
        show(&run, "Apply complete!");
        let token = self.services().await?;
        self.answers(&token, StatusCode::OK).await?;
        say("The services use token 1. An API call with it: 200 OK.");
        ensure!(!run.stdout.contains(&token), "the value was printed");
        Ok(token)
    }

    async fn move_services(&self) -> Result<String> {
        step(2, "before a rotation, the services switch to token 2").await?;
        self.set("2027-01-15", 2)?;
        let run = self.stage.workspace.apply().await?.success()?;
        show(&run, "Apply complete!");
        self.has_rotated(0)?;
        let token = self.services().await?;
        self.answers(&token, StatusCode::OK).await?;
        say("An API call with token 2: 200 OK. Nothing was rotated; both tokens are valid.");
        Ok(token)
    }

    async fn rotate(&self, old: &str, token: &str) -> Result<()> {
        step(3, "the rotation revokes token 1, and its answer is lost").await?;
        self.sandbox.fault(Fault::new(Effect::Cut).after().on("POST", ROTATION));
        self.set("2027-04-15", 1)?;
        let run = self.stage.workspace.plan().await?.success()?;
        show(&run, "Warning: Token 1 of");
        ensure!(!run.says("Changes to Outputs"), "{run}");
        say("The plan shows no change for the services: token 2 becomes token 1.");
        let run = self.stage.workspace.apply().await?.success()?;
        show(&run, "Apply complete!");
        self.has_rotated(1)?;
        ensure!(self.services().await? == token, "the services have another token");
        self.answers(old, StatusCode::UNAUTHORIZED).await?;
        self.answers(token, StatusCode::OK).await?;
        say("The previous token: 401 Unauthorized. The services' token: 200 OK. The tokens were rotated once.");
        Ok(())
    }

    async fn kill_a_run(&self) -> Result<()> {
        step(4, "a run is killed after it has rotated, before its state is written").await?;
        self.sandbox
            .fault(Fault::new(Effect::Hang).after().on("POST", ROTATION));
        self.set("2027-07-15", 1)?;
        let running = self.stage.workspace.start(&["apply", "-auto-approve", "-no-color"])?;
        let rotated = async {
            while self.sandbox.rotations(ENVIRONMENT) < 2 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), rotated)
            .await
            .context("it does not rotate")?;
        running.kill().await?;
        running.kill_provider().await?;
        running.end().await?;
        let run = self.stage.workspace.apply().await?.success()?;
        show(&run, "Warning: The streaming tokens");
        ensure!(run.says("have been rotated already"), "{run}");
        self.has_rotated(2)?;
        self.answers(&self.services().await?, StatusCode::OK).await?;
        say("The next run detects the rotation, and revokes no second token.");
        Ok(())
    }

    async fn rotate_outside(&self) -> Result<()> {
        step(5, "a user rotates the tokens in the portal").await?;
        self.sandbox.rotate_outside(ENVIRONMENT);
        let run = self.stage.workspace.apply().await?.success()?;
        show(&run, "Warning: The streaming tokens");
        self.has_rotated(3)?;
        self.answers(&self.services().await?, StatusCode::OK).await?;
        say("The state is refreshed. An API call with the services' token: 200 OK.");
        Ok(())
    }

    async fn rotate_personal(&self) -> Result<()> {
        step(
            6,
            "a personal access token is rotated: the new one is created before the old one is deleted",
        )
        .await?;
        let old = self.stage.workspace.output("pipeline").await?;
        // The answer to the creation is lost. The provider deletes that token, and creates another.
        let lost = Fault::new(Effect::Cut).after().on("POST", "/profile/tokens");
        self.sandbox.fault(lost);
        self.set_all("2027-07-15", 1, "2")?;
        let run = self.stage.workspace.apply().await?.success()?;
        show(&run, "Warning: The personal access token");
        show(&run, "Apply complete!");
        let new = self.stage.workspace.output("pipeline").await?;
        self.answers(&old, StatusCode::UNAUTHORIZED).await?;
        self.answers(&new, StatusCode::OK).await?;
        let tokens = self.sandbox.personal_access_tokens(&new.into()).len();
        ensure!(
            tokens == 2,
            "the user has {tokens} tokens, and not the provider's own and one more"
        );
        say("The old token: 401 Unauthorized. The new one: 200 OK. The lost answer has left no orphan.");
        Ok(())
    }

    async fn forget(&self) -> Result<()> {
        step(
            7,
            "terraform destroy revokes the personal access token, and no streaming token",
        )
        .await?;
        let token = self.services().await?;
        let run = self.stage.workspace.destroy().await?.success()?;
        show(&run, "Destroy complete!");
        self.answers(&token, StatusCode::OK).await?;
        say("An API call with the services' token: 200 OK.");
        Ok(())
    }

    /// Sets the variables of the streaming tokens.
    fn set(&self, rotated: &str, slot: u8) -> Result<()> {
        self.set_all(rotated, slot, "1")
    }

    /// Sets all variables of the configuration.
    fn set_all(&self, rotated: &str, slot: u8, release: &str) -> Result<()> {
        let variables = format!("rotated = \"{rotated}\"\nslot    = {slot}\nrelease = \"{release}\"\n");
        self.stage.workspace.write("terraform.tfvars", &variables)
    }

    /// The services' token, which must not be printed.
    async fn services(&self) -> Result<String> {
        self.stage.workspace.output("services").await
    }

    /// Checks the status of an API call with this token.
    async fn answers(&self, token: &str, expected: StatusCode) -> Result<()> {
        let request = self.stage.http.get(self.stage.url("workspaces"));
        let request = request.bearer_auth(token).header("x-version", "2.0");
        let status = request.send().await?.status();
        ensure!(status == expected, "an API call: {status}, and not {expected}");
        Ok(())
    }

    fn has_rotated(&self, times: usize) -> Result<()> {
        let rotations = self.sandbox.rotations(ENVIRONMENT);
        ensure!(
            rotations == times,
            "it was rotated {rotations} times, and not {times} times"
        );
        Ok(())
    }
}
