resource "startree_service_token" "scraper" {
  description = "Scrapes metrics"
}

# For a tool that sends a header as it is written. Of a sensitive token, it is sensitive.
output "authorization" {
  value     = provider::startree::basic_auth(startree_service_token.scraper.token)
  sensitive = true
}
