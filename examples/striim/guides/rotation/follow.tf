resource "striim_service_account_token" "ci" {
  name          = "ci-pipeline"
  expires_in    = "90d"
  rotate_before = "14d"
}

# Stands for what uses the token: replaced in the same run in which the token is rotated.
resource "terraform_data" "deployment" {
  triggers_replace = striim_service_account_token.ci.generation
}
