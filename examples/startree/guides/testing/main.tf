terraform {
  required_providers {
    startree = {
      source  = "token-providers/startree"
      version = "~> 0.1.0"
    }
  }
}

# STARTREE_ENVIRONMENT and STARTREE_TOKEN set the environment and the provider's token.
provider "startree" {}

variable "readers" {
  description = "The services that may read tables, with the release of each. A new release rotates the token."
  type        = map(string)
}

resource "startree_role" "reader" {
  name = "orders-reader"
}

resource "startree_service_token" "reader" {
  for_each          = var.readers
  description       = each.key
  rotation_triggers = { release = each.value }
}

resource "startree_role_assignment" "reader" {
  for_each     = var.readers
  role         = startree_role.reader.id
  subject_type = "service-token"
  subject      = startree_service_token.reader[each.key].access_key
}

output "generations" {
  description = "Changes whenever a token is rotated."
  value       = { for name, token in startree_service_token.reader : name => token.generation }
}
