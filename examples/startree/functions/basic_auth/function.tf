resource "startree_service_token" "scraper" {
  description = "Scrapes metrics"
}

# A header for a client that does not support bearer tokens. The result is sensitive if the token is.
output "authorization" {
  value     = provider::startree::basic_auth(startree_service_token.scraper.token)
  sensitive = true
}
