terraform {
  required_providers {
    startree = {
      source = "registry.terraform.io/token-providers/startree"
    }
  }
}

# STARTREE_BASE_URL and STARTREE_TOKEN set the address and the credential of the provider.
provider "startree" {}

variable "release" {
  description = "The release of the dashboard. Each release has its own token."
  type        = number
}

resource "startree_policy" "query_orders" {
  name = "query-orders"
  document = jsonencode({
    version    = "v1"
    statements = [{ effect = "allow", actions = ["query"], resources = ["srn2:cluster#*:table#orders"] }]
  })
}

resource "startree_role" "orders_reader" {
  name = "orders-reader"
}

resource "startree_role_policy_attachment" "orders_reader" {
  role   = startree_role.orders_reader.id
  policy = startree_policy.query_orders.id
}

resource "startree_service_token" "dashboard" {
  description       = "The dashboard of the orders"
  rotation_triggers = { release = var.release }
}

resource "startree_role_assignment" "dashboard" {
  role         = startree_role.orders_reader.id
  subject_type = "service-token"
  subject      = startree_service_token.dashboard.access_key
}

output "token" {
  value     = startree_service_token.dashboard.token
  sensitive = true
}

data "startree_service_token" "dashboard" {
  access_key = startree_service_token.dashboard.access_key
  depends_on = [startree_role_assignment.dashboard]
}

output "roles" {
  value = data.startree_service_token.dashboard.roles
}
