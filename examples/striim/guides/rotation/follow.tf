resource "striim_service_account_token" "ci" {
  name          = "ci-pipeline"
  expires_in    = "90d"
  rotate_before = "14d"
}

# A stand-in for a consumer of the token: replaced in the run that rotates the token.
resource "terraform_data" "deployment" {
  triggers_replace = striim_service_account_token.ci.generation
}
