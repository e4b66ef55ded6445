terraform {
  required_providers {
    quix = {
      source = "registry.terraform.io/token-providers/quix"
    }
  }
}

# Quix__Portal__Api and Quix__Sdk__Token say where the Portal API is, and who asks.
provider "quix" {
  # The sandbox's own: Quix's public documentation does not tell these paths.
  streaming_tokens_path        = "/workspaces/{workspaceId}/sandbox-tokens"
  rotate_streaming_tokens_path = "/workspaces/{workspaceId}/sandbox-tokens/rotate"
}

variable "rotated" {
  description = "When the streaming tokens were to be rotated last. A change ends token 1."
  type        = string
}

variable "slot" {
  description = "Which of the two tokens the services are given."
  type        = number
}

resource "quix_streaming_tokens" "shop" {
  workspace_id = "acme-shop"

  rotation_triggers = {
    rotated = var.rotated
  }
}

output "services" {
  description = "What the services prove themselves with."
  value       = var.slot == 1 ? quix_streaming_tokens.shop.token_1 : quix_streaming_tokens.shop.token_2
  sensitive   = true
}
