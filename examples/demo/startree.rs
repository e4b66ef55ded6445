//! StarTree's service tokens and what they may do: `cargo demo startree`.

use anyhow::{Context as _, Result, ensure};
use http::StatusCode;
use token_providers::sandbox::startree::{Options, Sandbox, Subject};
use token_providers::sandbox::{Effect, Fault};

use crate::stage::{Scene, Stage, say, show, step};

const ASSIGN: &str = "/roles/srn2:role%23orders-reader/create-assignment";

pub(crate) async fn run() -> Result<()> {
    let demo = Demo::prepare().await?;
    demo.create().await?;
    demo.rotate().await?;
    demo.lose_an_answer().await?;
    demo.stand_in_the_way().await?;
    demo.revoke().await
}

/// The sandboxed environment, and the configuration that manages it.
struct Demo {
    sandbox: Sandbox,
    stage: Stage,
}

impl Demo {
    async fn prepare() -> Result<Self> {
        let sandbox = Sandbox::new(Options::default());
        let scene = Scene {
            name: "startree",
            opening: "Machines prove themselves to StarTree with service tokens, and roles say what they may do.",
            configuration: include_str!("startree.tf"),
            base_url: "STARTREE_BASE_URL",
            credential: ("STARTREE_TOKEN", sandbox.administrator().bearer()),
        };
        let stage = Stage::set(scene, &sandbox).await?;
        Ok(Self { sandbox, stage })
    }

    async fn create(&self) -> Result<()> {
        step(
            1,
            "terraform apply makes a policy, a role that has it, and a token that has the role",
        );
        self.release(1)?;
        let run = self.stage.workspace.apply().await?.success()?;
        show(&run, "Apply complete!");
        let token = self.token().await?;
        self.answers(&token, StatusCode::OK).await?;
        say("Pinot lets the new token in.");
        ensure!(!run.stdout.contains(&token), "the value was printed");
        let run = self.stage.workspace.plan().await?.success()?;
        ensure!(run.code == Some(0), "{run}");
        show(&run, "No changes.");
        Ok(())
    }

    async fn rotate(&self) -> Result<()> {
        step(
            2,
            "another release: another token, with the same role, and the old one is revoked",
        );
        let old = self.token().await?;
        self.release(2)?;
        let run = self.stage.workspace.apply().await?.success()?;
        show(&run, "~ generation");
        show(&run, "Apply complete!");
        self.answers(&self.token().await?, StatusCode::OK).await?;
        self.answers(&old, StatusCode::UNAUTHORIZED).await?;
        say("Pinot lets the new token in, and the old one no more.");
        let run = self.stage.workspace.plan().await?.success()?;
        ensure!(run.code == Some(0), "{run}");
        Ok(())
    }

    async fn lose_an_answer(&self) -> Result<()> {
        step(
            3,
            "somebody takes the role away, and as Terraform gives it back, the answer is lost",
        );
        let token = self.token().await?;
        self.sandbox.unassign_outside("orders-reader", subject(&token)?);
        self.answers(&token, StatusCode::FORBIDDEN).await?;
        say("Pinot knows the token, and does not let it in.");
        self.sandbox.fault(Fault::new(Effect::Cut).after().on("POST", ASSIGN));
        let before = self.sandbox.calls("POST", ASSIGN);
        let run = self.stage.workspace.apply().await?.success()?;
        show(&run, "Apply complete!");
        self.answers(&token, StatusCode::OK).await?;
        ensure!(
            self.sandbox.calls("POST", ASSIGN) == before + 1,
            "it was assigned twice"
        );
        say("The provider looked, and found it assigned: Pinot lets the token in again.");
        Ok(())
    }

    async fn stand_in_the_way(&self) -> Result<()> {
        step(
            4,
            "a role that somebody else has, too, is not deleted, and the error says whose it is",
        );
        let ann = || Subject::new("user-email", "ann@acme.com");
        self.sandbox.assign_outside("orders-reader", ann());
        let run = self.stage.workspace.destroy().await?;
        ensure!(run.code != Some(0) && run.says("ann@acme.com"), "{run}");
        ensure!(self.sandbox.roles().contains_key("orders-reader"), "the role is gone");
        say("orders-reader is assigned to user-email \"ann@acme.com\", and is still there.");
        self.sandbox.unassign_outside("orders-reader", ann());
        Ok(())
    }

    async fn revoke(&self) -> Result<()> {
        step(
            5,
            "terraform destroy takes everything back, in the order that the platform wants",
        );
        let run = self.stage.workspace.destroy().await?.success()?;
        show(&run, "Destroy complete!");
        let (policies, roles, tokens) = (self.sandbox.policies(), self.sandbox.roles(), self.sandbox.tokens());
        let left = (policies.len(), roles.len(), tokens.len());
        ensure!(left == (1, 1, 1), "left are {left:?}");
        say("Left are the policy, the role and the token that were there before.");
        Ok(())
    }

    fn release(&self, number: usize) -> Result<()> {
        let variables = format!("release = {number}\n");
        self.stage.workspace.write("terraform.tfvars", &variables)
    }

    /// The present token's value, which is not to be shown.
    async fn token(&self) -> Result<String> {
        self.stage.workspace.output("token").await
    }

    /// Holds what Pinot answers to this token against what it should.
    async fn answers(&self, token: &str, expected: StatusCode) -> Result<()> {
        let url = self.stage.url("").replace("/api/v1/rbac-manager/", "/appconfigs");
        let answer = self.stage.http.get(url).bearer_auth(token).send().await?.status();
        ensure!(answer == expected, "Pinot answers {answer}, not {expected}");
        Ok(())
    }
}

/// The token as a subject of roles.
fn subject(token: &str) -> Result<Subject> {
    let access_key = token.split('-').nth(1).context("the access key of a token")?;
    Ok(Subject::token(access_key))
}
