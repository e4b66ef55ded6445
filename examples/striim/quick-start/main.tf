terraform {
  required_providers {
    striim = {
      source  = "token-providers/striim"
      version = "~> 0.1.0"
    }
  }
}

# Reads STRIIM_ACCOUNT, STRIIM_CLOUD and STRIIM_TOKEN from the environment.
provider "striim" {}

resource "striim_service_account_token" "ci" {
  name        = "ci-pipeline"
  description = "Deploys the pipelines"
  expires_at  = "2027-06-30T00:00:00Z" # change this to rotate the token
}

output "ci_token" {
  description = "The value for the CI system."
  value       = striim_service_account_token.ci.token
  sensitive   = true
}
