# Expires at a fixed time. A changed expires_at rotates it.
resource "striim_service_account_token" "ci" {
  name        = "ci-pipeline"
  description = "Deploys the pipelines"
  expires_at  = "2027-06-30T00:00:00Z"
}

# Valid for 90 days. The first apply in the last 14 days rotates it.
resource "striim_service_account_token" "nightly" {
  name          = "nightly-jobs"
  expires_in    = "90d"
  rotate_before = "14d"
}

output "ci_token" {
  value     = striim_service_account_token.ci.token
  sensitive = true
}
