# A token for this run: created in the plan and again in the apply, and deleted at the end of each.
ephemeral "startree_service_token" "run" {
  description_prefix = "Terraform, orders team"
  roles              = ["system-admin"]
  lifetime           = "30m"
}

# Use it where Terraform stores no value: in the configuration of a provider, or in a write-only argument.
provider "startree" {
  alias = "run"
  token = ephemeral.startree_service_token.run.token
}

resource "startree_role" "reader" {
  provider = startree.run
  name     = "orders-reader"
}
