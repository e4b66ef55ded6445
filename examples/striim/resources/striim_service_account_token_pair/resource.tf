# Issues a value every 30 days. The previous value remains valid until the next rotation, so clients have 30 days to
# fetch the new one.
resource "striim_service_account_token_pair" "ci" {
  name         = "ci-pipeline"
  description  = "Deploys the pipelines"
  expires_in   = "90d"
  rotate_every = "30d"
}

output "ci_token" {
  value     = striim_service_account_token_pair.ci.current.token
  sensitive = true
}

output "ci_token_expires_at" {
  value = striim_service_account_token_pair.ci.current.expires_at
}
