# The value is in the state, and goes from there to whoever needs it.
resource "striim_service_account_token" "ci" {
  name          = "ci-pipeline"
  expires_in    = "90d"
  rotate_before = "14d"
}

output "ci_token" {
  value     = striim_service_account_token.ci.token
  sensitive = true
}
