terraform {
  required_providers {
    striim = {
      source = "registry.terraform.io/token-providers/striim"
    }
  }
}

# STRIIM_BASE_URL and STRIIM_TOKEN set the address and the credential of the provider.
provider "striim" {}

variable "expires_at" {
  description = "The expiry of the CI token. A change rotates the token."
  type        = string
}

variable "pats_enabled" {
  description = "Whether users may have personal access tokens."
  type        = bool
}

variable "age_recipients" {
  description = "The age recipients that can decrypt the CI token; null to keep its value in the state."
  type        = set(string)
  default     = null
}

resource "striim_service_account_token" "ci" {
  name           = "ci-pipeline"
  description    = "Deployments"
  expires_at     = var.expires_at
  age_recipients = var.age_recipients
}

resource "striim_pat_status" "account" {
  enabled = var.pats_enabled
}

output "ci_token" {
  description = "The token for CI."
  value       = striim_service_account_token.ci.token
  sensitive   = true
}

output "ci_token_encrypted" {
  description = "The token for CI, encrypted to the recipients."
  value       = striim_service_account_token.ci.encrypted_token
}

output "ci_token_generation" {
  value = striim_service_account_token.ci.generation
}
