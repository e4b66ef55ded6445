terraform {
  required_providers {
    quix = {
      source = "registry.terraform.io/token-providers/quix"
    }
  }
}

# Quix__Portal__Api and Quix__Sdk__Token set the address and the credential of the provider.
provider "quix" {}

variable "rotated" {
  description = "The date of the last rotation. A change rotates the tokens, which revokes token 1."
  type        = string
}

variable "slot" {
  description = "The token that the services use, 1 or 2."
  type        = number
}

resource "quix_streaming_tokens" "shop" {
  workspace_id = "acme-shop"

  rotation_triggers = {
    rotated = var.rotated
  }
}

output "services" {
  description = "The credential of the services."
  value       = var.slot == 1 ? quix_streaming_tokens.shop.token_1 : quix_streaming_tokens.shop.token_2
  sensitive   = true
}

variable "release" {
  description = "A change rotates the token of the pipeline."
  type        = string
  default     = "1"
}

resource "quix_personal_access_token" "pipeline" {
  name       = "pipeline"
  expires_in = "90d"

  rotation_triggers = {
    release = var.release
  }
}

output "pipeline" {
  description = "The credential of the pipeline."
  value       = quix_personal_access_token.pipeline.token
  sensitive   = true
}
