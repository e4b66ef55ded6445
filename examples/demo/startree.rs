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
            opening: "Machines authenticate to StarTree with service tokens, whose roles grant permissions.",
            configuration: include_str!("startree.tf"),
            base_url: "STARTREE_BASE_URL",
            credential: ("STARTREE_TOKEN", sandbox.add_administrator().bearer()),
        };
        let stage = Stage::set(scene, &sandbox).await?;
        Ok(Self { sandbox, stage })
    }

    async fn create(&self) -> Result<()> {
        step(
            1,
            "terraform apply creates a policy, a role with the policy, and a token with the role",
        )
        .await?;
        self.release(1)?;
        let run = self.stage.workspace.apply().await?.success()?;
        show(&run, "Apply complete!");
        show(&run, "\"orders-reader\"");
        let token = self.token().await?;
        self.answers(&token, StatusCode::OK).await?;
        say("Pinot accepts the new token.");
        ensure!(!run.stdout.contains(&token), "the value was printed");
        let run = self.stage.workspace.plan().await?.success()?;
        ensure!(run.code == Some(0), "{run}");
        show(&run, "No changes.");
        Ok(())
    }

    async fn rotate(&self) -> Result<()> {
        step(
            2,
            "another release: a new token with the same role, and the old one is revoked",
        )
        .await?;
        let old = self.token().await?;
        self.release(2)?;
        let run = self.stage.workspace.apply().await?.success()?;
        show(&run, "~ generation");
        show(&run, "Apply complete!");
        self.answers(&self.token().await?, StatusCode::OK).await?;
        self.answers(&old, StatusCode::UNAUTHORIZED).await?;
        say("Pinot accepts the new token, and rejects the old one.");
        let run = self.stage.workspace.plan().await?.success()?;
        ensure!(run.code == Some(0), "{run}");
        Ok(())
    }

    async fn lose_an_answer(&self) -> Result<()> {
        step(
            3,
            "a user removes the role, Terraform assigns it again, and the answer is lost",
        )
        .await?;
        let token = self.token().await?;
        self.sandbox.unassign_outside("orders-reader", subject(&token)?);
        self.answers(&token, StatusCode::FORBIDDEN).await?;
        say("Pinot knows the token, but rejects it.");
        self.sandbox.fault(Fault::new(Effect::Cut).after().on("POST", ASSIGN));
        let before = self.sandbox.calls("POST", ASSIGN);
        let run = self.stage.workspace.apply().await?.success()?;
        show(&run, "Apply complete!");
        self.answers(&token, StatusCode::OK).await?;
        ensure!(
            self.sandbox.calls("POST", ASSIGN) == before + 1,
            "it was assigned twice"
        );
        say("The provider checked and found the role assigned: Pinot accepts the token again.");
        Ok(())
    }

    async fn stand_in_the_way(&self) -> Result<()> {
        step(
            4,
            "a role that is also assigned to another user is not deleted, and the error names the user",
        )
        .await?;
        let ann = || Subject::new("user-email", "ann@acme.com");
        self.sandbox.assign_outside("orders-reader", ann());
        let run = self.stage.workspace.destroy().await?;
        ensure!(run.code != Some(0) && run.says("ann@acme.com"), "{run}");
        ensure!(self.sandbox.roles().contains_key("orders-reader"), "the role is gone");
        say("orders-reader is assigned to user-email \"ann@acme.com\", and still exists.");
        self.sandbox.unassign_outside("orders-reader", ann());
        Ok(())
    }

    async fn revoke(&self) -> Result<()> {
        step(
            5,
            "terraform destroy deletes everything, in the order that the platform requires",
        )
        .await?;
        let run = self.stage.workspace.destroy().await?.success()?;
        show(&run, "Destroy complete!");
        let (policies, roles, tokens) = (self.sandbox.policies(), self.sandbox.roles(), self.sandbox.tokens());
        let remaining = (policies.len(), roles.len(), tokens.len());
        ensure!(remaining == (1, 3, 1), "remaining: {remaining:?}");
        say("The policy, the roles and the token that existed before remain.");
        Ok(())
    }

    fn release(&self, number: usize) -> Result<()> {
        let variables = format!("release = {number}\n");
        self.stage.workspace.write("terraform.tfvars", &variables)
    }

    /// The current token's value, which must not be printed.
    async fn token(&self) -> Result<String> {
        self.stage.workspace.output("token").await
    }

    /// Checks Pinot's answer to this token.
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
