# When somebody leaves, or a token was seen where it should not be:
# terraform apply -invoke=action.striim_revoke_personal_access_token.jo
action "striim_revoke_personal_access_token" "jo" {
  config {
    email = "jo@example.com"
  }
}
