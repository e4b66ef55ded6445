terraform {
  required_providers {
    quix = {
      source  = "token-providers/quix"
      version = "~> 0.1.0"
    }
  }
}

# The address of the Portal API and the token are in the environment variables Quix__Portal__Api and Quix__Sdk__Token.
provider "quix" {}

variable "jobs" {
  description = "The jobs that deploy to Quix, with the release of each. A new release rotates the token."
  type        = map(string)
}

resource "quix_personal_access_token" "job" {
  for_each          = var.jobs
  name              = each.key
  expires_in        = "90d"
  rotate_before     = "14d"
  rotation_triggers = { release = each.value }
}

output "generations" {
  description = "Changes whenever a token is rotated."
  value       = { for name, token in quix_personal_access_token.job : name => token.generation }
}
