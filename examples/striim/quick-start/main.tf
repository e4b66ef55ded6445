terraform {
  required_providers {
    striim = {
      source = "token-providers/striim"
    }
  }
}

# STRIIM_ACCOUNT, STRIIM_CLOUD and STRIIM_TOKEN say which account it is, and who asks.
provider "striim" {}

resource "striim_service_account_token" "ci" {
  name        = "ci-pipeline"
  description = "Deploys the pipelines"
  expires_at  = "2027-06-30T00:00:00Z" # another instant rotates the token
}

output "ci_token" {
  description = "For the place where CI reads it."
  value       = striim_service_account_token.ci.token
  sensitive   = true
}
