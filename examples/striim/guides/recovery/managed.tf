# Marks every service account that this provider creates.
provider "striim" {
  managed_by = "acme/infra/prod"
}

resource "striim_service_account_token" "ci" {
  name       = "ci-pipeline"
  expires_in = "90d"
}
