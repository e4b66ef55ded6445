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

variable "tokens" {
  description = "All service account tokens by name, with purpose and expiry."
  type = map(object({
    description = string
    expires_at  = optional(string) # optional: the account has a default; legacy tokens have no expiry
  }))

  validation {
    condition     = alltrue([for token in var.tokens : length(token.description) >= 20])
    error_message = "The description must name the purpose of the token and who requested it."
  }
}

resource "striim_service_account_token" "this" {
  for_each = var.tokens

  name        = each.key
  description = each.value.description
  expires_at  = each.value.expires_at
}

output "generations" {
  description = "The generation of each token. A new number means a new value."
  value       = { for name, token in striim_service_account_token.this : name => token.generation }
}
