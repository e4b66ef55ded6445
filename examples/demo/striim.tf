terraform {
  required_providers {
    striim = {
      source = "registry.terraform.io/token-providers/striim"
    }
  }
}

# STRIIM_BASE_URL and STRIIM_TOKEN say where the API is, and who asks.
provider "striim" {}

variable "expires_at" {
  description = "When the CI token ends. A change rotates it."
  type        = string
}

variable "pats_enabled" {
  description = "Whether users may have personal access tokens."
  type        = bool
}

resource "striim_service_account_token" "ci" {
  name        = "ci-pipeline"
  description = "Deployments"
  expires_at  = var.expires_at
}

resource "striim_pat_status" "account" {
  enabled = var.pats_enabled
}

output "ci_token" {
  description = "For the place where CI reads it."
  value       = striim_service_account_token.ci.token
  sensitive   = true
}

output "ci_token_generation" {
  value = striim_service_account_token.ci.generation
}
