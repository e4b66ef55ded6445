terraform {
  required_providers {
    striim = {
      source = "token-providers/striim"
    }
  }
}

# STRIIM_ACCOUNT, STRIIM_CLOUD and STRIIM_TOKEN say which account it is, and who asks.
provider "striim" {}

variable "tokens" {
  description = "Every service account token of the account, by its name: what it is for, and when it ends."
  type = map(object({
    description = string
    expires_at  = optional(string) # without it, the account decides; a legacy token has none
  }))

  validation {
    condition     = alltrue([for token in var.tokens : length(token.description) >= 20])
    error_message = "A description is to say what the token is for, and who asked for it."
  }
}

resource "striim_service_account_token" "this" {
  for_each = var.tokens

  name        = each.key
  description = each.value.description
  expires_at  = each.value.expires_at
}

output "generations" {
  description = "The number of each token's value: another one than before shows that there is a new value."
  value       = { for name, token in striim_service_account_token.this : name => token.generation }
}
