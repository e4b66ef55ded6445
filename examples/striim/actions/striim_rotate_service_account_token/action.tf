resource "striim_service_account_token" "ci" {
  name       = "ci-pipeline"
  expires_in = "90d"

  vault = {
    mount = "secret"
    path  = "striim/ci-pipeline"
  }
}

# Run this after a leak, without waiting for a plan:
# terraform apply -invoke=action.striim_rotate_service_account_token.ci
action "striim_rotate_service_account_token" "ci" {
  config {
    name       = striim_service_account_token.ci.name
    expires_in = striim_service_account_token.ci.expires_in
    vault      = striim_service_account_token.ci.vault
  }
}
