# A token for this run alone: made in the plan and again in the apply, and revoked when each is done.
ephemeral "startree_service_token" "run" {
  description_prefix = "Terraform, orders team"
  roles              = ["system-admin"]
  lifetime           = "30m"
}

# It goes where no value is stored: into the configuration of a provider, as here, or into a write-only argument.
provider "startree" {
  alias = "run"
  token = ephemeral.startree_service_token.run.token
}

resource "startree_role" "reader" {
  provider = startree.run
  name     = "orders-reader"
}
