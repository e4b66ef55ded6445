resource "startree_role" "reader" {
  name = "orders-reader"
}

# The first apply after 90 days rotates the token. The previous one remains valid for two more hours, because it can take up to an
# hour until all services accept the new one. The first apply after that deletes it.
resource "startree_service_token" "dashboards" {
  description  = "Dashboards of the orders team"
  rotate_every = "90d"
  overlap      = "2h"
}

# A token without a role has no access.
resource "startree_role_assignment" "dashboards" {
  role         = startree_role.reader.id
  subject_type = "service-token"
  subject      = startree_service_token.dashboards.access_key
}

output "dashboards_token" {
  value     = startree_service_token.dashboards.token
  sensitive = true
}
