# Run this after a leak:
# terraform apply -invoke=action.quix_revoke_personal_access_token.leaked
action "quix_revoke_personal_access_token" "leaked" {
  config {
    id = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
  }
}
