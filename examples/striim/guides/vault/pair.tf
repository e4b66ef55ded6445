# At any time, the latest version of the secret and the version before it have a valid value each.
resource "striim_service_account_token_pair" "feed" {
  name         = "event-feed"
  expires_in   = "60d"
  rotate_every = "30d"

  vault = {
    mount = "secret"
    path  = "striim/feed"
  }
}

output "feed_token_version" {
  value = striim_service_account_token_pair.feed.current.vault_version
}
