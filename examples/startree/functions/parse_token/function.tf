resource "startree_service_token" "jdbc" {
  description = "Reads by JDBC"
}

locals {
  jdbc = provider::startree::parse_token(startree_service_token.jdbc.token)
}

output "jdbc" {
  value     = "user=${local.jdbc.username};password=${local.jdbc.password}"
  sensitive = true
}
