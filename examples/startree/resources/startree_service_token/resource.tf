resource "startree_role" "reader" {
  name = "orders-reader"
}

# Rotated by the first apply after 90 days. The token before it stays valid for two hours more, for it may take up to an hour
# until the platform lets the new one in everywhere; the first apply after that revokes it.
resource "startree_service_token" "dashboards" {
  description  = "Dashboards of the orders team"
  rotate_every = "90d"
  overlap      = "2h"
}

# Without a role a token is let in nowhere.
resource "startree_role_assignment" "dashboards" {
  role         = startree_role.reader.id
  subject_type = "service-token"
  subject      = startree_service_token.dashboards.access_key
}

output "dashboards_token" {
  value     = startree_service_token.dashboards.token
  sensitive = true
}
