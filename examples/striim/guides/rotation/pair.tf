# A new value every 30 days, each valid for 60: consumers have 30 days to fetch the next one.
resource "striim_service_account_token_pair" "feed" {
  name         = "event-feed"
  description  = "Feeds events around the clock"
  expires_in   = "60d"
  rotate_every = "30d"
}
