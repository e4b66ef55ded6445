resource "striim_service_account_token" "ci" {
  name        = "ci-pipeline"
  description = "Deploys the pipelines"
  expires_at  = "2027-06-30T00:00:00Z" # another instant rotates the token
}

output "ci_token" {
  value     = striim_service_account_token.ci.token
  sensitive = true
}
