# A new value every 30 days, and each works for 60: 30 days to fetch the next one.
resource "striim_service_account_token_pair" "feed" {
  name         = "event-feed"
  description  = "Feeds events around the clock"
  expires_in   = "60d"
  rotate_every = "30d"
}
