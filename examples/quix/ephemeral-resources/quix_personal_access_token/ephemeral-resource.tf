# A token for this run: created in the plan and again in the apply, and deleted at the end of each.
ephemeral "quix_personal_access_token" "run" {
  name_prefix = "terraform-shop"
  expires_in  = "30m"
}

# Use it where Terraform stores no value: in the configuration of a provider, or in a write-only argument.
provider "quix" {
  alias = "run"
  token = ephemeral.quix_personal_access_token.run.token
}

data "quix_workspaces" "all" {
  provider = quix.run
}
