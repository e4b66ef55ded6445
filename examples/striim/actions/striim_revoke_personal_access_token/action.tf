# Run this when a user leaves, or after a leak:
# terraform apply -invoke=action.striim_revoke_personal_access_token.jo
action "striim_revoke_personal_access_token" "jo" {
  config {
    email = "jo@example.com"
  }
}
