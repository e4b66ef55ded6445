# A token for this run alone: made in the plan and again in the apply, and revoked when each is done.
ephemeral "striim_service_account_token" "run" {
  name_prefix = "terraform"
  expires_in  = "30m"
}

# It goes where no value is stored: into the configuration of a provider, as here, or into a write-only argument.
provider "striim" {
  alias   = "run"
  account = "acme"
  cloud   = "gcp"
  token   = ephemeral.striim_service_account_token.run.token
}

resource "striim_service_account_token" "ci" {
  provider   = striim.run
  name       = "ci-pipeline"
  expires_in = "90d"
}
