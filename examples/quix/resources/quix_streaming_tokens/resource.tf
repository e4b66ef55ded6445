resource "quix_streaming_tokens" "dev" {
  workspace_id = "acme-shop-dev"

  # Every change revokes token 1 and makes token 2 token 1.
  rotation_triggers = {
    rotated = "2027-01-15"
  }
}

# Give token 2 to the services: it remains valid during a rotation.
output "streaming_token" {
  value     = quix_streaming_tokens.dev.token_2
  sensitive = true
}
