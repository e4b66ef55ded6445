# The value is in the state and can be read from there.
resource "striim_service_account_token" "ci" {
  name          = "ci-pipeline"
  expires_in    = "90d"
  rotate_before = "14d"
}

output "ci_token" {
  value     = striim_service_account_token.ci.token
  sensitive = true
}
