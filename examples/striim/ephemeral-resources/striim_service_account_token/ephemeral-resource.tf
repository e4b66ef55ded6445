# A token for this run only. Plan and apply each create one, and revoke it when they finish.
ephemeral "striim_service_account_token" "run" {
  name_prefix = "terraform"
  expires_in  = "30m"
}

# Pass the value where Terraform does not store it: to a provider's configuration, as here, or to a write-only argument.
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
